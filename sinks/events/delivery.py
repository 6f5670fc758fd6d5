"""How records are taken to a receiver: what may go wrong, and how patiently it is tried."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import platformdirs

from sinks.events.spool import Spooled


@dataclass(frozen=True, slots=True)
class DeliveryConfig:
    """How records are kept and sent.

    Attributes:
        pictures: send the cut-out picture of the object, too, base64.
        connect_s: most time to be connected, s; what cannot be cut short at the end of a run.
        timeout_s: most silence within an attempt, s.
        retry_s: the first wait after a failure, s; it doubles up to `retry_most_s`.
        retry_most_s: the longest wait, s.
        end_s: what waits when the run ends is still tried for so long, s; the rest stays on disk
            and goes out with the next run to the same address.
        spool: folder for what is not sent yet, or None for the user's own.
        spool_bytes: most bytes that may wait; beyond that the oldest are dropped, and counted.
    """

    pictures: bool = True
    connect_s: float = 3.0
    timeout_s: float = 10.0
    retry_s: float = 0.5
    retry_most_s: float = 30.0
    end_s: float = 2.0
    spool: Path | None = None
    spool_bytes: int = 256 * 1024 * 1024

    def __post_init__(self) -> None:
        for name in ("connect_s", "timeout_s", "retry_s", "retry_most_s"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name}: expected more than 0, got {getattr(self, name)!r}")
        if not 0 <= self.end_s < math.inf:
            raise ValueError(f"end_s: expected seconds from 0 up, got {self.end_s!r}")
        if self.spool_bytes < 1:
            raise ValueError(f"spool_bytes: expected at least 1, got {self.spool_bytes!r}")

    @property
    def folder(self) -> Path:
        """Where spools are: state that outlives a run, not a cache that may be emptied."""
        return (
            self.spool or Path(platformdirs.user_state_dir("streamer", appauthor=False)) / "unsent"
        )


class Unreachable(Exception):
    """A record did not arrive, and may later.

    Args:
        reason: for a person.
        wait_s: the receiver asks for such a pause, or None.
    """

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class Refused(Exception):
    """A record will never be accepted, however often it is sent."""


class Courier(Protocol):
    """Takes records to one receiver; for one thread, but for `cut`."""

    def connect(self) -> None:
        """Be ready, where there is something to be ready with; raises Unreachable."""
        ...

    def deliver(self, record: Spooled) -> None:
        """Return once the receiver has the record; raises Unreachable or Refused."""
        ...

    def cut(self) -> None:
        """End the attempt that is under way, if there is one; any thread."""
        ...

    def close(self) -> None:
        """Say goodbye; raises nothing."""
        ...
