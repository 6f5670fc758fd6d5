"""What the pipeline asks of a source, a stage and a sink; any object that fits will do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self, TypeVar, runtime_checkable

from streamer.frame import Frame, StreamInfo
from streamer.result import Result, StreamEnd
from streamer.samples import DlDevice
from streamer.stats import StageTimes

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
T_contra = TypeVar("T_contra", contravariant=True)


class Resource(Protocol):
    """Acquires in `__enter__`, releases in `__exit__`, never in `__del__`."""

    def __enter__(self) -> Self:
        """Acquire."""
        ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Release; called once, from the thread that entered."""
        ...


class HoldsNothing:
    """A resource with nothing to acquire and nothing to release."""

    def __enter__(self) -> Self:
        """Nothing to acquire."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Nothing to release."""


class Source(Resource, Protocol):
    """One stream of frames, opened, read and closed by its own thread.

    Every blocking read has a time-out. `__enter__` and iteration raise SourceError, nothing else;
    SourceOpenError where no frame could be had at all.
    """

    @property
    def stream_id(self) -> str:
        """Known before opening; unique within a run."""
        ...

    @property
    def stream(self) -> StreamInfo:
        """Valid once entered."""
        ...

    def __iter__(self) -> Iterator[Frame]:
        """The frames, once, in the order they are to be shown."""
        ...


@runtime_checkable
class DeviceSource(Protocol):
    """A source that can leave its pictures where a device has decoded them."""

    def stay_on(self, device: DlDevice) -> None:
        """They may stay in that device's memory; called before the source is entered."""
        ...


class Stage(Resource, Protocol[T_co]):
    """Turns frames into findings, several batches in flight; used by one thread only.

    Attributes:
        times: where its time goes, per part, filled as it works.
    """

    times: StageTimes

    @property
    def max_batch(self) -> int:
        """Frames it takes at once, at least 1."""
        ...

    @property
    def depth(self) -> int:
        """Batches worth having in flight, at least 1: half of them in work, half waiting."""
        ...

    def submit(self, frames: Sequence[Frame]) -> object:
        """Start on 1 to `max_batch` frames of any streams and sizes; returns a ticket at once."""
        ...

    def collect(self, ticket: object) -> Sequence[T_co]:
        """Wait for a ticket, oldest first; one finding a frame, in the order of `submit`."""
        ...


@runtime_checkable
class DeviceStage(Protocol):
    """A stage that can take pictures out of a device's memory."""

    @property
    def home(self) -> DlDevice | None:
        """That device, or None where they must come from the host; known before entering."""
        ...


class Analytic(Protocol[T]):
    """What the findings of one stream mean over time; one object a stream, with its state."""

    def update(self, result: Result[T]) -> Result[T]:
        """The result with what this adds; called once a frame, in the stream's order."""
        ...


@runtime_checkable
class Concluding(Protocol):
    """An analytic that has something left to say when its stream is over."""

    def finish(self) -> Sequence[object]:
        """Notes for the stream's end; called once, after the last `update`."""
        ...


class Sink(Resource, Protocol[T_contra]):
    """Takes results to the world, in a thread of its own; may block; raises SinkError.

    `__exit__` with an exception still leaves whole files: what was accepted is kept.
    """

    @property
    def name(self) -> str:
        """What a person calls it, without secrets."""
        ...

    def write(self, result: Result[T_contra]) -> None:
        """Take one result; frames of a stream arrive in their order."""
        ...


@runtime_checkable
class EndAware(Protocol):
    """A sink that wants to know when a stream is over."""

    def end_stream(self, end: StreamEnd) -> None:
        """Take a stream's end, after its last result; raises SinkError."""
        ...
