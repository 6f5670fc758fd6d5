"""Every stage alone, on pictures of 1920x1080, beside the way that programs of its kind take.

Both ways take turns. The ratio is time of the other way / time of ours.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import count, cycle
from pathlib import Path
from statistics import median

import av
import cv2
import numpy as np
import torch

from benchmarks.published import TOP_K, PublishedPreparation, best
from benchmarks.rows import Row
from detector.coco import COCO_CLASSES
from detector.detections import Detections
from detector.geometry import Stretch
from detector.host_peaks import peaks_above
from detector.network import Heads
from detector.program import write_pictures
from detector.recipe import RECIPES
from sinks.annotate import Annotator
from sinks.canvas import I420Canvas
from sinks.file import FileSink
from sinks.mp4 import FileConfig
from streamer.frame import Frame
from streamer.picture import bgr_to_i420
from streamer.result import Result
from streamer.sources.file import FileSource
from streamer.sources.synthetic import SyntheticConfig, SyntheticSource

PART = "stages alone, 1920x1080: another way / ours"
RATE = 30
_FRAMES = 12  # of the street
_SIDE = 512  # of the network's input, px
_CELLS = _SIDE // 4
BOXES = 20  # in a picture
_SCORE = 0.3  # the program's threshold
_RARE = -4.6  # logits of what is no centre: a score of 0.01

Once = Callable[[], object]


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One stage, done in two ways.

    Attributes:
        name: of the stage, and of the other way.
        ours: does it to `pictures` pictures.
        other: likewise.
        pictures: of each call.
    """

    name: str
    ours: Once
    other: Once
    pictures: int = 1


def rows(*, seconds: float, rounds: int) -> list[Row]:
    """Each stage for about so many seconds a round and way."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opened:
        return [_row(pair, seconds=seconds, rounds=rounds) for pair in _pairs(Path(folder), opened)]


def _row(pair: Pair, *, seconds: float, rounds: int) -> Row:
    ours_ms, other_ms = [], []
    for work in (pair.ours, pair.other):  # what is made at the first time
        work()
    for _ in range(rounds):
        ours_ms.append(_time_ms(pair.ours, seconds) / pair.pictures)
        other_ms.append(_time_ms(pair.other, seconds) / pair.pictures)
    ratios = [other / ours for ours, other in zip(ours_ms, other_ms, strict=True)]
    says = f"{median(other_ms):.2f} / {median(ours_ms):.2f} ms a picture"
    return Row.of(PART, pair.name, ratios, says)


def _time_ms(work: Once, seconds: float) -> float:
    """Median of one call, of as many as fit."""
    taken: list[float] = []
    end_s = time.perf_counter() + seconds
    while not taken or time.perf_counter() < end_s:
        start_s = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start_s) * 1e3)
    return median(taken)


def _pairs(folder: Path, opened: ExitStack) -> Iterator[Pair]:
    clip = folder / "clip.mp4"
    _write(clip, _street())
    with FileSource(clip, stream_id="clip") as source:
        frames = list(source)
    for frame in frames:
        frame.bgr()
    yield _decoding(clip, len(frames))
    yield _preparing(frames[0])
    yield _peaks()
    yield _drawing(frames[0])
    yield _converting(frames[0])
    yield _encoding(folder, frames, opened)


def _street() -> list[Frame]:
    config = SyntheticConfig(width=1920, height=1080, rate=Fraction(30), frames=_FRAMES)
    with SyntheticSource(config) as source:
        return list(source)


def _write(clip: Path, frames: Sequence[Frame]) -> None:
    with FileSink(clip, ()) as sink:
        for frame in frames:
            sink.write(Result(frame, Detections.empty(), 0, 0))


def _decoding(clip: Path, frames: int) -> Pair:
    """To planes; a bare loop has FFmpeg's own threads, as ours has."""

    def ours() -> None:
        with FileSource(clip, stream_id="clip") as source:
            for frame in source:
                frame.i420()

    def bare() -> None:
        with av.open(str(clip)) as container:
            container.streams.video[0].thread_type = "AUTO"
            for frame in container.decode(video=0):
                frame.to_ndarray()

    return Pair("decode: a bare PyAV loop", ours, bare, frames)


def _preparing(frame: Frame) -> Pair:
    """Pixels to the network's input."""
    recipe, place = RECIPES["hardnet85"], Stretch(_SIDE, _SIDE).place(frame.width, frame.height)
    lookup, out = recipe.normalisation(), np.empty((1, _SIDE, _SIDE, 3), np.float32)
    path = PublishedPreparation(recipe, _SIDE)
    return Pair(
        "prepare for the network: published order",
        lambda: write_pictures([frame], [place], lookup, out),
        lambda: path.prepared(frame.bgr()),
    )


def _peaks() -> Pair:
    """Heads to boxes; as a trained network has them: hardly a cell is a centre."""
    random = np.random.default_rng(0)
    logits = random.normal(_RARE, 0.3, (1, len(COCO_CLASSES), _CELLS, _CELLS)).astype(np.float32)
    for class_id, y, x in random.integers(1, _CELLS - 1, (BOXES, 3)):
        logits[0, class_id % len(COCO_CLASSES), y, x] = 1.0
    heatmap = torch.from_numpy(logits)
    size, offset = torch.full((1, 2, _CELLS, _CELLS), 5.0), torch.zeros(1, 2, _CELLS, _CELLS)

    def heads() -> Heads:
        return Heads(heatmap, size, offset)

    return Pair(
        "find peaks: published order",
        lambda: peaks_above(heads(), min_score=_SCORE, top_k=TOP_K),
        lambda: best(heads(), top_k=TOP_K),
    )


def _found() -> Detections:
    random = np.random.default_rng(0)
    corner = random.uniform(50, 800, (BOXES, 2)).astype(np.float32)
    score = np.linspace(0.9, 0.4, BOXES, dtype=np.float32)
    classes = random.integers(0, len(COCO_CLASSES), BOXES).astype(np.int32)
    return Detections(np.concatenate([corner, corner + 150], 1), score, classes)


def _drawing(frame: Frame) -> Pair:
    """Boxes and labels on a copy of the picture."""
    found = _found()
    annotator = Annotator(COCO_CLASSES)
    picture = frame.i420()

    def ours() -> None:
        planes = (picture.y.copy(), picture.u.copy(), picture.v.copy())
        canvas = I420Canvas(*planes, picture.colour)
        annotator.draw_result(canvas, Result(frame, found, 0, 0))

    def plain() -> None:
        pixels = frame.bgr().copy()
        for box, score, class_id in zip(found.xyxy, found.score, found.class_id, strict=True):
            x1, y1, x2, y2 = (int(value) for value in box)
            label, font = f"{COCO_CLASSES[class_id]} {score:.2f}", cv2.FONT_HERSHEY_SIMPLEX
            cv2.rectangle(pixels, (x1, y1), (x2, y2), (0, 255, 0), 4)
            (width, height), _ = cv2.getTextSize(label, font, 0.8, 2)
            cv2.rectangle(pixels, (x1, y1 - height), (x1 + width, y1), (0, 255, 0), cv2.FILLED)
            cv2.putText(pixels, label, (x1, y1), font, 0.8, (0, 0, 0), 2, cv2.LINE_AA)

    return Pair(f"draw {BOXES} boxes with labels: OpenCV on BGR", ours, plain)


def _converting(frame: Frame) -> Pair:
    """BGR to planes, where a source gives BGR."""
    pixels = frame.bgr()
    return Pair(
        "BGR to I420: swscale",
        lambda: bgr_to_i420(pixels),
        lambda: av.VideoFrame.from_ndarray(pixels, format="bgr24").reformat(format="yuv420p"),
    )


def _encoding(folder: Path, frames: Sequence[Frame], opened: ExitStack) -> Pair:
    """One thread of x264 at the same preset and quality, into a file."""
    sink = opened.enter_context(FileSink(folder / "ours.mp4", ()))
    config = FileConfig()
    container = opened.enter_context(av.open(str(folder / "plain.mp4"), "w"))
    options = {"preset": config.preset, "qp": str(config.qp)}
    stream = container.add_stream("libx264", rate=30, options=options)
    stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, "yuv420p"
    stream.codec_context.thread_count = config.threads
    indices = count()
    turns = (cycle(frames), cycle(frames))

    def ours() -> None:
        frame, index = next(turns[0]), next(indices)
        shown = replace(frame, index=index, pts=round(index / RATE / frame.time_base))
        sink.write(Result(shown, Detections.empty(), 0, 0))

    def plain() -> None:
        picture = av.VideoFrame.from_ndarray(next(turns[1]).bgr(), format="bgr24")
        container.mux(stream.encode(picture))

    return Pair("encode: PyAV from BGR", ours, plain)
