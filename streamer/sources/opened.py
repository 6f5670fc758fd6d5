"""What sources have in common that open something and let it go again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from streamer.frame import Frame, StreamInfo


class OpenedSource(ABC):
    """A source of one connection; opening, closing and the frames are its own.

    Args:
        stream_id: unique within the run.
    """

    _stream: StreamInfo  # by `_open`

    def __init__(self, stream_id: str) -> None:
        self._stream_id = stream_id

    @property
    def stream_id(self) -> str:
        """Unique within the run."""
        return self._stream_id

    @property
    def stream(self) -> StreamInfo:
        """Valid once entered."""
        return self._stream

    def __enter__(self) -> Self:
        """Open it; where that fails, nothing stays open.

        Raises:
            SourceOpenError: it cannot be opened, or gives no picture.
        """
        try:
            self._open()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close it."""
        self._close()

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]:
        """Its frames; once entered."""

    @abstractmethod
    def _open(self) -> None:
        """Acquire, and set `_stream`; may raise halfway."""

    @abstractmethod
    def _close(self) -> None:
        """Release what there is; also after half an opening."""
