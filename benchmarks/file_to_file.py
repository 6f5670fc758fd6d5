"""A recording to an annotated recording: the pipeline, the one-thread loop, the detector alone."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.meter import Metered
from detector.contract import Detector
from detector.detections import Detections
from sinks.file import FileSink
from sinks.mp4 import FileConfig
from streamer.frame import Frame
from streamer.outlet import Outlet
from streamer.picture import BgrPicture
from streamer.pipeline import Pipeline
from streamer.result import Result
from streamer.sources.file import FileSource

ROUNDS = 5
FRAMES_IN_MEMORY = 120  # decoded frames of 1080p are 6 MB each as BGR
ALONE_S = 2.0

MakeDetector = Callable[[], Detector]


@dataclass(frozen=True, slots=True)
class Rates:
    """Frames a second, medians over interleaved rounds.

    Attributes:
        detector_alone: frames in memory, decoded and converted to BGR beforehand, as many in
            flight as the pipeline has: the detector's best.
        detector_in_turn: the same frames, one after another, all cores on each: what a loop gets
            that calls the detector and waits.
        one_thread: decode, detect, draw and encode follow each other.
        pipeline: the same four, overlapped.
        frames: of the clip.
    """

    detector_alone: float
    detector_in_turn: float
    one_thread: float
    pipeline: float
    frames: int

    @property
    def share(self) -> float:
        """Of the detector's best rate that is left with everything else on."""
        return self.pipeline / self.detector_alone

    @property
    def share_in_turn(self) -> float:
        """Of the rate of a detector that is called once a frame and waited for."""
        return self.pipeline / self.detector_in_turn

    @property
    def speed_up(self) -> float:
        """Over the one-thread loop."""
        return self.pipeline / self.one_thread


def measure(
    clip: Path,
    make_detector: MakeDetector,
    make_in_turn: MakeDetector,
    *,
    rounds: int = ROUNDS,
) -> Rates:
    """All four on the same clip, interleaved.

    Args:
        clip: a recording.
        make_detector: as the pipeline uses it.
        make_in_turn: the same network, set up for a caller that waits for every frame.
        rounds: of which the medians are taken.
    """
    with FileSource(clip, stream_id="bench") as source:
        frames = [
            replace(frame, picture=BgrPicture(frame.bgr()))
            for frame, _ in zip(source, range(FRAMES_IN_MEMORY), strict=False)
        ]
    samples: dict[str, list[float]] = {"alone": [], "turn": [], "one": [], "pipeline": []}
    total = 0
    for _ in range(rounds):
        samples["alone"].append(_detector_alone(frames, make_detector()))
        samples["turn"].append(_detector_alone(frames, make_in_turn(), depth=1))
        with tempfile.TemporaryDirectory() as folder:
            rate, total = _one_thread(clip, make_in_turn(), Path(folder) / "out.mp4")
            samples["one"].append(rate)
            samples["pipeline"].append(_pipeline(clip, make_detector(), Path(folder) / "piped.mp4"))
    medians = {name: statistics.median(values) for name, values in samples.items()}
    return Rates(medians["alone"], medians["turn"], medians["one"], medians["pipeline"], total)


def _detector_alone(frames: list[Frame], detector: Detector, *, depth: int | None = None) -> float:
    """Frames a second over some seconds, `depth` batches in flight, or as many as it likes."""
    with detector:
        depth = depth or detector.depth
        warm_s = time.perf_counter()
        _drain(detector, frames[:4], depth)
        frame_s = (time.perf_counter() - warm_s) / len(frames[:4])
        passes = max(1, round(ALONE_S / (frame_s * len(frames))))
        start_s = time.perf_counter()
        for _ in range(passes):
            _drain(detector, frames, depth)
        return passes * len(frames) / (time.perf_counter() - start_s)


def _drain(detector: Detector, frames: list[Frame], depth: int) -> None:
    tickets: list[object] = []
    step = 1 if depth == 1 else detector.max_batch  # which may change after the first frames
    for start in range(0, len(frames), step):
        tickets.append(detector.submit(frames[start : start + step]))
        if len(tickets) == depth:
            detector.collect(tickets.pop(0))
    for ticket in tickets:
        detector.collect(ticket)


def _one_thread(clip: Path, detector: Detector, target: Path) -> tuple[float, int]:
    sink = FileSink(target, detector.class_names, FileConfig())
    with detector:
        _drain(detector, list(_first(clip, 4)), depth=1)
        start_s = time.perf_counter()
        count = 0
        with FileSource(clip, stream_id="bench") as source, sink:
            for frame in source:
                (found,) = detector.collect(detector.submit([frame]))
                sink.write(Result(frame, found, 0, 0))
                count += 1
        return count / (time.perf_counter() - start_s), count


def _pipeline(clip: Path, detector: Detector, target: Path) -> float:
    sink = Metered(FileSink(target, detector.class_names, FileConfig()))
    pipeline: Pipeline[Detections] = Pipeline(
        [FileSource(clip, stream_id="bench")], detector, [Outlet(sink)]
    )
    end = pipeline.run()
    if sink.first_s is None:
        raise ValueError(f"clip {str(clip)!r}: expected frames, got none")
    return (end.streams[0].frames_done - 1) / (time.perf_counter() - sink.first_s)


def _first(clip: Path, count: int) -> Iterator[Frame]:
    with FileSource(clip, stream_id="bench") as source:
        yield from (frame for frame, _ in zip(source, range(count), strict=False))
