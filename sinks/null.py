"""A sink that swallows everything: for measuring, and for runs whose results nobody keeps."""

from __future__ import annotations

from streamer.contract import HoldsNothing
from streamer.result import Result


class NullSink(HoldsNothing):
    """Takes any result and does nothing.

    >>> with NullSink() as sink:
    ...     sink.name
    'null'
    """

    name = "null"

    def write(self, result: Result[object]) -> None:
        """Do nothing."""
