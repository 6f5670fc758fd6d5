"""Results as a pipeline would hand them over, and how a written file reads back."""

from __future__ import annotations

import resource
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from detector.detections import Detections
from sinks.file import FileSink
from streamer.frame import Frame, StreamInfo
from streamer.picture import BgrPicture
from streamer.result import Result
from streamer.truth import Truth

NTSC = Fraction(30000, 1001)
STREAM = StreamInfo(
    stream_id="gate", name="gate.mp4", width=64, height=48, time_base=Fraction(1, 30000), rate=NTSC
)


@contextmanager
def full_disk(size_bytes: int) -> Iterator[None]:
    """No file of this process may grow beyond `size_bytes` meanwhile."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def picture(index: int, width: int, height: int) -> BgrPicture:
    """Smooth shades that differ from frame to frame, as no flat colour would."""
    across = np.linspace(40, 200, width)[None, :, None]
    down = np.linspace(0, 50, height)[:, None, None]
    tint = np.array([index % 7, index % 5, index % 3])[None, None, :] * 6
    return BgrPicture((across + down + tint).clip(0, 255).astype(np.uint8))


def results(
    pts: Iterable[int],
    *,
    stream: StreamInfo = STREAM,
    time_base: Fraction | None = None,
    detections: Detections | None = None,
    truth: Truth | None = None,
) -> Iterator[Result[Detections]]:
    """One result for each pts."""
    stream = stream if time_base is None else replace(stream, time_base=time_base)
    for index, ticks in enumerate(pts):
        frame = Frame(
            stream=stream,
            index=index,
            pts=ticks,
            time_base=stream.time_base,
            captured_ns=index,
            picture=picture(index, stream.width, stream.height),
            truth=truth,
        )
        yield Result(frame, detections or Detections.empty(), 0, 0)


def boxes(*xyxy: Sequence[float], track_id: NDArray[np.int64] | None = None) -> Detections:
    """Detections of class 0, 1, ... with falling scores."""
    count = len(xyxy)
    return Detections(
        np.array(xyxy, np.float32).reshape(-1, 4),
        np.linspace(0.9, 0.5, count, dtype=np.float32),
        np.arange(count, dtype=np.int32),
        track_id,
    )


def write_all(sink: FileSink, given: Iterable[Result[Detections]]) -> None:
    """Enter, write, leave."""
    with sink:
        for result in given:
            sink.write(result)


def times_of(path: Path) -> list[Fraction]:
    """Seconds at which each decoded picture is shown, in the decoder's order."""
    with av.open(str(path)) as container:
        return [
            frame.pts * frame.time_base
            for frame in container.decode(video=0)
            if frame.pts is not None and frame.time_base is not None
        ]


def sound_of(path: Path) -> list[tuple[Fraction, bytes]]:
    """Time in seconds and bytes of each packet of the best sound."""
    with av.open(str(path)) as container:
        stream = container.streams.best("audio")
        if stream is None:
            return []
        return [
            (packet.pts * packet.time_base, bytes(packet))
            for packet in container.demux(stream)
            if packet.size and packet.pts is not None
        ]
