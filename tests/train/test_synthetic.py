"""Drawn streets as a data set."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from streamer.scene.config import SyntheticConfig
from streamer.scene.scene import Scene
from train.data.reserve import reserve
from train.data.synthetic import SyntheticDataConfig, SyntheticSamples, _moment
from train.errors import DataError
from train.sample import Sample

SMALL = SyntheticDataConfig(scenes=3, frames=2, first_seed=7, width=160, height=96, processes=1)


def same(one: Sample, two: Sample) -> bool:
    return (
        np.array_equal(one.picture, two.picture)
        and np.array_equal(one.boxes_xyxy, two.boxes_xyxy)
        and np.array_equal(one.class_id, two.class_id)
        and np.array_equal(one.is_crowd, two.is_crowd)
        and (one.image_id, one.name) == (two.image_id, two.name)
    )


def test_reading_in_any_order_gives_the_same() -> None:
    walked = SyntheticSamples(SMALL)
    forth = [walked.read(index) for index in range(len(walked))]
    fresh = SyntheticSamples(SMALL)
    back = [fresh.read(index) for index in reversed(range(len(fresh)))]
    assert len(forth) == 6
    assert all(same(one, two) for one, two in zip(forth, reversed(back), strict=True))


def test_drawn_ahead_is_the_same_as_drawn_now(tmp_path: Path) -> None:
    now, ahead = SyntheticSamples(SMALL), SyntheticSamples(replace(SMALL, cache=tmp_path))
    assert all(same(now.read(index), ahead.read(index)) for index in range(len(now)))


def test_a_second_opening_draws_nothing(tmp_path: Path) -> None:
    config = replace(SMALL, cache=tmp_path)
    SyntheticSamples(config)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    SyntheticSamples(config)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == written
    assert len(written) == 2


def test_workers_get_samples_of_their_own(tmp_path: Path) -> None:
    samples = SyntheticSamples(replace(SMALL, cache=tmp_path))
    assert same(pickle.loads(pickle.dumps(samples)).read(3), samples.read(3))


def test_pictures_may_be_written_to_without_harm(tmp_path: Path) -> None:
    samples = SyntheticSamples(replace(SMALL, cache=tmp_path))
    kept = samples.read(0)
    samples.read(0).picture[:] = 0
    assert same(samples.read(0), kept)


def test_boxes_are_the_scene_s_truth() -> None:
    config = replace(SMALL, is_varied=False, scenes=1, frames=1)
    sample = SyntheticSamples(config).read(0)
    scene = Scene(SyntheticConfig(width=160, height=96, seed=7, frames=None))
    pixels, truth = scene.render(_moment(config, seed=7, turn=0))
    np.testing.assert_array_equal(sample.picture, pixels)
    np.testing.assert_array_equal(sample.boxes_xyxy, truth.xyxy)
    assert [SyntheticSamples.class_names[each] for each in sample.class_id] == list(truth.label)


def test_what_is_hardly_to_be_seen_counts_neither_way() -> None:
    samples = SyntheticSamples(replace(SMALL, scenes=20, min_visible=0.5, min_side=8))
    shares = [sample.is_crowd.mean() for index in range(20) if len(sample := samples.read(index))]
    assert 0 < np.mean(shares) < 1
    for index in range(20):
        sample = samples.read(index)
        sides = sample.boxes_xyxy[:, 2:] - sample.boxes_xyxy[:, :2]
        assert sample.is_crowd[(sides < 8).any(axis=1)].all()
    everyone = SyntheticSamples(replace(SMALL, scenes=20, min_visible=0, min_side=0))
    assert not any(everyone.read(index).is_crowd.any() for index in range(20))


def test_index_beyond_the_end_is_an_error(tmp_path: Path) -> None:
    for samples in (SyntheticSamples(SMALL), SyntheticSamples(replace(SMALL, cache=tmp_path))):
        with pytest.raises(IndexError):
            samples.read(6)


def test_array_has_its_place_on_the_disk_before_it_is_written(tmp_path: Path) -> None:
    """Written through a map on a full disk it would end the process by a signal."""
    path = tmp_path / "a.npy"
    reserve(path, np.uint8, (100, 1000))
    assert path.stat().st_blocks * 512 >= 100_000
    assert not np.load(path).any()


def test_cache_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        SyntheticSamples(replace(SMALL, cache=tmp_path / "file"))


def test_damaged_cache_is_one_line(tmp_path: Path) -> None:
    config = replace(SMALL, cache=tmp_path)
    SyntheticSamples(config)
    next(tmp_path.glob("*.pictures.npy")).write_bytes(b"nothing")
    with pytest.raises(DataError, match="name another folder"):
        SyntheticSamples(config)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"scenes": 0}, id="no scene"),
        pytest.param({"frames": 0}, id="no frame"),
        pytest.param({"width": 8}, id="too small to draw"),
        pytest.param({"min_visible": 1.5}, id="more than all"),
        pytest.param({"processes": 0}, id="nobody draws"),
    ],
)
def test_impossible_settings_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        SyntheticDataConfig(**change)  # type: ignore[arg-type]  # wrong on purpose
