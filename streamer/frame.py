"""One picture of one stream, with its time."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from streamer.picture import I420, BgrArray, Picture
from streamer.truth import Truth

StreamKind = Literal["video", "images"]


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What is known of a stream before its next frame.

    Attributes:
        stream_id: unique within a run, without secrets, usable as a file name.
        name: what a person calls it: the path or the redacted address.
        width: px of the first frame, upright; later frames may differ.
        height: px, likewise.
        time_base: seconds a tick of `Frame.pts`.
        rate: average frames a second, or None where the stream does not say.
        frame_count: frames to expect, or None where nobody knows; may be wrong by a few.
        is_live: the world does not wait for us.
        kind: "images" are single pictures of any size, each with a name of its own.
        sound_path: a recorded file whose sound belongs to these pictures, or None.
        sample_aspect: width of a pixel over its height, upright, where it is not 1, else None.
    """

    stream_id: str
    name: str
    width: int
    height: int
    time_base: Fraction
    rate: Fraction | None = None
    frame_count: int | None = None
    is_live: bool = False
    kind: StreamKind = "video"
    sound_path: Path | None = None
    sample_aspect: Fraction | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of one stream, with its time.

    Attributes:
        stream: the stream as it was when the frame was taken.
        index: 0, 1, 2, ... in the order the source gave them.
        pts: presentation time in ticks of `time_base`, exactly as the source has it: it may start
            late and, in damaged or packed files, go backwards.
        time_base: seconds a tick.
        captured_ns: monotonic clock when the source had the picture.
        picture: the pixels.
        duration: ticks the picture is meant to stay, or None.
        name: the picture's own file name within an "images" stream, else None.
        truth: what a drawn scene really holds, else None.
    """

    stream: StreamInfo
    index: int
    pts: int
    time_base: Fraction
    captured_ns: int
    picture: Picture
    duration: int | None = None
    name: str | None = None
    truth: Truth | None = None

    @property
    def stream_id(self) -> str:
        """The stream's id."""
        return self.stream.stream_id

    @property
    def time_s(self) -> float:
        """Presentation time in seconds."""
        return float(self.pts * self.time_base)

    @property
    def width(self) -> int:
        """Px."""
        return self.picture.width

    @property
    def height(self) -> int:
        """Px."""
        return self.picture.height

    def bgr(self) -> BgrArray:
        """(H, W, 3) uint8 BGR, read-only; who draws, copies."""
        return self.picture.bgr()

    def i420(self) -> I420:
        """4:2:0 planes of limited range, read-only; who draws, copies."""
        return self.picture.i420()
