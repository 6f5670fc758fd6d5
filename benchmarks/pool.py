"""Pictures that are ready, given as fast as they are taken, after a set time, or at a pace."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np

from streamer.contract import HoldsNothing
from streamer.frame import Frame, StreamInfo
from streamer.picture import BgrPicture, Picture
from streamer.sources.pace import Paced

RATE = Fraction(30)
_GOLDEN = 0.618  # of an interval from one camera to the next: never two at once, however many


class PoolSource(HoldsNothing):
    """The same few pictures again and again.

    Args:
        stream_id: unique within the run.
        count: frames, or None without an end.
        decode_ms: that each takes to come, slept: a decoder releases the interpreter's lock.
        delay_s: before the first frame.
        pictures: what is given, all of one size; None for a small black one.
    """

    def __init__(
        self,
        stream_id: str,
        *,
        count: int | None = None,
        decode_ms: float = 0.0,
        delay_s: float = 0.0,
        pictures: Sequence[Picture] | None = None,
    ) -> None:
        self._pictures = pictures or [BgrPicture(np.zeros((36, 64, 3), np.uint8))]
        first = self._pictures[0]
        self.stream = StreamInfo(
            *(stream_id, stream_id, first.width, first.height),
            time_base=1 / RATE,
            rate=RATE,
            frame_count=count,
        )
        self._decode_s = decode_ms / 1e3
        self._delay_s = delay_s

    @property
    def stream_id(self) -> str:
        """Unique within the run."""
        return self.stream.stream_id

    def __iter__(self) -> Iterator[Frame]:
        """Frames with rising times, stamped when they are there."""
        if self._delay_s:
            time.sleep(self._delay_s)
        stream, pictures = self.stream, self._pictures
        for index in itertools.islice(itertools.count(), stream.frame_count):
            if self._decode_s:
                time.sleep(self._decode_s)
            picture = pictures[index % len(pictures)]
            yield Frame(stream, index, index, stream.time_base, time.monotonic_ns(), picture)


def camera(number: int, pictures: Sequence[Picture] | None) -> Paced:
    """A live stream without an end; cameras of other numbers give theirs at other moments."""
    delay_s = (number * _GOLDEN) % 1.0 / float(RATE)
    return Paced(PoolSource(f"camera-{number}", delay_s=delay_s, pictures=pictures))
