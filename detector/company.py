"""Which batches have the cores to themselves, and which share them with others in flight.

All cores on one batch bring it back soonest; a core for each of several bring the most back. So who
comes alone gets all of them, and so does a live camera that is alone: its pictures are worth most
when they are new, and the next one is only taken when the last is nearly through. Who comes while
others are at work shares: a recording, or several cameras.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from streamer.frame import Frame


class Company:
    """Sees batches come and go; used by one thread."""

    def __init__(self) -> None:
        self._in_flight: list[Future[Any]] = []  # of whatever they bring
        self._had_company = False  # the last one did
        self._last_live: str | None = None  # the stream that the last batch was of, if of one
        self._is_lone_camera = False

    @property
    def is_lone_camera(self) -> bool:
        """The last two batches were of one and the same live stream."""
        return self._is_lone_camera

    def comes_alone(self, frames: Sequence[Frame]) -> bool:
        """Whether a batch that is about to start gets all cores; to be asked once of each.

        Whoever comes while nothing else is in flight has to have done so twice: batches that share
        may all be through at once, and then come one by one again.
        """
        self._in_flight = [each for each in self._in_flight if not each.done()]
        has_company, had_company = bool(self._in_flight), self._had_company
        self._had_company = has_company
        live = _live_stream(frames)
        self._is_lone_camera = live is not None and live == self._last_live
        self._last_live = live
        return self._is_lone_camera or not (has_company or had_company)

    def started(self, work: Future[Any]) -> None:
        """The batch that was asked about is in flight until this is done."""
        self._in_flight.append(work)


def _live_stream(frames: Sequence[Frame]) -> str | None:
    """The one that all of them are of, or None."""
    streams = {frame.stream_id for frame in frames}
    return streams.pop() if len(streams) == 1 and frames[0].stream.is_live else None
