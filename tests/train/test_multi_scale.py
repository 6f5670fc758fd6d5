"""Looks at several sizes, with the oracle's network and with a small one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detector.config import DetectorConfig
from detector.contract import Detector
from detector.table import build_detector
from detector.yolox import YoloxDetector
from streamer.frame import Frame
from tests.detector import oracle
from tests.detector.frames import frame_of, plain_frame
from tests.detector.tiny import CLASSES
from tests.detector.tiny_onnx import write_tiny_yolox
from tests.paths import GOLDEN
from tests.train.tiny_detector import TinyDetector
from train.eval.multi_scale import MultiScale

SCALES = (0.5, 0.75, 1, 1.25, 1.5)


def _tiny(**options: Any) -> TinyDetector:  # the config's fields
    return TinyDetector(DetectorConfig(score_threshold=0, imgsz="native", batch=2, **options))


def _frame(seed: int, height: int = 64, width: int = 96) -> Frame:
    stream = np.random.default_rng(seed)
    return frame_of(stream.integers(0, 256, (height, width, 3)).astype(np.uint8))


def test_fits_the_contract() -> None:
    with MultiScale(_tiny(), [1]) as several:
        detector: Detector = several
        assert detector.class_names == CLASSES
        assert (detector.max_batch, detector.depth) == (2, 1)


def test_two_equal_looks_find_no_new_place() -> None:
    frame = _frame(1)
    with _tiny() as plain:
        (once,) = plain.collect(plain.submit([frame]))
    with MultiScale(_tiny(), [1, 1], most=500) as several:
        (twice,) = several.collect(several.submit([frame]))
    places = {tuple(box) for box in once.xyxy.round(2).tolist()}
    assert {tuple(box) for box in twice.xyxy.round(2).tolist()} <= places
    assert twice.score[0] == once.score[0]


def test_box_found_in_another_size_comes_back_in_pixels_of_the_frame(tmp_path: Path) -> None:
    """The small YOLOX always has its box at the same place of its input."""
    weights = write_tiny_yolox(tmp_path / "tiny.onnx")
    config = DetectorConfig(name="yolox", score_threshold=0.01)
    detector = YoloxDetector.from_config(config, weights)
    with MultiScale(detector, [0.5]) as several:
        (found,) = several.collect(several.submit([plain_frame(0, 255, 0, side=128)]))
    # at 64 px the box is -4 to 12, and a frame of 128 px is twice as large
    np.testing.assert_allclose(found.xyxy, [[-8, -8, 24, 24]], rtol=1e-5)


def test_frames_of_a_batch_keep_their_order() -> None:
    frames = [_frame(1), _frame(2, 40, 60)]
    with MultiScale(_tiny(), [0.5, 1.5]) as several:
        together = several.collect(several.submit(frames))
        alone = [several.collect(several.submit([frame]))[0] for frame in frames]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.score, other.score, atol=1e-6)


@pytest.mark.parametrize("scales", [[], [0], [1, 9], [float("nan")]])
def test_scales_that_make_no_sense_are_refused(scales: list[float]) -> None:
    with pytest.raises(ValueError, match=r"scales: expected numbers in 0\.1\.\.4"):
        MultiScale(_tiny(), scales)


def test_foreign_ticket_is_an_error() -> None:
    with MultiScale(_tiny(), [1]) as several, pytest.raises(TypeError, match="got int"):
        several.collect(7)


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "scales"), [("fix512_ms", SCALES), ("fix512_nms", (1,))])
def test_oracle_network_gives_the_published_boxes(
    tmp_path: Path, mode: str, scales: tuple[float, ...]
) -> None:
    weights = oracle.save_checkpoint(tmp_path / "oracle.pth")
    config = DetectorConfig(weights=str(weights), score_threshold=0, device="cpu")
    detector = build_detector(config)
    with (
        MultiScale(detector, scales, keeps_leftovers=True) as several,
        np.load(GOLDEN / "golden_blocks_small.npz") as golden,
    ):
        (found,) = several.collect(several.submit([oracle.frame_of(oracle.blocks())]))
        oracle.assert_same_detections(found, golden[f"{mode}/results"])
