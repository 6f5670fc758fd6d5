"""The YOLOX detector on real ONNX networks: a tiny one made here, and a published one."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from detector.coco import COCO_CLASSES
from detector.config import DetectorConfig
from detector.contract import Detector
from detector.detections import Detections
from detector.errors import DetectorError, DeviceError, WeightsError
from detector.parallelism import Parallelism
from detector.yolox import YoloxDetector
from streamer.frame import Frame
from tests.detector.frames import frame_of, plain_frame
from tests.detector.tiny_onnx import write_tiny_yolox
from tests.paths import SHARED, needs_shared

NANO = SHARED / "data" / "weights" / "yolox_nano.onnx"
needs_nano = needs_shared("data", "weights", "yolox_nano.onnx")
CONFIG = DetectorConfig(name="yolox", score_threshold=0.01)


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_tiny_yolox(tmp_path / "tiny.onnx")


@pytest.fixture
def tiny_batched(tmp_path: Path) -> Path:
    return write_tiny_yolox(tmp_path / "batched.onnx", batch="batch")


def _found(detector: Detector, frames: Iterable[Frame]) -> list[Detections]:
    """Of every frame, as many batches in flight as the detector likes."""
    found: list[Detections] = []
    tickets: deque[object] = deque()
    for frame in frames:
        tickets.append(detector.submit([frame]))
        if len(tickets) == detector.depth:
            found += detector.collect(tickets.popleft())
    while tickets:
        found += detector.collect(tickets.popleft())
    return found


def test_fits_the_contract(tiny: Path) -> None:
    detector: Detector = YoloxDetector.from_config(CONFIG, tiny)
    assert detector.class_names == COCO_CLASSES
    assert detector.max_batch == 1
    assert detector.depth >= 2


def test_box_comes_back_in_pixels_of_the_frame(tiny: Path) -> None:
    # The anchor at cell (0, 0) of stride 8: centre 0.5 * 8 = 4, size 2 * 8, so -4 to 12 at 64 px;
    # the frame is twice as large.
    with YoloxDetector.from_config(CONFIG, tiny) as detector:
        [found] = detector.collect(detector.submit([plain_frame(0, 255, 0, side=128)]))
    np.testing.assert_allclose(found.xyxy, [[-8, -8, 24, 24]], rtol=1e-5)
    np.testing.assert_allclose(found.score, [1.0], rtol=1e-5)
    assert [COCO_CLASSES[index] for index in found.class_id] == ["bicycle"]


@pytest.mark.parametrize("runs", [1, 2, 4])
def test_findings_come_in_the_order_of_frames_however_many_run_at_once(
    tiny: Path, runs: int
) -> None:
    frames = [plain_frame(shade, 0, 0, index=shade) for shade in range(10, 90)]
    with YoloxDetector.from_config(CONFIG, tiny, parallelism=Parallelism(runs)) as detector:
        scores = [float(found.score[0]) for found in _found(detector, frames)]
    np.testing.assert_allclose(scores, np.arange(10, 90) / 255, rtol=1e-5)


def test_recordings_are_taken_by_several_and_live_frames_one_by_one(tiny: Path) -> None:
    recorded = [plain_frame(shade, 0, 0, index=shade) for shade in (50, 100, 150, 200)]
    live = replace(recorded[0], stream=replace(recorded[0].stream, is_live=True))
    with YoloxDetector.from_config(CONFIG, tiny) as detector:
        detector.collect(detector.submit([live]))
        assert detector.max_batch == 1
        detector.collect(detector.submit(recorded[:1]))
        assert detector.max_batch == 4
        found = detector.collect(detector.submit(recorded))
    scores = [float(each.score[0]) for each in found]
    np.testing.assert_allclose(scores, np.array([50, 100, 150, 200]) / 255, rtol=1e-5)


@pytest.mark.parametrize("chosen", [1, 2])
def test_batch_that_was_chosen_stays(tiny: Path, tiny_batched: Path, chosen: int) -> None:
    config = DetectorConfig(name="yolox", score_threshold=0.01, batch=chosen)
    for path in (tiny, tiny_batched):
        with YoloxDetector.from_config(config, path) as detector:
            detector.collect(detector.submit([plain_frame(9, 0, 0)]))
            assert detector.max_batch == chosen


def test_batch_of_mixed_sizes_is_found_frame_by_frame(tiny: Path, tiny_batched: Path) -> None:
    frames = [
        plain_frame(250, 0, 0),
        frame_of(np.full((30, 90, 3), 200, np.uint8)),
        plain_frame(0, 0, 100, side=17),
    ]
    config = DetectorConfig(name="yolox", score_threshold=0.01, batch=4)
    both = []
    for path in (tiny, tiny_batched):
        with YoloxDetector.from_config(config, path) as detector:
            assert detector.max_batch == 4
            both.append(detector.collect(detector.submit(frames)))
    for fixed, batched in zip(*both, strict=True):
        np.testing.assert_allclose(fixed.xyxy, batched.xyxy, rtol=1e-6)
        np.testing.assert_allclose(fixed.score, batched.score, rtol=1e-6)
    assert [found.class_id.tolist() for found in both[0]] == [[0], [0], [2]]


def test_smaller_batch_after_a_larger_one_is_not_mixed_with_it(tiny_batched: Path) -> None:
    config = DetectorConfig(name="yolox", score_threshold=0.01, batch=3)
    with YoloxDetector.from_config(config, tiny_batched) as detector:
        three = detector.collect(detector.submit([plain_frame(shade, 0, 0) for shade in (9, 8, 7)]))
        one = detector.collect(detector.submit([plain_frame(200, 0, 0)]))
    assert [len(three), len(one)] == [3, 1]
    np.testing.assert_allclose(one[0].score, [200 / 255], rtol=1e-5)


def test_score_equal_to_the_threshold_stays(tiny: Path) -> None:
    frame = plain_frame(255, 0, 0)
    with YoloxDetector.from_config(CONFIG, tiny) as detector:
        [found] = detector.collect(detector.submit([frame]))
    config = DetectorConfig(name="yolox", score_threshold=float(found.score[0]))
    with YoloxDetector.from_config(config, tiny) as detector:
        [again] = detector.collect(detector.submit([frame]))
    assert len(again) == 1


def test_only_chosen_classes_are_found(tiny: Path) -> None:
    config = DetectorConfig(name="yolox", score_threshold=0.01, classes=("car",))
    frames = [plain_frame(255, 0, 0), plain_frame(0, 0, 255)]
    with YoloxDetector.from_config(config, tiny) as detector:
        assert [len(found) for found in _found(detector, frames)] == [0, 1]


def test_times_are_booked_per_frame(tiny: Path) -> None:
    config = DetectorConfig(name="yolox", batch=3)
    with YoloxDetector.from_config(config, tiny) as detector:
        detector.collect(detector.submit([plain_frame(1, 2, 3)] * 3))
        detector.collect(detector.submit([plain_frame(1, 2, 3)]))
        times = detector.times.snapshot()
    assert {part: time.count for part, time in times.items()} == {
        "preprocess": 4,
        "network": 4,
        "postprocess": 4,
    }


def test_failure_in_the_network_comes_out_of_collect(tmp_path: Path) -> None:
    path = write_tiny_yolox(tmp_path / "one.onnx", batch="batch", reshape_batch=1)
    config = DetectorConfig(name="yolox", batch=2)
    with YoloxDetector.from_config(config, path) as detector:
        ticket = detector.submit([plain_frame(1, 2, 3)] * 2)
        with pytest.raises(DetectorError, match=r"could not run on an input of \(2, 3, 64, 64\)"):
            detector.collect(ticket)
        assert len(detector.collect(detector.submit([plain_frame(1, 2, 3)]))) == 1


def test_leaving_early_ends_its_threads(tiny: Path) -> None:
    detector = YoloxDetector.from_config(CONFIG, tiny, parallelism=Parallelism(2))
    with detector:
        for _ in range(5):
            detector.submit([plain_frame(1, 2, 3)])
    with pytest.raises(RuntimeError, match="with"):
        detector.submit([plain_frame(1, 2, 3)])


@pytest.mark.parametrize("count", [0, 2])
def test_wrong_number_of_frames_is_refused(tiny: Path, count: int) -> None:
    with (
        YoloxDetector.from_config(CONFIG, tiny) as detector,
        pytest.raises(ValueError, match=rf"expected 1\.\.1 frames, got {count}"),
    ):
        detector.submit([plain_frame(1, 2, 3)] * count)


def test_foreign_ticket_is_refused(tiny: Path) -> None:
    with (
        YoloxDetector.from_config(CONFIG, tiny) as detector,
        pytest.raises(TypeError, match="got int"),
    ):
        detector.collect(7)


@pytest.mark.parametrize(
    ("options", "imgsz", "size"),
    [
        pytest.param({}, None, 64, id="as the file says"),
        pytest.param({}, "64", 64, id="asked for what it is"),
        pytest.param({"open_side": True}, "64x64", 64, id="open in the file"),
    ],
)
def test_input_size_is_the_files_or_asked_for(
    tmp_path: Path, options: dict[str, bool], imgsz: str | None, size: int
) -> None:
    path = write_tiny_yolox(tmp_path / "tiny.onnx", open_side=options.get("open_side", False))
    config = DetectorConfig(name="yolox", imgsz=imgsz)
    with YoloxDetector.from_config(config, path) as detector:
        detector.collect(detector.submit([plain_frame(1, 2, 3, side=size)]))


@pytest.mark.parametrize(
    ("config", "error", "message"),
    [
        pytest.param(
            DetectorConfig(imgsz="512"), DetectorError, "imgsz: expected 64x64", id="other size"
        ),
        pytest.param(
            DetectorConfig(imgsz="native"), DetectorError, "got 'native'", id="native size"
        ),
        pytest.param(DetectorConfig(imgsz="big"), ValueError, "imgsz", id="no size"),
        pytest.param(DetectorConfig(precision="fp16"), DeviceError, "'fp16'", id="precision"),
        pytest.param(DetectorConfig(runtime="openvino"), DetectorError, "'openvino'", id="runtime"),
        pytest.param(DetectorConfig(quantised="a.xml"), DetectorError, "quantised", id="int8"),
        pytest.param(DetectorConfig(flip_test=True), DetectorError, "flip_test", id="flip test"),
        pytest.param(DetectorConfig(classes=("cra",)), ValueError, "'car'", id="class"),
        pytest.param(DetectorConfig(device="gpu"), ValueError, "'gpu'", id="no device"),
    ],
)
def test_what_it_cannot_do_is_one_line(
    tiny: Path, config: DetectorConfig, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)) as caught:
        YoloxDetector.from_config(config, tiny)
    assert "\n" not in str(caught.value)


def test_cuda_without_cuda_is_one_line(tiny: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    with pytest.raises(DeviceError, match="onnxruntime-gpu"):
        YoloxDetector.from_config(DetectorConfig(device="cuda:0"), tiny)


@pytest.mark.parametrize("imgsz", [None, "native", "50x64"])
def test_open_size_has_to_be_asked_for_in_whole_cells(tmp_path: Path, imgsz: str | None) -> None:
    path = write_tiny_yolox(tmp_path / "open.onnx", open_side=True)
    with pytest.raises(DetectorError, match="multiples of 32"):
        YoloxDetector.from_config(DetectorConfig(imgsz=imgsz), path)


def test_no_weights_says_what_to_pass() -> None:
    with pytest.raises(WeightsError, match="pass --weights"):
        YoloxDetector.from_config(CONFIG, None)


def test_missing_extra_says_what_to_install(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # as if not installed
    with pytest.raises(DetectorError, match=re.escape("pip install -e '.[yolox]'")):
        YoloxDetector.from_config(CONFIG, tiny)


def _write_text(path: Path) -> Path:
    path.write_text("no network", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("write", "message"),
    [
        pytest.param(_write_text, "expected an ONNX network", id="a text"),
        pytest.param(lambda path: path, "expected an ONNX network", id="nothing there"),
        pytest.param(
            lambda path: write_tiny_yolox(path, classes=3),
            "expected a YOLOX output (1, 84, 85) for an input of 64x64, got (1, 84, 8)",
            id="other classes",
        ),
        pytest.param(
            lambda path: write_tiny_yolox(path, batch=2),
            "expected a batch of 1 or an open one, got 2",
            id="a batch of two",
        ),
        pytest.param(
            lambda path: write_tiny_yolox(path, offset=30.0),
            "export the file without decode_in_inference",
            id="boxes decoded already",
        ),
        pytest.param(
            lambda path: write_tiny_yolox(path, input_type=10),
            "expected",
            id="half-precision input",
        ),
    ],
)
def test_file_that_is_no_such_network_is_one_line(
    tmp_path: Path, write: Callable[[Path], Path], message: str
) -> None:
    path = write(tmp_path / "file.onnx")
    with pytest.raises(WeightsError, match=re.escape(message)) as caught:
        YoloxDetector.from_config(CONFIG, path)
    assert "\n" not in str(caught.value)


@needs_nano
def test_published_network_finds_the_same_one_by_one_and_overlapped() -> None:
    paths = sorted((SHARED / "data" / "coco" / "val2017").glob("*.jpg"))[:12]
    frames = [frame_of(_read(path)) for path in paths]
    with YoloxDetector.from_config(CONFIG, NANO, parallelism=Parallelism(3)) as detector:
        overlapped = _found(detector, frames)
    with YoloxDetector.from_config(CONFIG, NANO, parallelism=Parallelism(1)) as detector:
        alone = [found for frame in frames for found in detector.collect(detector.submit([frame]))]
    assert sum(len(found) for found in alone) > 100
    for one, other in zip(alone, overlapped, strict=True):
        np.testing.assert_array_equal(one.xyxy, other.xyxy)
        np.testing.assert_array_equal(one.score, other.score)


@needs_nano
@needs_shared("data", "coco", "annotations", "instances_val2017_subset.json")
@pytest.mark.parametrize("nms_iou", [0.65, 0.45])
def test_published_network_reaches_its_precision_on_coco(
    nms_iou: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another program measured 0.356 on these 122 pictures, with 0.65 as published."""
    folder = SHARED / "data" / "coco"
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(folder / "annotations" / "instances_val2017_subset.json"))
    config = DetectorConfig(name="yolox", score_threshold=0.001, nms_iou=nms_iou)
    with YoloxDetector.from_config(config, NANO) as detector:
        pictures = [truth.imgs[image_id] for image_id in truth.getImgIds()]
        frames = (frame_of(_read(folder / "val2017" / each["file_name"])) for each in pictures)
        found = _found(detector, frames)
    rows = [
        row
        for each, detections in zip(pictures, found, strict=True)
        for row in _coco_rows(each["id"], detections, sorted(truth.getCatIds()))
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(truth, truth.loadRes(rows), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    precision = float(evaluation.stats[0])
    with capsys.disabled():
        sys.stdout.write(
            f"\nYOLOX-Nano: AP {precision:.4f}, NMS at {nms_iou}, {len(found)} pictures\n"
        )
    assert len(found) == 122
    assert 0.34 < precision < 0.37


def _read(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    pixels = cv2.imread(str(path))
    assert pixels is not None
    return np.asarray(pixels, np.uint8)


def _coco_rows(
    image_id: int, found: Detections, category_ids: list[int]
) -> list[dict[str, object]]:
    return [
        {
            "image_id": image_id,
            "category_id": category_ids[class_id],
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "score": score,
        }
        for (x1, y1, x2, y2), score, class_id in zip(
            found.xyxy.tolist(), found.score.tolist(), found.class_id.tolist(), strict=True
        )
    ]
