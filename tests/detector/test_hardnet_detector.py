from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from detector.centernet import CenterNet
from detector.config import DetectorConfig
from detector.contract import Detector
from detector.detections import Detections
from detector.device import choose_compute
from detector.errors import DeviceError, WeightsError
from detector.geometry import parse_imgsz
from detector.hardnet_detector import CenterNetDetector
from detector.recipe import RECIPES
from tests.detector import oracle
from tests.detector.tiny import CLASSES, RECIPE, tiny_network
from tests.paths import GOLDEN, SHARED, needs_shared


@pytest.mark.parametrize("mode", oracle.MODES)
def test_boxes_on_the_blocks_are_the_published_ones(folded_network: CenterNet, mode: str) -> None:
    with np.load(GOLDEN / "golden_blocks_small.npz") as golden:
        found = _oracle_detections(folded_network, mode, oracle.blocks())
        oracle.assert_same_detections(found, golden[f"{mode}/results"])


@needs_shared("oracle")
@pytest.mark.parametrize("mode", ["fix512", "fix512_flip", "fix416x320", "keep"])
def test_boxes_on_the_photograph_are_the_published_ones(
    folded_network: CenterNet, mode: str
) -> None:
    with np.load(SHARED / "oracle" / f"golden__24274813513__{mode}.npz") as golden:
        found = _oracle_detections(folded_network, mode, oracle.photograph())
        oracle.assert_same_detections(found, golden["results"])


def test_checkpoint_file_of_the_published_form_gives_the_published_boxes(tmp_path: Path) -> None:
    weights = oracle.save_checkpoint(tmp_path / "oracle.pth")
    config = DetectorConfig(
        name="hardnet85",
        imgsz="416x320",
        score_threshold=0,
        device="cpu",
        precision="fp32",
        runtime="torch",
    )
    with (
        np.load(GOLDEN / "golden_blocks_small.npz") as golden,
        CenterNetDetector.from_config(config, weights) as detector,
    ):
        (found,) = detector.collect(detector.submit([oracle.frame_of(oracle.blocks())]))
        oracle.assert_same_detections(found, golden["fix416x320/results"])


def test_frame_gives_the_same_boxes_alone_and_in_a_batch() -> None:
    frames = [_picture(seed, 40, 60) for seed in range(4)]
    together = _find(frames, imgsz="64", batch=4)
    for frame, found in zip(frames, together, strict=True):
        _assert_close(_find([frame], imgsz="64", batch=1)[0], found)


def test_frames_of_different_sizes_share_a_submit_and_keep_their_order() -> None:
    frames = [
        _picture(0, 40, 60),
        _picture(1, 70, 33),
        _picture(2, 41, 50),  # pads to the first one's 64 x 64
        _picture(3, 1, 1),
    ]
    together = _find(frames, imgsz="native", batch=4)
    for frame, found in zip(frames, together, strict=True):
        _assert_close(_find([frame], imgsz="native", batch=1)[0], found)


def test_mirrored_picture_is_averaged_in() -> None:
    """A picture that is its own mirror image must give boxes that mirror each other."""
    half = np.random.default_rng(8).integers(0, 256, (64, 32, 3)).astype(np.uint8)
    (found,) = _find([np.concatenate([half, half[:, ::-1]], 1)], imgsz="native", flip_test=True)
    # A centre at x + offset of 24 cells mirrors to 23 - x + 1 - offset; 4 px a cell, 16 px padding
    # on both sides: 96 - (x + 16) - 16.
    mirrored = np.stack(
        [64 - found.xyxy[:, 2], found.xyxy[:, 1], 64 - found.xyxy[:, 0], found.xyxy[:, 3]], 1
    )
    distance = np.abs(found.xyxy[:20, None] - mirrored[None]).max(axis=2)
    assert distance.min(axis=1).max() < 0.01


def test_threshold_keeps_a_score_equal_to_it() -> None:
    frame = _picture(0, 64, 64)
    (everything,) = _find([frame])
    limit = float(everything.score[10])
    (kept,) = _find([frame], score_threshold=limit)
    np.testing.assert_array_equal(kept.score, everything.score[everything.score >= limit])
    assert kept.score[-1] == np.float32(limit)


def test_wanted_classes_are_the_others_left_out() -> None:
    frame = _picture(0, 64, 64)
    (everything,) = _find([frame])
    (kept,) = _find([frame], classes=("car", "bicycle"))
    expected = everything.select(np.isin(everything.class_id, [1, 2]))
    assert 0 < len(kept) < len(everything)
    np.testing.assert_array_equal(kept.xyxy, expected.xyxy)
    np.testing.assert_array_equal(kept.class_id, expected.class_id)


def test_no_score_above_the_threshold_gives_no_box() -> None:
    (found,) = _find([_picture(0, 64, 64)], score_threshold=1)
    assert len(found) == 0


def test_top_k_limits_the_boxes() -> None:
    (found,) = _find([_picture(0, 64, 64)], top_k=3)
    assert len(found) == 3


def test_bfloat16_agrees_roughly() -> None:
    frame = _picture(0, 96, 96)
    (fine,), (coarse,) = _find([frame]), _find([frame], precision="bf16")
    assert coarse.score.dtype == np.float32
    # Scores of untrained weights lie near 0.1; bfloat16 keeps 8 bits of the logit, near -2.2.
    np.testing.assert_allclose(coarse.score[:10], fine.score[:10], atol=0.01)


def test_half_precision_works_on_the_cpu_too() -> None:
    frame = _picture(0, 96, 96)
    (fine,), (coarse,) = _find([frame]), _find([frame], precision="fp16")
    np.testing.assert_allclose(coarse.score[:10], fine.score[:10], atol=1e-3)


def test_time_is_booked_once_a_frame() -> None:
    with _detector(batch=3) as detector:
        frames = [oracle.frame_of(_picture(seed, 40, 40)) for seed in range(3)]
        detector.collect(detector.submit(frames))
        parts = detector.times.snapshot()
    assert {part: time.count for part, time in parts.items()} == {
        "preprocess": 3,
        "network": 3,
        "postprocess": 3,
    }


def test_detector_fits_the_contract_and_takes_one_frame_on_the_cpu() -> None:
    with _detector() as detector:
        stage: Detector = detector
        assert stage.max_batch == 1
        assert stage.depth >= 2  # of the cores
        assert stage.class_names == CLASSES


def test_hardnet68_untrained_finds_nothing_worth_showing() -> None:
    config = DetectorConfig(name="hardnet68", imgsz="64", device="cpu", runtime="torch")
    with CenterNetDetector.from_config(config, None) as detector:
        (found,) = detector.collect(detector.submit([oracle.frame_of(_picture(0, 64, 64))]))
    assert len(found) == 0


@pytest.mark.parametrize("count", [0, 3])
def test_other_number_of_frames_than_fits_is_an_error(count: int) -> None:
    frames = [oracle.frame_of(_picture(0, 40, 40))] * count
    with (
        _detector(batch=2) as detector,
        pytest.raises(ValueError, match=rf"expected 1\.\.2 frames, got {count}"),
    ):
        detector.submit(frames)


def test_foreign_ticket_is_an_error() -> None:
    with _detector() as detector, pytest.raises(TypeError, match="expected a ticket of submit"):
        detector.collect("ticket")


def test_detector_outside_its_block_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="inside its `with` block"):
        _detector().submit([oracle.frame_of(_picture(0, 40, 40))])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        pytest.param(DetectorConfig(name="resnet"), "detector: expected hardnet85 or", id="name"),
        pytest.param(
            DetectorConfig(name="hardnet85", imgsz="large"), "imgsz: expected", id="imgsz"
        ),
        pytest.param(
            DetectorConfig(name="starter", imgsz="100x64"),
            "multiples of 32 px, got 100x64; the nearest is 96x64",
            id="imgsz of the starter",
        ),
        pytest.param(
            DetectorConfig(name="hardnet85", classes=("persn",)), "perhaps 'person'", id="class"
        ),
        pytest.param(
            DetectorConfig(name="hardnet85", device="tpu"), "device: expected", id="device"
        ),
    ],
)
def test_word_that_means_nothing_is_an_error(config: DetectorConfig, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CenterNetDetector.from_config(config, None)


def test_weights_of_the_other_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "tiny.pth"
    torch.save(tiny_network().state_dict(), path)
    with pytest.raises(WeightsError, match=r"for another network: .* missing: .* another shape"):
        CenterNetDetector.from_config(DetectorConfig(name="hardnet85", device="cpu"), path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="CUDA is there")
def test_cuda_that_is_absent_is_told_before_the_weights_are_read(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="CUDA"):
        CenterNetDetector.from_config(
            DetectorConfig(name="hardnet85", device="cuda"), tmp_path / "absent.pth"
        )


def _oracle_detections(network: CenterNet, mode: str, pixels: NDArray[np.uint8]) -> Detections:
    imgsz, flip = oracle.MODES[mode]
    detector = CenterNetDetector(
        network,
        RECIPES["hardnet85"],
        parse_imgsz(imgsz),
        choose_compute("cpu", "fp32"),
        DetectorConfig(score_threshold=0, flip_test=flip, runtime="torch"),
    )
    with detector:
        (found,) = detector.collect(detector.submit([oracle.frame_of(pixels)]))
    return found


def _detector(*, imgsz: str = "native", **options: Any) -> CenterNetDetector:  # config's fields
    defaults: dict[str, Any] = {"score_threshold": 0.0, "runtime": "torch"}
    config = DetectorConfig(**(defaults | options))
    return CenterNetDetector(
        tiny_network(),
        RECIPE,
        parse_imgsz(imgsz),
        choose_compute("cpu", config.precision),
        config,
    )


def _find(pictures: list[NDArray[np.uint8]], **options: Any) -> list[Detections]:
    with _detector(**options) as detector:
        frames = [oracle.frame_of(pixels, index) for index, pixels in enumerate(pictures)]
        return detector.collect(detector.submit(frames))


def _picture(seed: int, height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


def _assert_close(found: Detections, expected: Detections) -> None:
    """A batch may sum in another order: float32's last bits."""
    np.testing.assert_allclose(found.score, expected.score, atol=1e-6)
    np.testing.assert_allclose(found.xyxy, expected.xyxy, atol=1e-3)
    np.testing.assert_array_equal(found.class_id, expected.class_id)
