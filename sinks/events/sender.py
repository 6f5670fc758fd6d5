"""The thread that takes what waits in a spool to its receiver, one after the other."""

from __future__ import annotations

import logging
import threading

from sinks.events.delivery import Courier, DeliveryConfig, Refused, Unreachable
from sinks.events.spool import Spool
from streamer.clock import MonotonicClock
from streamer.errors import SinkError
from streamer.redact import redact

logger = logging.getLogger(__name__)

_LONGEST_ASKED_S = 3600.0  # a receiver that asks for a longer pause is tried all the same


class Sender:
    """Sends in strict order: a record goes out once the one before has arrived or was refused.

    A record leaves the spool after the receiver has acknowledged it. Should the process die in
    between, it is sent once more, with the same `record_id`.

    Args:
        name: of the receiver, without secrets; also of the thread.
        spool: open for as long as the sender works.
        courier: how records get there.
        config: how patiently.
    """

    def __init__(
        self,
        name: str,
        spool: Spool,
        courier: Courier,
        config: DeliveryConfig,
    ) -> None:
        self._name = name
        self._spool = spool
        self._courier = courier
        self._config = config
        self._clock = MonotonicClock()
        self._thread = threading.Thread(target=self._run, name=name)
        self._changed = threading.Condition()
        self._has_news = True  # whether the receiver is there is worth knowing before it is needed
        self._end_ns: int | None = None  # when to give up, once the run is over
        self._wait_s = config.retry_s
        self._failure: Exception | None = None
        self.sent = 0
        self.refused = 0
        self.trouble: str | None = None  # why the latest attempt failed, without secrets

    def start(self) -> None:
        """Begin with what already waits."""
        self._thread.start()

    def wake(self) -> None:
        """There is something to do: a record, or a connection that was lost; any thread."""
        with self._changed:
            self._has_news = True
            self._changed.notify()

    def check(self) -> None:
        """Raise what ended the thread, if it has.

        Raises:
            SinkError: the spool cannot be used any more.
        """
        if isinstance(self._failure, SinkError):
            raise self._failure
        if self._failure is not None:
            raise SinkError(f"{self._name}: sending ended: {self._failure}") from self._failure

    def stop(self) -> None:
        """Send what waits for `end_s` at most and end the thread, within another `connect_s`."""
        with self._changed:
            self._end_ns = self._clock.now_ns() + round(self._config.end_s * 1e9)
            self._changed.notify()
        self._thread.join(self._config.end_s)
        if self._thread.is_alive():
            self._courier.cut()
            self._thread.join()

    def _run(self) -> None:
        try:
            while self._is_wanted():
                self._step()
        except Exception as error:  # noqa: BLE001 - the thread's guard: `check` raises it
            self._failure = error
        finally:
            self._courier.close()

    def _is_wanted(self) -> bool:
        """There is something to send and time to do it; waits for it, or for the end."""
        with self._changed:
            while self._end_ns is None and not self._has_news and not self._spool.waiting:
                self._changed.wait()
            self._has_news = False
            if self._end_ns is None:
                return True
            return self._spool.waiting > 0 and self._clock.now_ns() < self._end_ns

    def _step(self) -> None:
        """One attempt."""
        try:
            self._courier.connect()
            record = self._spool.first()
            if record is None:
                return
            try:
                self._courier.deliver(record)
                self.sent += 1
                self.trouble = None
            except Refused as error:
                self.refused += 1
                logger.warning(
                    "%s: record %s is refused and dropped: %s",
                    self._name, record.record_id, redact(str(error)),
                )  # fmt: skip
            self._spool.remove(record)
            self._wait_s = self._config.retry_s
        except Unreachable as error:
            self._pause(error)
            self._has_news = True

    def _pause(self, error: Unreachable) -> None:
        """Wait before the next try; the end of the run allows one at once."""
        wait_s = max(self._wait_s, min(error.wait_s or 0.0, _LONGEST_ASKED_S))
        is_first = self._wait_s == self._config.retry_s
        log = logger.warning if is_first and self._end_ns is None else logger.info
        self.trouble = redact(str(error))
        log("%s: %s; trying again in %g s", self._name, self.trouble, wait_s)
        self._wait_s = min(2 * self._wait_s, self._config.retry_most_s)
        until_ns = self._clock.now_ns() + round(wait_s * 1e9)
        with self._changed:
            was_ending = self._end_ns is not None
            if self._end_ns is not None:
                until_ns = min(until_ns, self._end_ns)
            while (self._end_ns is not None) == was_ending:
                left_ns = until_ns - self._clock.now_ns()
                if left_ns <= 0:
                    return
                self._changed.wait(left_ns / 1e9)
            self._wait_s = self._config.retry_s
