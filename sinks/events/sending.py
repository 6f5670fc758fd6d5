"""The sink that has its events sent to a receiver, which may be away for a while."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Self

from analytics.watch import analysis_in
from detector.detections import Detections
from sinks.events.delivery import Courier, DeliveryConfig
from sinks.events.record import event_json, event_look
from sinks.events.sender import Sender
from sinks.events.spool import Spool
from streamer.frame import Frame
from streamer.redact import redact
from streamer.result import Result, StreamEnd

logger = logging.getLogger(__name__)


class SendingSink:
    """Keeps the events of all streams on disk until the receiver has them.

    Never waits for the receiver, but for a bounded time at the end. What a run leaves unsent, also
    one that was killed, goes out first when the next one to the same address begins.

    Args:
        kind: of receiver, as the sink is called.
        address: of the receiver.
        courier: how records get there.
        config: how they are kept and sent.
    """

    def __init__(self, kind: str, address: str, courier: Courier, config: DeliveryConfig) -> None:
        self.name = f"{kind} {redact(address)}"
        self._config = config
        self._spool = Spool(config.folder, f"{kind} {address}", most_bytes=config.spool_bytes)
        self._sender = Sender(self.name, self._spool, courier, config)

    def __enter__(self) -> Self:
        """Open the spool and begin to send what is in it.

        Raises:
            SinkError: the spool's folder cannot be written.
        """
        self._spool.__enter__()
        self._sender.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Send what waits, within a bound; tell what is left.

        Raises:
            SinkError: the spool could not be used any more.
        """
        try:
            self._sender.stop()
        finally:
            self._spool.__exit__(exc_type, exc, traceback)
            self._tell()
        self._sender.check()

    def write(self, result: Result[Detections]) -> None:
        """Keep what became certain on a frame.

        Raises:
            SinkError: the disk is full or the spool is gone.
        """
        self._keep(result.notes, result.frame)

    def end_stream(self, end: StreamEnd) -> None:
        """Keep what ended with its stream; raises as `write`."""
        self._keep(end.notes, None)

    @property
    def trouble(self) -> str | None:
        """Why the latest attempt failed; None if it did not."""
        return self._sender.trouble

    def wake(self) -> None:
        """The courier has something to do; any thread."""
        self._sender.wake()

    def _keep(self, notes: tuple[object, ...], frame: Frame | None) -> None:
        self._sender.check()
        analysis = analysis_in(notes)
        if analysis is None or not analysis.events:
            return
        before = self._spool.dropped
        for event in analysis.events:
            has_look = frame is not None and self._config.pictures
            look = event_look(event, frame) if frame is not None and has_look else None
            self._spool.put(event_json(event, look), event.stream_id)
        if self._spool.dropped and not before:
            logger.warning("%s: too much waits to be sent; dropping the oldest", self.name)
        self._sender.wake()

    def _tell(self) -> None:
        """What did not arrive; one line, where there is something to say."""
        sender, spool = self._sender, self._spool
        told = {
            "dropped": spool.dropped,
            "refused": sender.refused,
            "waiting for the next run": spool.waiting,
        }
        if any(told.values()):
            counts = ", ".join(f"{count} {what}" for what, count in told.items() if count)
            why = f" ({sender.trouble})" if spool.waiting and sender.trouble else ""
            logger.warning("%s: %d events sent, %s%s", self.name, sender.sent, counts, why)
