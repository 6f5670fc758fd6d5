"""How a wait inside a source is ended from outside."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from streamer.contract import Source


@runtime_checkable
class Stoppable(Protocol):
    """A source whose waits can be ended: all live ones, and wrappers of any."""

    def stop(self) -> None:
        """End iteration and opening soon; any thread, any time, also before entering; for good."""
        ...


def stop_source(source: Source) -> None:
    """Stop a source that can be; one that cannot waits for nothing."""
    if isinstance(source, Stoppable):
        source.stop()
