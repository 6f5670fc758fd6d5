"""What a frame, and in the end a stream, became on its way through the pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from streamer.frame import Frame, StreamInfo

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True, eq=False)
class Result(Generic[T_co]):
    """A frame and what was found on it; every sink receives it.

    Attributes:
        frame: the picture and its time.
        detections: what the detector returned for it.
        submitted_ns: monotonic clock when the frame went into the detector.
        collected_ns: monotonic clock when its detections came back.
        notes: what analytics added; the module of a kind of note finds it.
    """

    frame: Frame
    detections: T_co
    submitted_ns: int
    collected_ns: int
    notes: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class StreamEnd:
    """A stream whose last frame has passed; for sinks that wait for what became certain only then.

    Attributes:
        stream: as it was at its last frame.
        notes: what analytics still had to say.
    """

    stream: StreamInfo
    notes: tuple[object, ...] = ()
