"""YOLOX from an ONNX file: boxes of published weights, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from detector.classes import choose_classes
from detector.coco import COCO_CLASSES
from detector.config import DetectorConfig
from detector.detections import Detections
from detector.errors import DetectorError, DeviceError, WeightsError
from detector.geometry import Stretch, parse_imgsz
from detector.letterbox import Letterbox
from detector.onnx import OnnxNetwork
from detector.parallelism import Parallelism
from detector.yolox_decode import STRIDES, Anchors, Table, decode, suppress
from streamer.frame import Frame
from streamer.stats import StageTimes

NMS_IOU = 0.45  # of YOLOX's demo; its evaluation takes 0.65, which shows more doubles

# Frames of recordings that are taken at once, for a network that takes one a run: decoder, encoder
# and this detector's threads then work on several before the next one needs the caches. Recording
# to recording on two threads of one Zen 4 core: 104 and 105 frames a second by 1, 106 and 110 by 2,
# 108 and 110 by 4. Live ones would only grow older.
_RECORDED = 4


class YoloxDetector:
    """Boxes of a YOLOX network: `submit` prepares the pictures, other threads run the network.

    Args:
        network: with inputs (1 or open, 3, height, width), BGR 0..255, and the table of anchors
            before cell and stride are applied as its output.
        config: what a person chose; `precision` and `flip_test` have no other choice here.
        parallelism: of the network's runs.

    Raises:
        DetectorError: the config asks for what this network cannot do.
        WeightsError: the network is no YOLOX for COCO's 80 classes.
        ValueError: the config names no such class or size.
    """

    def __init__(
        self,
        network: OnnxNetwork,
        config: DetectorConfig,
        *,
        parallelism: Parallelism,
    ) -> None:
        _refuse_what_onnx_cannot(config)
        self.times = StageTimes()
        self._network = network
        self._config = config
        self._runs = parallelism.runs
        self._nms_iou = NMS_IOU if config.nms_iou is None else config.nms_iou
        self._wanted = choose_classes(COCO_CLASSES, config.classes)
        self._width, self._height = _input_size(network, config.imgsz)
        self._one_by_one = network.input_shape[0] is not None
        self._max_batch = config.fixed_batch or 1
        self._takes_more_of_recordings = self._one_by_one and config.fixed_batch is None
        self._anchors = Anchors.of_input(self._width, self._height)
        self._spare: list[NDArray[np.float32]] = []  # inputs not in flight
        self._pool: ThreadPoolExecutor | None = None
        self._check_output()

    @classmethod
    def from_config(
        cls,
        config: DetectorConfig,
        weights: Path | None,
        *,
        parallelism: Parallelism | None = None,
    ) -> Self:
        """The detector of an ONNX file.

        Raises:
            DetectorError: as the class, or onnxruntime or the device is not there.
        """
        if weights is None:
            raise WeightsError(
                "weights: expected an ONNX file of YOLOX, got none; pass --weights yolox_nano.onnx"
            )
        chosen = parallelism or Parallelism.of_machine()
        network = OnnxNetwork(
            weights, device=config.device, threads=chosen.threads, spin=chosen.spin
        )
        if parallelism is None:
            chosen = Parallelism.of_machine(on_cuda=network.on_cuda)
        return cls(network, config, parallelism=chosen)

    @property
    def class_names(self) -> tuple[str, ...]:
        """COCO's."""
        return COCO_CLASSES

    @property
    def max_batch(self) -> int:
        """Frames it takes at once; a file for one picture a run still takes them one by one.

        Grows, unless it was chosen, with the first frame of a recording.
        """
        return self._max_batch

    @property
    def depth(self) -> int:
        """A batch for every run and as many waiting, so that a late thread starves no run.

        One waiting is too few where decoder and encoder share the cores: 183 instead of 190 frames
        a second from recording to recording, on two.
        """
        return 2 * self._runs

    def __enter__(self) -> Self:
        self._pool = ThreadPoolExecutor(self._runs, thread_name_prefix="yolox")
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def submit(self, frames: Sequence[Frame]) -> object:
        """Start on 1 to `max_batch` frames of any streams and sizes; returns a ticket at once.

        Raises:
            ValueError: more frames than `max_batch`, or none.
        """
        if not 1 <= len(frames) <= self.max_batch:
            raise ValueError(f"submit: expected 1..{self.max_batch} frames, got {len(frames)}")
        step = 1 if self._one_by_one else len(frames)
        runs = [self._start(frames[at : at + step]) for at in range(0, len(frames), step)]
        if self._takes_more_of_recordings and not any(frame.stream.is_live for frame in frames):
            self._max_batch = _RECORDED
        return _Ticket(runs)

    def collect(self, ticket: object) -> Sequence[Detections]:
        """Wait for a ticket; boxes in pixels of each frame, in the order of `submit`.

        Raises:
            TypeError: `ticket` is not of this detector's making.
            DetectorError: the network failed on a frame.
        """
        if not isinstance(ticket, _Ticket):
            raise TypeError(f"collect: expected a ticket of submit, got {type(ticket).__name__}")
        return [found for run in ticket.runs for found in self._finish(run)]

    def _start(self, frames: Sequence[Frame]) -> _Run:
        if self._pool is None:
            raise RuntimeError("the detector works only inside its `with` block")
        with self.times.measure("preprocess", count=len(frames)):
            pictures = self._spare.pop() if self._spare else self._new_input()
            boxes = [
                Letterbox.fit(
                    frame.width, frame.height, into_width=self._width, into_height=self._height
                )
                for frame in frames
            ]
            for frame, box, planes in zip(frames, boxes, pictures, strict=False):
                box.draw_stored(frame.picture, planes)
        return _Run(self._pool.submit(self._run, pictures[: len(frames)]), pictures, boxes)

    def _new_input(self) -> NDArray[np.float32]:
        count = 1 if self._one_by_one else self.max_batch
        return np.empty((count, 3, self._height, self._width), np.float32)

    def _run(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        with self.times.measure("network", count=len(pictures)):
            return self._network.run(pictures)

    def _finish(self, run: _Run) -> list[Detections]:
        tables = run.tables.result()
        self._spare.append(run.pictures)
        with self.times.measure("postprocess", count=len(run.boxes)):
            return [
                self._detections(table, box) for table, box in zip(tables, run.boxes, strict=True)
            ]

    def _detections(self, table: Table, box: Letterbox) -> Detections:
        candidates = decode(
            table, self._anchors, min_score=self._config.score_threshold, wanted=self._wanted
        )
        best = suppress(candidates, max_iou=self._nms_iou, top_k=self._config.top_k)
        return Detections(box.to_frame(best.xyxy), best.score, best.class_id)

    def _check_output(self) -> None:
        """Run once on nothing: shapes may be open in the file, and the first run is a slow one."""
        grey = np.full((1, 3, self._height, self._width), 114, np.float32)
        table = self._network.run(grey)
        expected = (1, len(self._anchors), 5 + len(COCO_CLASSES))
        if table.shape != expected:
            raise WeightsError(
                f"weights: expected a YOLOX output {expected} for an input of "
                f"{self._width}x{self._height}, got {table.shape}"
            )
        # Offsets within a cell are small, pixels run up to the input's size.
        if np.median(np.abs(table[0, :, :2])) > min(STRIDES):
            raise WeightsError(
                "weights: expected boxes as offsets within their cells, got pixels; "
                "export the file without decode_in_inference"
            )


@dataclass(frozen=True, slots=True)
class _Run:
    """Pictures on their way through the network."""

    tables: Future[NDArray[np.float32]]
    pictures: NDArray[np.float32]
    boxes: list[Letterbox]


@dataclass(frozen=True, slots=True)
class _Ticket:
    runs: list[_Run]


def _refuse_what_onnx_cannot(config: DetectorConfig) -> None:
    if config.precision not in ("auto", "fp32"):
        raise DeviceError(
            f"precision {config.precision!r}: expected auto or fp32; an ONNX file has its own"
        )
    if config.runtime not in ("auto", "onnx"):
        raise DetectorError(f"runtime {config.runtime!r}: expected auto or onnx for yolox")
    if config.quantised is not None:
        raise DetectorError("quantised: expected none; yolox runs the ONNX file of --weights")
    if config.flip_test:
        raise DetectorError("flip_test: expected false, got true; yolox has no flip test")


def _input_size(network: OnnxNetwork, imgsz: str | None) -> tuple[int, int]:
    """Width and height, px."""
    batch, _, height, width = network.input_shape
    if batch not in (1, None):
        raise WeightsError(f"weights: expected a batch of 1 or an open one, got {batch}")
    fixed = None if width is None or height is None else (width, height)
    if imgsz is None and fixed is not None:
        return fixed
    asked = None if imgsz is None else parse_imgsz(imgsz)
    size = (asked.width, asked.height) if isinstance(asked, Stretch) else None
    if fixed is not None and size != fixed:
        raise DetectorError(
            f"imgsz: expected {fixed[0]}x{fixed[1]}, which the file is made for, got {imgsz!r}"
        )
    if size is None or any(side % max(STRIDES) for side in size):
        raise DetectorError(
            f"imgsz: expected WIDTHxHEIGHT in multiples of {max(STRIDES)}, which the file leaves "
            f"open, got {imgsz!r}"
        )
    return size
