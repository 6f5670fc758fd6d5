"""Several pictures in one, other scales and the whole chain: what must always hold."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.train.data_sets import MemorySamples, labelled, textured
from train.augment.chain import Augment, Stretched
from train.augment.config import (
    AugmentConfig,
    ColourConfig,
    CopyPasteConfig,
    JitterConfig,
    MixupConfig,
    MosaicConfig,
)
from train.augment.copy_paste import copy_paste
from train.augment.jitter import draw_jitter
from train.augment.mixup import mixup
from train.data.picture import Reduction
from train.sample import Sample, clip

PLAIN = ColourConfig(0, 0)

seeds = st.integers(0, 2**32 - 1)
sizes = st.tuples(st.integers(16, 200), st.integers(16, 200))


class _One:
    """A data set of one sample, which can be read smaller, too."""

    class_names = ("a", "b", "c")

    def __init__(self, sample: Sample) -> None:
        self._sample = sample
        self.reductions: list[int] = []

    def __len__(self) -> int:
        return 1

    def picture_size(self, index: int) -> tuple[int, int] | None:
        return self._sample.width, self._sample.height

    def read(self, index: int, reduction: Reduction = 1) -> Sample:
        self.reductions.append(reduction)
        sample = self._sample
        small = cv2.resize(
            sample.picture, None, fx=1 / reduction, fy=1 / reduction, interpolation=cv2.INTER_AREA
        )
        outlines = tuple(
            tuple(each / np.float32(reduction) for each in of) for of in sample.polygons
        )
        return Sample(
            small,
            sample.boxes_xyxy / np.float32(reduction),
            sample.class_id,
            outlines,
            sample.is_crowd,
            sample.image_id,
            sample.name,
        )


@given(seeds)
def test_no_picture_of_a_mosaic_hides_another(seed: int) -> None:
    config = AugmentConfig(colour=PLAIN, mosaic=MosaicConfig(probability=1))
    samples = MemorySamples(200, classes=200)  # picture i is all i, its box of class i
    moved = Augment(config, width=96, height=80)(7, samples, np.random.default_rng(seed))
    assert len(moved) == 4
    assert moved.class_id[0] == 7
    visible = moved.visible()
    for box, class_id in zip(visible, moved.class_id, strict=True):
        if (box[2:] - box[:2] >= 3).all():  # 1 px inside, for seams lie between pixels
            x1, y1, x2, y2 = (int(value) for value in (*(box[:2] + 1), *(box[2:] - 1)))
            assert (moved.picture[y1:y2, x1:x2] == class_id).all()


@given(seeds)
def test_a_mosaic_cuts_boxes_at_the_border_of_the_input_only(seed: int) -> None:
    config = AugmentConfig(colour=PLAIN, mosaic=MosaicConfig(probability=1))
    moved = Augment(config, width=96, height=80)(0, MemorySamples(9), np.random.default_rng(seed))
    whole = (moved.boxes_xyxy == clip(moved.boxes_xyxy, 96, 80)).all(axis=1)
    np.testing.assert_array_equal(moved.visible()[whole], moved.boxes_xyxy[whole])
    # 16 x 12 of 32 x 24 px: every box keeps its share of its picture, whatever the seams.
    sides = moved.boxes_xyxy[:, 2:] - moved.boxes_xyxy[:, :2]
    assert (sides.min(axis=1) >= 0.375 * 80 / 2 * 0.4 - 1e-3).all()


def test_what_a_pasted_object_hides_leaves_the_boxes_below() -> None:
    onto = labelled(60, 40, [(10, 10, 30, 30), (40, 5, 50, 15), (12, 12, 18, 18)])
    donor = labelled(60, 40, [(5, 8, 20, 32)], seed=1)
    pasted = copy_paste(onto, donor, np.random.default_rng(0), CopyPasteConfig(1, most=1))
    # The first loses its left half, the second nothing, the third is gone.
    np.testing.assert_allclose(
        pasted.visible(), [[20, 10, 30, 30], [40, 5, 50, 15], [5, 8, 20, 32]], atol=1.01
    )
    assert pasted.class_id.tolist() == [0, 1, 0]
    np.testing.assert_array_equal(pasted.picture[9:31, 6:19], donor.picture[9:31, 6:19])
    np.testing.assert_array_equal(pasted.picture[:, 22:], onto.picture[:, 22:])
    np.testing.assert_array_equal(onto.picture, textured(60, 40))  # untouched


def test_a_box_without_an_outline_goes_when_most_of_it_is_hidden() -> None:
    onto = labelled(60, 40, [(10, 10, 20, 20), (10, 10, 40, 30)])
    bare = Sample(onto.picture, onto.boxes_xyxy, onto.class_id, ((), ()), onto.is_crowd, 0, "a")
    donor = labelled(60, 40, [(8, 8, 22, 22)], seed=1)
    pasted = copy_paste(bare, donor, np.random.default_rng(0), CopyPasteConfig(1, most=1))
    assert pasted.boxes_xyxy.tolist() == [[10, 10, 40, 30], [8, 8, 22, 22]]


def test_nothing_is_pasted_from_a_picture_without_outlines() -> None:
    onto = labelled(60, 40, [(10, 10, 20, 20)])
    donor = Sample(onto.picture, onto.boxes_xyxy, onto.class_id, ((),), onto.is_crowd, 0, "a")
    config = CopyPasteConfig(1)
    assert copy_paste(onto, donor, np.random.default_rng(0), config) is onto
    empty = labelled(60, 40, [])
    assert copy_paste(onto, empty, np.random.default_rng(0), config) is onto
    assert len(copy_paste(empty, onto, np.random.default_rng(0), config)) == 1


@given(seeds)
def test_mixup_lies_between_both_pictures_and_keeps_all_boxes(seed: int) -> None:
    one, other = labelled(20, 16, [(1, 1, 9, 9)]), labelled(20, 16, [(3, 3, 8, 8)] * 2, seed=1)
    mixed = mixup(one, other, np.random.default_rng(seed), MixupConfig(1, alpha=1))
    low = np.minimum(one.picture, other.picture)
    assert (mixed.picture >= low).all()
    assert (mixed.picture <= np.maximum(one.picture, other.picture)).all()
    assert mixed.boxes_xyxy.tolist() == [[1, 1, 9, 9], [3, 3, 8, 8], [3, 3, 8, 8]]


@given(seeds, sizes, sizes)
def test_jitter_keeps_the_aspect_and_never_leaves_needless_black(
    seed: int, source_wh: tuple[int, int], output_wh: tuple[int, int]
) -> None:
    rng = np.random.default_rng(seed)
    warp = draw_jitter(rng, JitterConfig(1), 0.5, source_wh, output_wh)
    assert warp.matrix[0, 0] == pytest.approx(warp.matrix[1, 1], rel=1e-4)
    fitting = min(output_wh[0] / source_wh[0], output_wh[1] / source_wh[1])
    assert 0.1 - 1e-3 <= warp.matrix[0, 0] / fitting <= 2 + 1e-3
    for axis in range(2):
        first = warp.matrix[axis, 2]
        last = first + warp.matrix[axis, axis] * source_wh[axis]
        fits = last - first <= output_wh[axis]
        inner, outer = ((first, last), (0, output_wh[axis]))[:: 1 if fits else -1]
        assert outer[0] - 1e-2 <= inner[0]
        assert inner[1] <= outer[1] + 1e-2


@given(seeds)
def test_decoding_smaller_changes_neither_boxes_nor_much_of_the_picture(seed: int) -> None:
    sample = labelled(160, 120, [(20, 12, 100, 96), (130, 80, 160, 120)])
    jitter = JitterConfig(1, 0.1, 0.5)
    exact, quick = (
        AugmentConfig(colour=PLAIN, jitter=jitter, is_exact=is_exact) for is_exact in (True, False)
    )
    samples = _One(sample)
    whole = Augment(exact, width=160, height=120)(0, samples, np.random.default_rng(seed))
    small = Augment(quick, width=160, height=120)(0, samples, np.random.default_rng(seed))
    assert samples.reductions[0] == 1
    assert samples.reductions[1] in (2, 4, 8)
    np.testing.assert_allclose(small.boxes_xyxy, whole.boxes_xyxy, atol=1e-2)
    difference = np.abs(small.picture.astype(int) - whole.picture.astype(int))
    assert difference.mean() < 1.5  # smooth colours; a shift of a pixel would give more


def test_a_whole_chain_is_repeatable_and_every_switch_draws_from_the_same_numbers() -> None:
    config = AugmentConfig(
        mosaic=MosaicConfig(0.5),
        mixup=MixupConfig(0.5),
        copy_paste=CopyPasteConfig(0.5),
        jitter=JitterConfig(0.5),
    )
    augment = Augment(config, width=64, height=48)
    samples = MemorySamples(20)
    for seed in range(20):
        one, again = (augment(3, samples, np.random.default_rng(seed)) for _ in range(2))
        np.testing.assert_array_equal(one.picture, again.picture)
        np.testing.assert_array_equal(one.visible(), again.visible())
        assert one.picture.shape == (48, 64, 3)


def test_validation_stretches_without_chance() -> None:
    samples = _One(labelled(64, 48, [(16, 12, 48, 36)]))
    stretched = Stretched(width=128, height=48)(0, samples, np.random.default_rng(0))
    np.testing.assert_allclose(stretched.boxes_xyxy, [[32, 12, 96, 36]], atol=1e-4)
    np.testing.assert_allclose(stretched.visible(), stretched.boxes_xyxy, atol=1e-4)
