from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from detector.network import Heads
from tests.paths import SHARED, needs_shared
from train.batch import Targets
from train.losses import BoxLoss, LossConfig, Norms, losses, norms
from train.overlap import box_at_cell, distance_iou, generalised_iou, iou

TRAINING = SHARED / "oracle" / "training"
CLASSES, SIDE = 2, 6


def test_batch_without_boxes_learns_that_nothing_is_there() -> None:
    heads, targets = _heads(1), _targets([[]])
    heads.heatmap.requires_grad_()
    found = losses(heads, targets, norms(targets), LossConfig())
    p = heads.heatmap.double().sigmoid().clamp(1e-4, 1 - 1e-4)
    assert float(found.heatmap.detach()) == pytest.approx(
        float(-(p**2 * (1 - p).log()).sum().detach()), rel=1e-6
    )
    assert (float(found.size), float(found.offset)) == (0, 0)
    found.total.backward()  # type: ignore[no-untyped-call]  # torch has no types for it


def test_perfect_heads_lose_next_to_nothing() -> None:
    targets = _targets([[(0, 2, 3), (1, 4, 4)]])
    logits = torch.full((1, CLASSES, SIDE, SIDE), -20.0)
    logits[0, 0, 2, 3] = logits[0, 1, 4, 4] = 20
    heads = Heads(logits, *_true_boxes(targets))
    for box in ("l1", "giou", "diou"):
        found = losses(heads, targets, norms(targets), LossConfig(box=box))
        assert float(found.total) < 1e-5


def test_losses_are_the_words_in_float64() -> None:
    """A second derivation in numpy, from the formulas and every cell."""
    heads, targets = _heads(2), _targets([[(0, 1, 1), (1, 4, 2)], [(0, 5, 5)]])
    found = losses(heads, targets, norms(targets), LossConfig())
    truth = np.zeros(2 * CLASSES * SIDE * SIDE)
    truth[targets.heat_at.numpy()] = targets.heat.numpy()
    logits = heads.heatmap.double().numpy().ravel()
    heatmap = _focal_by_hand(logits, truth)
    said = torch.cat([heads.size, heads.offset], 1).double().numpy()
    size = offset = 0.0
    for cell, box, weight in zip(
        targets.box_at.tolist(), targets.box.tolist(), targets.box_weight.tolist(), strict=True
    ):
        picture, place = divmod(cell, SIDE * SIDE)
        mine = said[picture, :, place // SIDE, place % SIDE]
        size += weight * (abs(mine[0] - box[0]) + abs(mine[1] - box[1]))
        offset += weight * (abs(mine[2] - box[2]) + abs(mine[3] - box[3]))
    norm = 2 * float(targets.box_weight.double().sum()) + 1e-4
    assert float(found.heatmap) == pytest.approx(heatmap, rel=1e-5)
    assert float(found.size) == pytest.approx(size / norm, rel=1e-5)
    assert float(found.offset) == pytest.approx(offset / norm, rel=1e-5)
    total = heatmap + 0.05 * size / norm + 0.5 * offset / norm
    assert float(found.total) == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("box", ["l1", "giou", "diou"])
def test_halves_of_a_batch_with_common_norms_add_up_to_the_whole(box: BoxLoss) -> None:
    config = LossConfig(box=box)
    heads = _heads(2)
    first, second = [(0, 1, 1), (1, 4, 2)], [(0, 5, 5)]
    whole = _targets([first, second])
    halves = [_targets([first]), _targets([second])]
    over = Norms(*(sum(each) for each in zip(*map(norms, halves), strict=True)))
    parts = [
        losses(Heads(*(part[i : i + 1] for part in heads)), half, over, config)
        for i, half in enumerate(halves)
    ]
    want = losses(heads, whole, norms(whole), config)
    for term, a, b in zip(want, *parts, strict=True):
        assert float(a + b) == pytest.approx(float(term), rel=1e-5)


def test_quality_wants_the_score_that_the_box_deserves() -> None:
    targets = _targets([[(0, 2, 3)]])
    size, offset = _true_boxes(targets)
    half = Heads(
        torch.zeros(1, CLASSES, SIDE, SIDE), size * torch.tensor([0.5, 1])[:, None, None], offset
    )
    config = LossConfig(quality="iou", size=0, offset=0)
    logit = torch.linspace(-3, 3, 61)
    found = []
    for value in logit:
        heatmap = torch.full((1, CLASSES, SIDE, SIDE), -20.0)
        heatmap[0, 0, 2, 3] = value
        found.append(
            float(losses(half._replace(heatmap=heatmap), targets, norms(targets), config).total)
        )
    best = float(logit[int(np.argmin(found))].sigmoid())
    assert best == pytest.approx(0.5, abs=0.03)  # half as wide: an IoU of 0.5


@pytest.mark.parametrize(
    ("a", "b", "wanted"),
    [
        pytest.param((2, 2, 0, 0), (2, 2, 0, 0), (1, 1, 1), id="the same"),
        # 2 x 2 squares 1 apart: shared 2, union 6, hull 3 x 2.
        pytest.param((2, 2, 0, 0), (2, 2, 1, 0), (1 / 3, 1 / 3, 1 / 3 - 1 / 13), id="half over"),
        # 3 apart: nothing shared, union 8, hull 5 x 2; centres 3 apart, diagonal squared 29.
        pytest.param((2, 2, 0, 0), (2, 2, 3, 0), (0, -0.2, -9 / 29), id="apart"),
        pytest.param((-2, 2, 0, 0), (2, 2, 0, 0), (0, 0, 0), id="negative width is none"),
    ],
)
def test_overlaps_of_two_boxes(
    a: tuple[float, ...], b: tuple[float, ...], wanted: tuple[float, float, float]
) -> None:
    one = box_at_cell(torch.tensor([a], dtype=torch.float64))
    other = box_at_cell(torch.tensor([b], dtype=torch.float64))
    found = [float(measure(one, other)) for measure in (iou, generalised_iou, distance_iou)]
    assert found == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("measure", [generalised_iou, distance_iou])
def test_boxes_that_do_not_touch_are_drawn_together(measure: object) -> None:
    assert callable(measure)
    said = torch.tensor([[2.0, 2.0, 0.0, 0.0]], requires_grad=True)
    (1 - measure(box_at_cell(said), torch.tensor([[5.0, -1.0, 7.0, 1.0]]))).sum().backward()
    assert said.grad is not None
    assert float(said.grad[0, 2]) < 0  # a step down the gradient moves the centre to the right


@pytest.mark.parametrize("measure", [generalised_iou, distance_iou])
def test_box_of_negative_width_learns_to_have_one(measure: object) -> None:
    assert callable(measure)
    said = torch.tensor([[-1.0, 2.0, 0.0, 0.0]], requires_grad=True)
    (1 - measure(box_at_cell(said), torch.tensor([[-2.0, -1.0, 2.0, 1.0]]))).sum().backward()
    assert said.grad is not None
    assert float(said.grad[0, 0]) < -0.1  # a step down the gradient makes it wider


@needs_shared("oracle", "training")
@pytest.mark.parametrize("name", ["single_large", "overlap_same_class", "border_tiny_degenerate"])
def test_losses_are_the_published_ones(name: str) -> None:
    golden = np.load(TRAINING / f"targets_fork_default__{name}.npz")
    said = np.load(TRAINING / "loss_random_preds.npz")
    wanted = json.loads((TRAINING / "losses.json").read_text())[f"default/{name}"]
    boxes = torch.from_numpy(said["wh4"])
    heads = Heads(torch.from_numpy(said["hm_logits"]), boxes[:, :2], boxes[:, 2:])
    targets = _stored(golden)
    found = losses(heads, targets, norms(targets), LossConfig())
    # 1e-6 of 17,000: sums of a million cells in float32, in another order.
    assert float(found.heatmap) == pytest.approx(wanted["hm_loss"], rel=1e-6)
    assert float(found.size) == pytest.approx(wanted["wh_loss"], rel=1e-5)
    assert float(found.offset) == pytest.approx(wanted["off_loss"], rel=1e-5)
    assert float(found.total) == pytest.approx(wanted["loss"], rel=1e-6)


def _stored(golden: dict[str, NDArray[np.float32]]) -> Targets:
    """The oracle's dense arrays as ours."""
    heat, weight = golden["hm"].ravel(), golden["dense_wh_mask"][0].ravel()
    box = np.concatenate([golden["dense_wh"], golden["dense_off"]]).reshape(4, -1).T
    heat_at, box_at = np.flatnonzero(heat), np.flatnonzero(weight)
    centre_at, centre_box = np.empty(0, np.int64), np.empty((0, 4), np.float32)
    columns = (heat_at, heat[heat_at], box_at, box[box_at], weight[box_at], centre_at, centre_box)
    return Targets(*(torch.from_numpy(column.copy()) for column in columns))


def _focal_by_hand(logits: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    p = np.clip(1 / (1 + np.exp(-logits)), 1e-4, 1 - 1e-4)
    peak = truth == 1
    at_peak = ((1 - p[peak]) ** 2 * np.log(p[peak])).sum()
    rest = (1 - truth[~peak]) ** 4 * p[~peak] ** 2 * np.log(1 - p[~peak])
    return float(-(at_peak + rest.sum()) / max(1, peak.sum()))


def _heads(pictures: int) -> Heads:
    stream = torch.Generator().manual_seed(5)
    shape = (pictures, CLASSES, SIDE, SIDE)
    heat = torch.randn(shape, generator=stream)
    box = torch.randn(pictures, 4, SIDE, SIDE, generator=stream)
    return Heads(heat, box[:, :2], box[:, 2:])


def _targets(pictures: Sequence[Sequence[tuple[int, int, int]]]) -> Targets:
    """One object of 2 x 3 cells at every (class, y, x), with a paler cell to its right."""
    cells = SIDE * SIDE
    heat_at, heat, box_at, centre_at = [], [], [], []
    for picture, objects in enumerate(pictures):
        for kind, y, x in objects:
            place = y * SIDE + x
            centre_at.append((picture * CLASSES + kind) * cells + place)
            heat_at.append(centre_at[-1])
            heat.append(1.0)
            box_at.append(picture * cells + place)
            if x + 1 < SIDE:
                heat_at.append(centre_at[-1] + 1)
                heat.append(0.5)
    box = torch.tensor([[2.0, 3.0, 0.25, 0.5]]).repeat(len(box_at), 1)
    weight = torch.tensor([0.5 + cell % cells % 7 / 10 for cell in box_at])
    return Targets(
        torch.tensor(heat_at, dtype=torch.int64),
        torch.tensor(heat),
        torch.tensor(box_at, dtype=torch.int64),
        box,
        weight,
        torch.tensor(centre_at, dtype=torch.int64),
        box,
    )


def _true_boxes(targets: Targets) -> tuple[torch.Tensor, torch.Tensor]:
    """Size and offset maps of one picture that are right everywhere."""
    box = targets.box[0][:, None, None].expand(4, SIDE, SIDE)[None]
    return box[:, :2], box[:, 2:]
