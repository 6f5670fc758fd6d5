"""A sink that swallows everything: for measuring, and for runs whose results nobody keeps."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Self

from streamer.result import Result


@dataclass(frozen=True, slots=True)
class NullConfig:
    """Nothing to choose."""


class NullSink:
    """Takes any result and does nothing.

    >>> with NullSink() as sink:
    ...     sink.name
    'null'
    """

    name = "null"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def write(self, result: Result[object]) -> None:
        """Do nothing."""
