"""The pictures of a recording, whether it is a file or comes through a pipe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING

from streamer.errors import SourceError

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.stream import VideoStream

    from streamer.sources.decoded import Orientation


class PictureTrack:
    """Decodes one video track to its end; damaged packets are skipped and counted.

    Args:
        container: open; it is not closed here.
        video: the track.
        spec: of the source, for messages.
    """

    def __init__(self, container: InputContainer, video: VideoStream, spec: str) -> None:
        self._container = container
        self._video = video
        self._spec = spec
        self._damaged_packets = 0
        self._frames = self._decode()

    @property
    def damaged_packets(self) -> int:
        """So far."""
        return self._damaged_packets

    def __iter__(self) -> Iterator[av.VideoFrame]:
        """Itself."""
        return self

    def __next__(self) -> av.VideoFrame:
        """The next picture, in the decoder's order.

        Raises:
            SourceError: the recording cannot be read any further.
        """
        return next(self._frames)

    def _decode(self) -> Iterator[av.VideoFrame]:
        import av  # late: importing PyAV and OpenCV together warns on macOS, and costs start-up

        try:
            for packet in self._container.demux(self._video):
                try:
                    yield from packet.decode()
                except av.InvalidDataError:
                    self._damaged_packets += 1
        except av.InvalidDataError:  # the tail is cut off; what the decoder holds is still good
            self._damaged_packets += 1
            with suppress(av.InvalidDataError, EOFError):
                yield from self._video.decode(None)
        except (av.FFmpegError, OSError) as error:
            raise SourceError(f"source '{self._spec}': reading failed: {error.strerror}") from error


def first_video(container: InputContainer) -> VideoStream | None:
    """The first video track that is no cover picture."""
    from av.stream import Disposition

    videos = container.streams.video
    return next((v for v in videos if not v.disposition & Disposition.attached_pic), None)


def time_of(
    decoded: av.VideoFrame, last_pts: int | None, time_base: Fraction, rate: Fraction | None
) -> int:
    """When a picture is shown, in ticks; where it does not say, a picture's length after the last.

    Args:
        decoded: the picture.
        last_pts: of the picture before, or None for the first, which then is shown at 0.
        time_base: seconds a tick.
        rate: of the track, or None.
    """
    pts = decoded.pts if decoded.pts is not None else decoded.dts
    if pts is not None:
        return pts
    step = decoded.duration or (round(1 / (rate * time_base)) if rate else 1)
    return 0 if last_pts is None else last_pts + max(1, step)


def sample_aspect(video: VideoStream, orientation: Orientation) -> Fraction | None:
    """Width to height of a pixel of the upright picture, or None where pixels are square."""
    aspect = video.sample_aspect_ratio
    if not aspect or aspect == 1:
        return None
    return 1 / aspect if orientation.is_transposed else aspect
