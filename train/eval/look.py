"""Pictures through a detector: plainly one after the other, or as the application does it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from detector.contract import Detector
from detector.detections import Detections
from streamer.clock import MonotonicClock
from streamer.contract import HoldsNothing, Source
from streamer.errors import SourceError, SourceOpenError
from streamer.frame import Frame
from streamer.outlet import Outlet
from streamer.pipeline import Pipeline
from streamer.result import Result
from streamer.sources.images import ImagesSource
from train.errors import DataError
from train.eval.truth import Truth

OnFound = Callable[[Frame, Detections], None]


@dataclass(frozen=True, slots=True)
class Pictures:
    """The annotated pictures that are there.

    Attributes:
        root: their folder.
        ids: image ids by name within the folder, in the annotations' order; several where several
            images name one file.
        missing: file names of images that are not there.
    """

    root: Path
    ids: dict[str, tuple[int, ...]]
    missing: tuple[str, ...]

    def source(self) -> ImagesSource:
        """All of them, as one stream."""
        paths = [self.root / name for name in self.ids]
        return ImagesSource(paths, root=self.root, name=str(self.root), stream_id="pictures")


def find_pictures(truth: Truth, root: Path, *, limit: int | None = None) -> Pictures:
    """Looks for each image's `file_name` in `root`, or else for its last part.

    Args:
        truth: of the images.
        root: the folder.
        limit: images to look for, the first; None for all.

    Raises:
        DataError: `root` is no folder, or none of the pictures is there.
    """
    if not root.is_dir():
        raise DataError(f"pictures '{root}': expected a folder")
    ids: dict[str, tuple[int, ...]] = {}
    missing = []
    for image in truth.images[:limit]:
        name = _name_within(root, image["file_name"])
        if name is None:
            missing.append(image["file_name"])
        else:
            ids[name] = (*ids.get(name, ()), image["id"])
    if not ids:
        raise DataError(
            f"pictures '{root}': expected the annotated pictures, such as {missing[0]!r}, "
            f"got none of all {len(missing)}"
        )
    return Pictures(root, ids, tuple(missing))


@dataclass(frozen=True, slots=True)
class Looked:
    """How a look at all frames went.

    Attributes:
        elapsed_s: seconds from the first frame's submission to the last one's boxes; getting the
            network ready is no part of it.
        fault: why the source ended early or left frames out, or None.
    """

    elapsed_s: float
    fault: str | None


def look(detector: Detector, source: Source, on_found: OnFound) -> Looked:
    """Show the detector every frame of `source`, as many batches at once as it likes.

    Args:
        detector: not entered.
        source: not entered.
        on_found: called for every frame, in order.

    Raises:
        SourceOpenError: the source has no frame at all.
    """
    clock = MonotonicClock()
    waiting: deque[tuple[Sequence[Frame], object]] = deque()

    def collect_one() -> None:
        frames, ticket = waiting.popleft()
        for frame, found in zip(frames, detector.collect(ticket), strict=True):
            on_found(frame, found)

    with source, detector:
        started_ns = clock.now_ns()
        batches = _Batches(source, detector.max_batch)
        for frames in batches:
            waiting.append((frames, detector.submit(frames)))
            if len(waiting) >= detector.depth:
                collect_one()
        while waiting:
            collect_one()
        elapsed_ns = clock.now_ns() - started_ns
    return Looked(elapsed_ns / 1e9, batches.fault)


def look_through_pipeline(detector: Detector, source: Source, on_found: OnFound) -> Looked:
    """As `look`, through the threads and channels that serve live streams."""
    sink = _Collecting(on_found)
    snapshot = Pipeline([source], detector, [Outlet(sink)]).run()
    (stream,) = snapshot.streams
    if stream.info is None:
        raise SourceOpenError(stream.error or "the source gave no frame")
    return Looked(sink.elapsed_ns / 1e9, stream.error)


class _Batches:
    """Frames by the handful; a source that fails ends them, and `fault` says why."""

    def __init__(self, source: Source, size: int) -> None:
        self.fault: str | None = None
        self._source = source
        self._size = size

    def __iter__(self) -> Iterator[list[Frame]]:
        batch: list[Frame] = []
        try:
            for frame in self._source:
                batch.append(frame)
                if len(batch) == self._size:
                    yield batch
                    batch = []
        except SourceError as error:
            self.fault = str(error)
        if batch:
            yield batch


class _Collecting(HoldsNothing):
    """A sink that hands on what it gets."""

    name = "collecting"

    def __init__(self, on_found: OnFound) -> None:
        self._on_found = on_found
        self._first_ns: int | None = None
        self.elapsed_ns = 0  # from the first submission to the last boxes

    def write(self, result: Result[Detections]) -> None:
        """Hand it on."""
        if self._first_ns is None:
            self._first_ns = result.submitted_ns
        self.elapsed_ns = result.collected_ns - self._first_ns
        self._on_found(result.frame, result.detections)


def _name_within(root: Path, file_name: str) -> str | None:
    """The file's name relative to `root`, or None where it is not there."""
    for name in (Path(file_name), Path(Path(file_name).name)):
        if not name.is_absolute() and (root / name).is_file():
            return name.as_posix()
    return None
