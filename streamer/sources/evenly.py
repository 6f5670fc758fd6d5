"""A network stream at its own pace where it comes in pieces: HLS, a segment at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from streamer.clock import Clock
from streamer.contract import Source
from streamer.frame import Frame, StreamInfo
from streamer.sources.pace import Paced
from streamer.sources.wrapped import Wrapped


class Piecewise(Source, Protocol):
    """A source that knows, once entered, whether it comes in pieces."""

    @property
    def comes_in_pieces(self) -> bool:
        """Frames come in bursts, each as long as a piece."""
        ...


class Evenly(Wrapped):
    """Gives the frames of a source as they come, or each when it is due if they come in pieces.

    Only an open stream tells: addresses of HLS need not end in .m3u8, and redirect.

    Args:
        source: of the network.
        clock: what paces.
    """

    _source: Piecewise

    def __init__(self, source: Piecewise, *, clock: Clock | None = None) -> None:
        super().__init__(source)
        self._paced = Paced(source, clock=clock)

    @property
    def stream(self) -> StreamInfo:
        """The source's, live where it is paced; valid once entered."""
        return self._chosen.stream

    @property
    def _chosen(self) -> Source:
        return self._paced if self._source.comes_in_pieces else self._source

    def stop(self) -> None:
        """End at once, also while waiting; any thread, for good."""
        self._paced.stop()

    def __iter__(self) -> Iterator[Frame]:
        """The frames."""
        return iter(self._chosen)
