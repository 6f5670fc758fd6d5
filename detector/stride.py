"""Looking at every k-th frame only, with the last boxes in between."""

from __future__ import annotations

import dataclasses
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from detector.contract import Detector
from detector.detections import Detections
from streamer.contract import DeviceStage
from streamer.frame import Frame
from streamer.samples import DlDevice


class StridedDetector:
    """Lets a detector look at every `every`-th frame of each stream, and at every single picture.

    The frames between get the boxes of the last one that was looked at, with `is_carried` set.
    Frames are counted as they come: those that were dropped on the way are not among them.

    Args:
        detector: not yet entered.
        every: at least 1.

    Raises:
        ValueError: `every` is below 1.
    """

    def __init__(self, detector: Detector, every: int) -> None:
        if every < 1:
            raise ValueError(f"every: expected at least 1, got {every!r}")
        self.times = detector.times  # frames that were not looked at are not counted
        self._detector = detector
        self._every = every
        self._counted: Counter[str] = Counter()  # frames by stream
        self._last: dict[str, Detections] = {}  # by stream, of the last frame that was collected
        self._at_work: deque[_Ticket] = deque()  # the detector's own, oldest first

    @property
    def class_names(self) -> tuple[str, ...]:
        """The detector's."""
        return self._detector.class_names

    @property
    def home(self) -> DlDevice | None:
        """The detector's, if it has one."""
        return self._detector.home if isinstance(self._detector, DeviceStage) else None

    @property
    def max_batch(self) -> int:
        """The detector's."""
        return self._detector.max_batch

    @property
    def depth(self) -> int:
        """Enough for the frames between to wait while the detector works."""
        return self._detector.depth * self._every

    def __enter__(self) -> Self:
        self._detector.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._at_work.clear()
        self._detector.__exit__(exc_type, exc, traceback)

    def submit(self, frames: Sequence[Frame]) -> object:
        """Start on those of 1 to `max_batch` frames whose turn it is.

        Blocks where the detector has as many in flight as it likes.
        """
        turns = [self._is_due(frame) for frame in frames]
        ticket = _Ticket([frame.stream_id for frame in frames], turns)
        due = [frame for frame, is_due in zip(frames, turns, strict=True) if is_due]
        if due:
            while len(self._at_work) >= self._detector.depth:
                self._settle(self._at_work[0])
            ticket.inner = self._detector.submit(due)
            self._at_work.append(ticket)
        return ticket

    def collect(self, ticket: object) -> list[Detections]:
        """The boxes of each frame of the oldest ticket, its own or the last ones of its stream.

        Raises:
            TypeError: `ticket` is not of this detector's making.
        """
        if not isinstance(ticket, _Ticket):
            raise TypeError(f"collect: expected a ticket of submit, got {type(ticket).__name__}")
        if ticket in self._at_work:
            self._settle(ticket)
        found = iter(ticket.found)
        results = []
        for stream_id, is_due in zip(ticket.stream_ids, ticket.turns, strict=True):
            if is_due:
                own = next(found)
                self._last[stream_id] = dataclasses.replace(own, is_carried=True)
                results.append(own)
            else:
                results.append(self._last[stream_id])
        return results

    def _is_due(self, frame: Frame) -> bool:
        if frame.stream.kind == "images":  # the next one shows something else
            return True
        count = self._counted[frame.stream_id]
        self._counted[frame.stream_id] += 1
        return count % self._every == 0

    def _settle(self, ticket: _Ticket) -> None:
        """Wait for the detector, which wants its tickets back in their order."""
        while ticket in self._at_work:
            oldest = self._at_work.popleft()
            oldest.found = self._detector.collect(oldest.inner)


@dataclass(slots=True, eq=False)
class _Ticket:
    """Frames of one `submit`, with what the detector found on those that it looked at."""

    stream_ids: list[str]
    turns: list[bool]
    inner: object = None
    found: Sequence[Detections] = ()
