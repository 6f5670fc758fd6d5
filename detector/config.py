"""What a person may choose about a detector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Precision = Literal["auto", "fp32", "fp16", "bf16"]
AUTO = "auto"  # the detector that the weights are for

Runtime = Literal["auto", "torch", "compile", "onnx", "openvino", "tensorrt"]


MOST_BATCH = 1024  # pictures; room is made for all of them at once


@dataclass(frozen=True, slots=True)
class DetectorConfig:
    """What a person may choose about a detector.

    Attributes:
        name: a key of DETECTORS, `package.module:Class`, or AUTO: the one that the weights are for,
            and without weights the one that comes with the program.
        weights: a path, an http(s) URL, a name of the weights table, "untrained" for seeded random
            ones, or None for the detector's default.
        imgsz: network input: "512" (square), "WIDTHxHEIGHT" or "native" (the picture's own size,
            padded); None for the detector's default.
        score_threshold: in 0..1; a box with exactly this score stays.
        classes: names to keep; empty for all.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: of the network's arithmetic; "auto" is fp16 on CUDA and fp32 on the CPU.
        runtime: the program that runs the network; "auto" is torch on CUDA and on the CPU the
            fastest of those installed: openvino, then onnx, then torch.
        quantised: a file of detector.quantise, run by OpenVINO in place of the weights that it was
            made from; None for the weights themselves.
        flip_test: average with the mirrored picture: slower, a little better.
        batch: most frames a forward pass takes; "auto" for what measures best at the start; None
            for the detector's choice, which is "auto" on CUDA.
        batch_budget_ms: longest that a batch of an automatic size may take.
        top_k: most boxes a picture, before the score threshold.
        nms_iou: of two boxes of a class that overlap more, the weaker goes; None for the
            detector's choice. Read by those that suppress doubles so: yolox.
        detect_every: of each stream, only every so many-th frame is looked at; those between are
            given the boxes of the last one that was, marked as such.
    """

    name: str = AUTO
    weights: str | None = None
    imgsz: str | None = None
    score_threshold: float = 0.3
    classes: tuple[str, ...] = ()
    device: str = "auto"
    precision: Precision = "auto"
    runtime: Runtime = "auto"
    quantised: str | None = None
    flip_test: bool = False
    batch: int | Literal["auto"] | None = None
    batch_budget_ms: float = 33.0  # a frame's time at 30 a second
    top_k: int = 100
    nms_iou: float | None = None
    detect_every: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.score_threshold <= 1:
            raise ValueError(f"score_threshold: expected 0..1, got {self.score_threshold!r}")
        if isinstance(self.batch, int) and not 1 <= self.batch <= MOST_BATCH:
            raise ValueError(f"batch: expected 1..{MOST_BATCH}, got {self.batch!r}")
        if self.batch_budget_ms <= 0:
            raise ValueError(f"batch_budget_ms: expected above 0, got {self.batch_budget_ms!r}")
        if self.top_k < 1:
            raise ValueError(f"top_k: expected at least 1, got {self.top_k!r}")
        if self.nms_iou is not None and not 0 <= self.nms_iou <= 1:
            raise ValueError(f"nms_iou: expected 0..1, got {self.nms_iou!r}")
        if self.detect_every < 1:
            raise ValueError(f"detect_every: expected at least 1, got {self.detect_every!r}")

    @property
    def fixed_batch(self) -> int | None:
        """The batch size that was asked for as a number."""
        return self.batch if isinstance(self.batch, int) else None
