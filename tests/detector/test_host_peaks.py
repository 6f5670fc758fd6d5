from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.host_peaks import peaks_above
from detector.network import Heads
from detector.peaks import decode, plain_maps
from tests.paths import SHARED, needs_shared


def test_nothing_above_the_threshold_gives_no_row() -> None:
    found = peaks_above(_heads(seed=0, spread=0.0), min_score=0.9, top_k=100)
    assert found.shape == (2, 0, 6)


@given(
    seed=st.integers(0, 10_000),
    min_score=st.sampled_from([1e-9, 0.01, 0.1, 0.3, 0.5, 0.9, 0.999, 1.0]),
    top_k=st.sampled_from([1, 7, 100]),
    spread=st.sampled_from([0.5, 2.0, 30.0]),  # 30: many scores are exactly 1
    channels_last=st.booleans(),
)
def test_rows_are_those_of_the_dense_search(
    seed: int, min_score: float, top_k: int, spread: float, channels_last: bool
) -> None:
    heads = _heads(seed=seed, spread=spread, mean=-3.0)
    if channels_last:
        heads = Heads(*(head.contiguous(memory_format=torch.channels_last) for head in heads))
    expected = decode(plain_maps(_copy(heads)), top_k=top_k).numpy()
    found = peaks_above(heads, min_score=min_score, top_k=top_k)
    for ours, theirs in zip(found, expected, strict=True):
        _assert_same(ours, theirs, min_score, top_k)


def test_plateau_over_the_border_is_all_peaks() -> None:
    heads = _heads(seed=0, spread=0.0, mean=-5.0)
    heads.heatmap[0, 1, 0, :3] = 2.0
    rows = peaks_above(heads, min_score=0.3, top_k=100)
    assert (rows[0, :, 4] > 0).sum() == 3
    assert (rows[1, :, 4] > 0).sum() == 0


def test_score_equal_to_the_threshold_stays() -> None:
    heads = _heads(seed=0, spread=0.0, mean=-5.0)
    heads.heatmap[0, 1, 4, 4] = 0.7
    limit = float(torch.tensor(0.7).sigmoid())
    assert peaks_above(_copy(heads), min_score=limit, top_k=9).shape[1] == 1
    assert peaks_above(heads, min_score=limit + 1e-6, top_k=9).shape[1] == 0


@pytest.mark.parametrize("picture", ["24274813513", "blocks"])
@needs_shared("oracle")
def test_published_heads_give_the_published_boxes(picture: str) -> None:
    with np.load(SHARED / "oracle" / f"golden__{picture}__fix512.npz") as golden:
        boxes = torch.from_numpy(golden["wh4"])
        heads = Heads(torch.from_numpy(golden["hm_logits"]), boxes[:, :2], boxes[:, 2:])
        published = golden["dets"][0]
    min_score = float(published[60, 4])
    (found,) = peaks_above(heads, min_score=min_score, top_k=100)
    _assert_same(found, published, min_score, 100)


def _assert_same(
    ours: NDArray[np.float32], theirs: NDArray[np.float32], min_score: float, top_k: int
) -> None:
    """The same rows in the same order; among equal scores, in any order."""
    ours, theirs = (rows[rows[:, 4] >= np.float32(min_score)] for rows in (ours, theirs))
    np.testing.assert_array_equal(ours[:, 4], theirs[:, 4])
    if len(ours) == top_k:  # which of the equal ones at the cut is anybody's choice
        ours, theirs = (rows[rows[:, 4] > theirs[-1, 4]] for rows in (ours, theirs))
    np.testing.assert_array_equal(_sorted(ours), _sorted(theirs))


def _sorted(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return rows[np.lexsort(rows.T)]


def _heads(*, seed: int, spread: float, mean: float = 0.0) -> Heads:
    """Of 768 scores, whole vectors: torch rounds what is left over another way."""
    stream = torch.Generator().manual_seed(seed)
    heatmap = torch.randn(2, 3, 8, 16, generator=stream) * spread + mean
    size, offset = (torch.randn(2, 2, 8, 16, generator=stream) for _ in range(2))
    return Heads(heatmap, size, offset)


def _copy(heads: Heads) -> Heads:
    return Heads(*(head.clone() for head in heads))
