from __future__ import annotations

from random import Random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from detector.network import Heads
from detector.peaks import Maps, decode, decode_logits, mirrored_maps, plain_maps
from tests.paths import SHARED, needs_shared

HEIGHT, WIDTH, CLASSES = 12, 16, 3


def test_empty_heatmap_gives_rows_of_score_zero() -> None:
    rows = decode(_maps(torch.zeros(1, CLASSES, HEIGHT, WIDTH)), top_k=5)
    assert rows.shape == (1, 5, 6)
    assert rows[..., 4].abs().max() == 0


# Centres far enough apart that none is another's neighbour.
cells = st.sets(
    st.tuples(
        st.integers(0, CLASSES - 1),
        st.integers(0, HEIGHT // 2 - 1).map(lambda y: 2 * y),
        st.integers(0, WIDTH // 2 - 1).map(lambda x: 2 * x),
    ),
    min_size=1,
    max_size=20,
)


@given(cells, st.randoms(use_true_random=False))
def test_decode_gives_back_boxes_with_centres_in_distinct_cells(
    chosen: set[tuple[int, int, int]], random: Random
) -> None:
    # Sizes and offsets belong to the cell, whatever the class.
    size = torch.rand(1, 2, HEIGHT, WIDTH, generator=_stream(random)) * 20
    offset = torch.rand(1, 2, HEIGHT, WIDTH, generator=_stream(random))
    score = torch.zeros(1, CLASSES, HEIGHT, WIDTH)
    expected = {}
    for rank, (class_id, y, x) in enumerate(sorted(chosen), start=1):
        score[0, class_id, y, x] = rank / 32  # all different
        centre = np.array([x, y]) + offset[0, :, y, x].numpy()
        half = size[0, :, y, x].numpy() / 2
        expected[rank / 32] = [*(centre - half), *(centre + half), rank / 32, class_id]
    rows = decode(Maps(score, size, offset), top_k=len(chosen))[0].numpy()
    best_first = [expected[key] for key in sorted(expected, reverse=True)]
    np.testing.assert_allclose(rows, best_first, rtol=1e-6, atol=1e-5)


def test_cell_beside_a_higher_one_is_no_peak() -> None:
    score = torch.zeros(1, 1, 5, 5)
    score[0, 0, 2, 2], score[0, 0, 3, 3] = 0.9, 0.8
    assert decode(_maps(score), top_k=25)[0, :, 4].tolist()[:2] == [pytest.approx(0.9), 0]


def test_neighbour_of_another_class_does_not_matter() -> None:
    score = torch.zeros(1, 2, 5, 5)
    score[0, 0, 2, 2], score[0, 1, 2, 2] = 0.9, 0.8
    rows = decode(_maps(score), top_k=2)[0]
    assert rows[:, 5].tolist() == [0, 1]


def test_every_cell_of_a_plateau_is_a_peak() -> None:
    score = torch.zeros(1, 1, 6, 6)
    score[0, 0, 2:4, 2:5] = 0.5
    assert (decode(_maps(score), top_k=36)[0, :, 4] > 0).sum() == 6


def test_logits_that_saturate_make_one_plateau() -> None:
    """Both sigmoids are exactly 1 in float32, so both cells are peaks, as published."""
    heatmap = torch.full((1, 1, 5, 5), -9.0)
    heatmap[0, 0, 2, 2], heatmap[0, 0, 2, 3] = 30, 40
    box = torch.zeros(1, 2, 5, 5)
    rows = decode(plain_maps(Heads(heatmap, box, box)), top_k=2)[0]
    assert rows[:, 4].tolist() == [1, 1]


def test_peak_on_the_border_counts() -> None:
    score = torch.zeros(1, 1, 5, 5)
    score[0, 0, 0, 4] = 0.5
    row = decode(_maps(score), top_k=1)[0, 0]
    assert row.tolist() == [4, 0, 4, 0, 0.5, 0]


def test_negative_size_is_kept() -> None:
    score = torch.zeros(1, 1, 5, 5)
    score[0, 0, 2, 2] = 0.5
    maps = Maps(score, torch.full((1, 2, 5, 5), -2.0), torch.zeros(1, 2, 5, 5))
    assert decode(maps, top_k=1)[0, 0, :4].tolist() == [3, 3, 1, 1]


def test_more_rows_than_cells_gives_all_cells() -> None:
    assert decode(_maps(torch.rand(2, 3, 2, 2)), top_k=100).shape == (2, 12, 6)


def test_pictures_of_a_batch_do_not_mix() -> None:
    heads = _random_heads(4)
    together = decode(plain_maps(_copy(heads)), top_k=7)
    for picture in range(4):
        alone = Heads(*(head[picture : picture + 1].clone() for head in heads))
        assert torch.equal(decode(plain_maps(alone), top_k=7)[0], together[picture])


def test_memory_layout_of_the_heads_does_not_matter() -> None:
    heads = _random_heads(2)
    last = Heads(*(head.clone(memory_format=torch.channels_last) for head in heads))
    assert torch.equal(decode(plain_maps(last), top_k=9), decode(plain_maps(_copy(heads)), top_k=9))


def test_mirror_image_that_agrees_changes_nothing() -> None:
    heads = _random_heads(2)
    flipped_offset = torch.stack([1 - heads.offset[:, 0], heads.offset[:, 1]], 1)
    mirror = Heads(heads.heatmap.flip(3), heads.size.flip(3), flipped_offset.flip(3))
    both = Heads(*(torch.cat(pair) for pair in zip(heads, mirror, strict=True)))
    for ours, expected in zip(mirrored_maps(both), plain_maps(heads), strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-6, atol=1e-6)


def test_mirror_averages_scores_and_not_logits() -> None:
    heatmap = torch.zeros(2, 1, 1, 2)
    heatmap[0, 0, 0, 0] = 4  # sigmoid 0.982; its mirror image says 0.5
    box = torch.zeros(2, 2, 1, 2)
    maps = mirrored_maps(Heads(heatmap, box, box))
    assert maps.score[0, 0, 0, 0].item() == pytest.approx((0.98201379 + 0.5) / 2)


@given(
    seed=st.integers(0, 10_000),
    top_k=st.sampled_from([1, 7, 60]),
    step=st.sampled_from([0.0, 0.5, 2.0]),  # of the logits: coarse ones make plateaus and ties
    channels_last=st.booleans(),
)
def test_logits_first_finds_the_same(
    seed: int, top_k: int, step: float, channels_last: bool
) -> None:
    heads = _random_heads(2, seed=seed)
    if step:
        heads = heads._replace(heatmap=(heads.heatmap / step).round() * step)
    if channels_last:
        heads = Heads(*(head.contiguous(memory_format=torch.channels_last) for head in heads))
    found = decode_logits(_copy(heads), top_k=top_k)
    expected = decode(plain_maps(_copy(heads)), top_k=top_k)
    # 1e-7: torch takes another sigmoid for the last few numbers of an array
    torch.testing.assert_close(found[..., 4], expected[..., 4], rtol=2e-7, atol=0)
    for ours, theirs in zip(found.tolist(), expected.tolist(), strict=True):
        last = theirs[-1][4]  # of the ones equal to it, which are taken is anybody's choice
        assert _boxes_above(ours, last) == _boxes_above(theirs, last)


def test_logits_first_keeps_a_plateau_of_equal_logits() -> None:
    heatmap = torch.full((1, 1, 6, 6), -9.0)
    heatmap[0, 0, 2:4, 2:5] = 0.5
    box = torch.zeros(1, 2, 6, 6)
    rows = decode_logits(Heads(heatmap, box, box), top_k=36)
    assert (rows[0, :, 4] > 0.5).sum() == 6


def test_logits_first_finds_the_top_where_scores_saturate() -> None:
    """`decode` has every cell of it, as published; see test_logits_that_saturate above."""
    heads = _random_heads(2)
    heads = heads._replace(heatmap=heads.heatmap * 5 + 40)
    found = decode_logits(_copy(heads), top_k=500)
    every = decode(plain_maps(_copy(heads)), top_k=576)
    for ours, theirs in zip(found.tolist(), every.tolist(), strict=True):
        tops = _boxes_above(ours, 0.5)
        assert tops < _boxes_above(theirs, 0.5)


@needs_shared("oracle", "units", "unit_decode.npz")
def test_decode_gives_the_published_rows() -> None:
    with np.load(SHARED / "oracle" / "units" / "unit_decode.npz") as units:
        maps = Maps(*(torch.from_numpy(units[key]) for key in ("hm", "wh", "reg")))
        np.testing.assert_array_equal(decode(maps, top_k=30).numpy(), units["ct"])


@needs_shared("oracle")
@pytest.mark.parametrize("picture", ["blocks", "24274813513"])
def test_saturated_heads_give_the_published_rows(picture: str) -> None:
    """Thousands of scores are exactly 1: only the published order of selection finds these."""
    with np.load(SHARED / "oracle" / f"golden__{picture}__fix512.npz") as golden:
        boxes = torch.from_numpy(golden["wh4"])
        heads = Heads(torch.from_numpy(golden["hm_logits"]), boxes[:, :2], boxes[:, 2:])
        np.testing.assert_array_equal(decode(plain_maps(heads), top_k=100), golden["dets"])


def _maps(score: Tensor) -> Maps:
    b, _c, h, w = score.shape
    return Maps(score, torch.zeros(b, 2, h, w), torch.zeros(b, 2, h, w))


def _boxes_above(rows: list[list[float]], score: float) -> set[tuple[float, ...]]:
    return {(*row[:4], row[5]) for row in rows if row[4] > score * (1 + 1e-6)}


def _random_heads(batch: int, *, seed: int = 5) -> Heads:
    stream = torch.Generator().manual_seed(seed)
    return Heads(
        torch.randn(batch, CLASSES, HEIGHT, WIDTH, generator=stream),
        torch.rand(batch, 2, HEIGHT, WIDTH, generator=stream) * 9,
        torch.rand(batch, 2, HEIGHT, WIDTH, generator=stream),
    )


def _copy(heads: Heads) -> Heads:
    return Heads(*(head.clone() for head in heads))


def _stream(random: Random) -> torch.Generator:
    return torch.Generator().manual_seed(random.randrange(2**31))
