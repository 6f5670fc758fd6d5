"""Devices made of threads that misbehave as a GPU may."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from detector.host_device import HostDevice, HostLane, HostMark
from detector.lanes import Work


class Dawdling(HostDevice):
    """Lanes dawdle before each piece of work: who does not wait for it reads what was before."""

    def lane(self, name: str, *, is_urgent: bool = False) -> HostLane:
        lane = super().lane(name, is_urgent=is_urgent)
        run = lane.run

        def late(
            work: Work,
            *,
            after: Sequence[HostMark],
            done: HostMark,
            begun: HostMark | None = None,
        ) -> None:
            def delayed() -> None:
                threading.Event().wait(0.002)
                work()

            run(delayed, after=after, done=done, begun=begun)

        lane.run = late  # type: ignore[method-assign]  # a slower thread
        return lane
