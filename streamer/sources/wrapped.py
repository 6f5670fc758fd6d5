"""A source around another one."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from streamer.contract import Source
from streamer.feed import Stoppable
from streamer.frame import Frame, StreamInfo


class Wrapped:
    """Another source as it is; who inherits changes a part of it.

    Args:
        source: opened, read, stopped and closed with this one.
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def stream_id(self) -> str:
        """The source's."""
        return self._source.stream_id

    @property
    def stream(self) -> StreamInfo:
        """The source's; valid once entered."""
        return self._source.stream

    def stop(self) -> None:
        """End the source's waiting; any thread, for good."""
        if isinstance(self._source, Stoppable):
            self._source.stop()

    def __enter__(self) -> Self:
        """Open the source."""
        self._source.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the source."""
        self._source.__exit__(exc_type, exc, traceback)

    def __iter__(self) -> Iterator[Frame]:
        """The source's frames."""
        return iter(self._source)
