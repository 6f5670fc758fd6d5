from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from configs.errors import ConfigError
from detector.network import Heads, PointNetwork, untrained
from tests.detector.tiny import tiny_network
from train.batch import Batch, Encoder
from train.checkpoint import check_numbers
from train.distributed import World
from train.errors import DivergedError
from train.learner import Learner, LearnerConfig, Precision, Step
from train.losses import LossConfig
from train.normalise import Normalise
from train.optimizer import OptimizerConfig, make_optimizer
from train.sample import Sample
from train.targets import TargetsConfig

CPU = torch.device("cpu")
EXACT = LearnerConfig(precision="fp32", average_decay=0.5, average_ramp=1e-3)


class Plain(PointNetwork):
    """Without batch normalisation, so that every picture counts for itself."""

    stride = 4

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 8, 4, stride=4)
        self.heads = nn.Conv2d(8, classes + 4, 1)

    def forward(self, pictures: Tensor) -> Heads:
        said = self.heads(self.body(pictures).relu()).float()
        return Heads(said[:, :-4], said[:, -4:-2], said[:, -2:])


def test_two_batches_added_up_move_weights_as_one_twice_as_large() -> None:
    first, second = _batch([1, 2]), _batch([3])
    whole = _batch([1, 2, 3])
    together, apart = _learner(), _learner()
    one = together.step([whole], lr=0.1)
    other = apart.step([first, second], lr=0.1)
    assert other.losses == pytest.approx(one.losses, rel=1e-5)
    for a, b in zip(together.network.parameters(), apart.network.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_long_gradients_are_shortened_to_the_limit() -> None:
    free, bound = _learner(), _learner(OptimizerConfig(clip_norm=0.01, momentum=0, weight_decay=0))
    start = [weight.detach().clone() for weight in bound.network.parameters()]
    step = bound.step([_batch([1])], lr=1.0)
    assert step.gradient_norm == pytest.approx(free.step([_batch([1])], lr=1.0).gradient_norm)
    assert step.gradient_norm > 0.01
    moved = sum(
        float((weight.detach() - old).square().sum())
        for weight, old in zip(bound.network.parameters(), start, strict=True)
    )
    assert math.sqrt(moved) == pytest.approx(0.01, rel=1e-3)


def test_average_follows_and_is_what_is_used() -> None:
    learner = _learner()
    start = [weight.detach().clone() for weight in learner.network.parameters()]
    learner.step([_batch([1])], lr=0.1)
    for old, new, mean in zip(
        start, learner.network.parameters(), learner.trained.parameters(), strict=True
    ):
        torch.testing.assert_close(mean, (old + new.detach()) / 2)  # decay 0.5, no ramp left


@pytest.mark.parametrize(("decays", "groups"), [(True, [4]), (False, [2, 2])])
def test_biases_and_norms_decay_as_published_or_not_at_all(
    decays: bool, groups: Sequence[int]
) -> None:
    config = OptimizerConfig(kind="adamw", weight_decay=0.1, decays_norms=decays)
    made = make_optimizer(untrained(Plain, 2), config).param_groups  # two kernels, two biases
    assert [len(group["params"]) for group in made] == groups
    assert [group["weight_decay"] for group in made] == [0.1, 0.0][: len(groups)]


def test_step_whose_loss_is_no_number_can_be_skipped_and_is_counted() -> None:
    learner = _learner(config=LearnerConfig(precision="fp32", when_diverged="skip"))
    before = [weight.detach().clone() for weight in learner.network.parameters()]
    step = learner.step([_poisoned(_batch([1]))], lr=0.1)
    assert step.was_skipped
    assert learner.skipped == 1
    for old, new in zip(before, learner.network.parameters(), strict=True):
        assert torch.equal(old, new)
    assert not learner.step([_batch([1])], lr=0.1).was_skipped


def test_skipped_step_leaves_what_normalisation_remembers() -> None:
    """A batch that leaves the range of half precision would spoil it for good."""
    learner = _learner(
        config=LearnerConfig(precision="fp32", when_diverged="skip"), network=tiny_network()
    )
    before = {name: value.clone() for name, value in learner.network.state_dict().items()}
    stem = next(learner.network.parameters())
    kept = stem.detach().clone()
    nn.init.constant_(stem, math.inf)
    assert learner.step([_batch([2, 3])], lr=0.1).was_skipped
    with torch.no_grad():
        stem.copy_(kept)
    for name, value in learner.network.state_dict().items():
        assert torch.equal(value, before[name]), name
    check_numbers(learner.kept(), 1)


def test_picture_of_one_cell_alone_is_a_wrong_batch() -> None:
    """Batch normalisation has nothing to normalise over."""
    with pytest.raises(ConfigError, match="batch: expected 2 or more, got 1"):
        _learner(network=tiny_network()).step([_batch([1])], lr=0.1)


def test_step_whose_loss_is_no_number_is_an_error_otherwise() -> None:
    with pytest.raises(DivergedError, match=r"NaN or infinite \(total nan"):
        _learner().step([_poisoned(_batch([1]))], lr=0.1)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_learns_what_full_precision_does(precision: Precision) -> None:
    half, full = _learner(config=LearnerConfig(precision=precision)), _learner()
    losses = [
        [step.losses.total for step in _steps(learner, 30) if not step.was_skipped]
        for learner in (half, full)
    ]
    assert len(losses[0]) > 10  # with fp16 the first ones find out how far to scale
    assert losses[0][-1] < losses[0][0] / 10
    for mine, theirs in zip(*losses, strict=False):
        assert mine == pytest.approx(theirs, rel=0.05)  # bf16 keeps 8 bits, fp16 11


def _steps(learner: Learner, count: int) -> list[Step]:
    return [learner.step([_batch([1, 2])], lr=0.02) for _ in range(count)]


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        pytest.param(LossConfig(box="giou"), TargetsConfig(), id="giou"),
        pytest.param(LossConfig(box="diou"), TargetsConfig(), id="diou"),
        pytest.param(LossConfig(quality="iou"), TargetsConfig(), id="quality"),
        pytest.param(
            LossConfig(size=0.1, offset=1), TargetsConfig(regression="sparse"), id="sparse"
        ),
        pytest.param(LossConfig(), TargetsConfig(radius="corrected"), id="corrected radius"),
    ],
)
def test_every_switch_learns(loss: LossConfig, targets: TargetsConfig) -> None:
    learner = _learner(loss=loss)
    batch = _batch([1, 2, 3], targets)
    losses = [learner.step([batch], lr=0.01).losses.total for _ in range(40)]
    assert losses[-1] < losses[0] / 5


def test_normalised_pictures_are_the_detectors_own() -> None:
    from tests.detector.tiny import RECIPE

    pixels = torch.arange(256, dtype=torch.uint8)[None, None, :, None].expand(1, 1, 256, 3)
    found = Normalise(RECIPE.mean, RECIPE.std, CPU)(pixels)  # (1, 3, 1, 256)
    wanted = RECIPE.normalisation().transpose(2, 0, 1)[None]
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-6)


def _learner(
    optimizer: OptimizerConfig | None = None,
    config: LearnerConfig = EXACT,
    loss: LossConfig | None = None,
    network: PointNetwork | None = None,
) -> Learner:
    return Learner(
        network or untrained(Plain, 2),
        Normalise((0.4,) * 3, (0.25,) * 3, CPU),
        CPU,
        World(),
        loss=loss or LossConfig(),
        optimizer=optimizer or OptimizerConfig(),
        config=config,
    )


def _batch(seeds: Sequence[int], targets: TargetsConfig | None = None) -> Batch:
    """A picture a seed, with as many boxes as the seed says."""
    encoder = Encoder(2, 4, targets or TargetsConfig())
    return encoder.collate([encoder(_sample(seed)) for seed in seeds])


def _sample(seed: int) -> Sample:
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, 16, (seed, 2)).astype(np.float32)
    return Sample(
        rng.integers(0, 256, (32, 32, 3), np.uint8),
        np.concatenate([corners, corners + 14], 1),
        (np.arange(seed) % 2).astype(np.int32),
        tuple(() for _ in range(seed)),
        np.zeros(seed, np.bool_),
        seed,
        str(seed),
    )


def _poisoned(batch: Batch) -> Batch:
    targets = batch.targets._replace(box=batch.targets.box * math.nan)
    return batch._replace(targets=targets)
