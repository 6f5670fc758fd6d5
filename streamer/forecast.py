"""When a device will be through with a batch, as the last ones of its size let expect."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

_FALL, _RISE = 0.5, 0.06  # weights of the newest batch: who is woken late sees one as longer
_DOUBT = 0.125  # of an estimate, each time that nobody had to wait until it was over
_RECENT = 0.25  # weight of the newest time that the host took for something
_INSTANT_NS = 200_000  # 0.2 ms: whoever waited no longer did not wait for the device
_MARGIN_NS = 500_000  # 0.5 ms: what the hand-over does not know of


@dataclass(slots=True)
class _Moment:
    """When a batch came back; exact if somebody was waiting for it."""

    at_ns: int
    is_exact: bool


class Forecast:
    """Learns how long batches take, by size; used by one thread.

    What it sees is when batches are handed over and come back. One that had come back unnoticed
    says only how long it took at most, and one that began unnoticed how long at least.

    Args:
        works: batches that the device works on at once.
    """

    def __init__(self, works: int) -> None:
        self._took_ns: dict[int, float] = {}  # by frames in the batch
        self._handing_ns = 0.0  # what it takes to hand one over
        self._late_ns = 0.0  # how late one who sleeps is woken
        self._back: deque[_Moment] = deque(maxlen=works)

    def handed_over(self, begun_ns: int, done_ns: int) -> None:
        """A batch was submitted between these two moments."""
        self._handing_ns += (done_ns - begun_ns - self._handing_ns) * _RECENT

    def woke(self, due_ns: int, now_ns: int) -> None:
        """One who wanted to sleep until `due_ns` is awake."""
        self._late_ns += (max(0, now_ns - due_ns) - self._late_ns) * _RECENT

    def came_back(self, count: int, queued_ns: int, asked_ns: int, back_ns: int) -> None:
        """A batch of so many frames had been queued, was asked for, and came back."""
        start = self._start(queued_ns)
        end = _Moment(back_ns, back_ns - asked_ns > _INSTANT_NS)
        self._back.append(end)
        took_ns = float(back_ns - start.at_ns)
        known_ns = self._took_ns.get(count)
        if known_ns is None:
            self._took_ns[count] = took_ns
        elif not end.is_exact:  # how much sooner it was ready shows only who asks sooner
            self._took_ns[count] = min(known_ns, took_ns) * (1 - _DOUBT)
        elif start.is_exact or took_ns > known_ns:
            weight = _RISE if took_ns > known_ns else _FALL
            self._took_ns[count] = known_ns + (took_ns - known_ns) * weight

    def due_ns(self, count: int, queued_ns: int) -> int | None:
        """When the oldest batch in flight will come back; None before any of its size has."""
        took_ns = self._took_ns.get(count)
        return None if took_ns is None else self._start(queued_ns).at_ns + round(took_ns)

    def last_call_ns(self, count: int, queued_ns: int) -> int | None:
        """When another batch has to be handed over at the latest for the device not to wait."""
        due_ns = self.due_ns(count, queued_ns)
        if due_ns is None:
            return None
        return due_ns - round(self._handing_ns + 2 * self._late_ns) - _MARGIN_NS

    def _start(self, queued_ns: int) -> _Moment:
        """When the device began: at once, or when it was through with the batch before."""
        if len(self._back) < (self._back.maxlen or 1) or self._back[0].at_ns <= queued_ns:
            return _Moment(queued_ns, is_exact=True)
        return self._back[0]
