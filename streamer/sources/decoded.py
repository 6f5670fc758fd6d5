"""The picture of a decoded video frame: upright, converted only as far as somebody asks."""

from __future__ import annotations

import struct
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.device_picture import DevicePicture
from streamer.errors import SourceError
from streamer.picture import I420, UNSPECIFIED, BgrArray, Colour, Picture, PlaneArray, bgr_to_i420
from streamer.samples import I420_COMPONENTS, NV12_COMPONENTS, DevicePlane, Samples

if TYPE_CHECKING:
    import av

FULL_RANGE = 2  # AVColorRange: JPEG
PLANAR_420 = frozenset({"yuv420p", "yuvj420p"})  # 8 bit: the planes can be used as they are
SAMPLES = np.arange(256)
LUMA_TO_LIMITED = np.rint(16 + SAMPLES * 219 / 255).astype(np.uint8)
CHROMA_TO_LIMITED = np.rint(128 + (SAMPLES - 128) * 224 / 255).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Orientation:
    """How stored rows and columns become an upright picture: transpose first, then flip."""

    is_transposed: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def of_frame(cls, frame: av.VideoFrame) -> Orientation:
        """What the file's display matrix asks for, rounded to quarter turns and mirrors.

        Source: ISO/IEC 14496-12, 8.3.2 (track header matrix): x' = a x + c y, y' = b x + d y.
        """
        try:
            matrix = frame.side_data["DISPLAYMATRIX"]  # type: ignore[typeddict-item]  # stub: few keys
        except KeyError:
            return cls()
        a, b, _, c, d = struct.unpack_from("=5i", memoryview(matrix))
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return cls(flip_x=a < 0, flip_y=d < 0)
        return cls(is_transposed=True, flip_x=c < 0, flip_y=b < 0)

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """An upright, contiguous (H, W, ...) array; the array itself if nothing is to be done."""
        if self == Orientation():
            return pixels
        if self.is_transposed:
            pixels = np.swapaxes(pixels, 0, 1)
        if self.flip_x:
            pixels = pixels[:, ::-1]
        if self.flip_y:
            pixels = pixels[::-1]
        return np.ascontiguousarray(pixels)


class Converter:
    """FFmpeg's scaler towards one pixel format, shared by the pictures of a stream.

    Setting a scaler up takes 3 ms, using it 0.1 (768x432), so it is kept; any thread may use it.

    Args:
        pix_fmt: FFmpeg's name of the format.
    """

    def __init__(self, pix_fmt: str) -> None:
        from av.video.reformatter import VideoReformatter

        self._pix_fmt = pix_fmt
        self._reformatter = VideoReformatter()
        self._lock = threading.Lock()

    def convert(self, frame: av.VideoFrame, *, color_range: int | None = None) -> av.VideoFrame:
        """`frame` in the converter's format and the frame's own matrix.

        Args:
            frame: of any size and format.
            color_range: of the outcome, as AVColorRange; None for what the format implies.
        """
        with self._lock:
            return self._reformatter.reformat(
                frame, format=self._pix_fmt, dst_color_range=color_range, threads=1
            )


class DecodedPicture:
    """Pixels as the decoder left them; conversions keep matrix and range right.

    Where the file does not name its matrix, BT.601 is assumed, as FFmpeg does.

    Args:
        frame: kept alive; its planes must not be written.
        orientation: how to set it upright.
        to_bgr: a converter to bgr24.
        to_i420: a converter to yuv420p.
    """

    def __init__(
        self,
        frame: av.VideoFrame,
        orientation: Orientation,
        to_bgr: Converter,
        to_i420: Converter,
    ) -> None:
        self._frame = frame
        self._orientation = orientation
        self._to_bgr = to_bgr
        self._to_i420 = to_i420
        self._lock = threading.Lock()
        self._bgr: BgrArray | None = None

    @property
    def width(self) -> int:
        """Px, upright."""
        frame = self._frame
        return frame.height if self._orientation.is_transposed else frame.width

    @property
    def height(self) -> int:
        """Px, upright."""
        frame = self._frame
        return frame.width if self._orientation.is_transposed else frame.height

    def bgr(self) -> BgrArray:
        """(H, W, 3) uint8, read-only, converted at the first call."""
        with self._lock:
            if self._bgr is None:
                frame = self._frame
                if frame.format.name == "nv12":  # else another scaler, with other pixels, takes it
                    frame = self._to_i420.convert(frame, color_range=int(frame.color_range or 1))
                stored = np.asarray(self._to_bgr.convert(frame).to_ndarray(), np.uint8)
                pixels = self._orientation.apply(stored)
                pixels.setflags(write=False)
                self._bgr = pixels
            return self._bgr

    def i420(self) -> I420:
        """4:2:0 planes of limited range in the file's own matrix, read-only.

        For an upright 8-bit 4:2:0 picture of even size and limited range, these are the decoder's
        own planes, without a copy.
        """
        frame = self._frame
        if not frame.format.name.startswith(("yuv", "nv", "p0")):
            return bgr_to_i420(self.bgr())
        if frame.format.name not in PLANAR_420:
            frame = self._to_i420.convert(frame, color_range=int(frame.color_range or 1))
        planes = [self._orientation.apply(plane) for plane in _views(frame)]
        if _is_full_range(self._frame):
            tables = (LUMA_TO_LIMITED, CHROMA_TO_LIMITED, CHROMA_TO_LIMITED)
            planes = [cv2.LUT(plane, table) for plane, table in zip(planes, tables, strict=True)]
        y, u, v = planes
        if y.shape[0] % 2 or y.shape[1] % 2:
            y = np.pad(y, ((0, y.shape[0] % 2), (0, y.shape[1] % 2)), mode="edge")
        for plane in (y, u, v):
            plane.setflags(write=False)
        return I420(y, u, v, self.width, self.height, _colour(self._frame))

    def samples(self) -> Samples | None:
        """The decoder's own planes, without a copy, if they are upright 8-bit 4:2:0.

        None for an odd height, too: FFmpeg's scaler then computes other pixels for `bgr`.
        """
        frame = self._frame
        is_planar = frame.format.name in PLANAR_420
        if frame.height % 2 or self._orientation != Orientation():
            return None
        if not is_planar and frame.format.name != "nv12":
            return None
        planes = _views(frame) if is_planar else _views_nv12(frame)
        for plane in planes:
            plane.setflags(write=False)
        return Samples(
            tuple(planes),
            I420_COMPONENTS if is_planar else NV12_COMPONENTS,
            frame.width,
            frame.height,
            is_yuv=True,
            matrix=_colour(frame).matrix,
            is_full_range=_is_full_range(frame),
        )


def staying_picture(
    frame: av.VideoFrame, orientation: Orientation, to_bgr: Converter, to_i420: Converter
) -> Picture:
    """The picture of a frame that a device has decoded: it stays there if it can be used as it is.

    That is upright NV12 of even size; any other comes down here and now.

    Args:
        frame: kept alive; its planes must not be written.
        orientation: how to set it upright.
        to_bgr: a converter to bgr24.
        to_i420: a converter to yuv420p.

    Raises:
        SourceError: it cannot come down.
    """

    def bring_down() -> DecodedPicture:
        return DecodedPicture(_copy_on_host(frame), orientation, to_bgr, to_i420)

    width, height = frame.width, frame.height
    is_upright = orientation == Orientation()
    if stored_format(frame) != "nv12" or width % 2 or height % 2 or not is_upright:
        return bring_down()
    luma, chroma = frame.planes
    samples = Samples(
        (
            DevicePlane(luma, (height, luma.line_size)),
            DevicePlane(chroma, (height // 2, chroma.line_size)),
        ),
        NV12_COMPONENTS,
        width,
        height,
        is_yuv=True,
        matrix=_colour(frame).matrix,
        is_full_range=_is_full_range(frame),
    )
    return DevicePicture(samples, luma.__dlpack_device__(), bring_down)


def stored_format(frame: av.VideoFrame) -> str:
    """FFmpeg's name of what the samples are, wherever they lie."""
    return (frame.sw_format or frame.format).name


def _copy_on_host(frame: av.VideoFrame) -> av.VideoFrame:
    """The frame itself if it is there already."""
    import av

    try:
        return frame.reformat(format=stored_format(frame))
    except av.FFmpegError as error:
        raise SourceError(
            f"a picture cannot be brought down from the GPU: {error.strerror}"
        ) from error


def _is_full_range(frame: av.VideoFrame) -> bool:
    return frame.format.name.startswith("yuvj") or int(frame.color_range) == FULL_RANGE


def _colour(frame: av.VideoFrame) -> Colour:
    def code(value: int | None) -> int:
        return UNSPECIFIED if value is None else int(value)

    return Colour(code(frame.colorspace), code(frame.color_primaries), code(frame.color_trc))


def _views(frame: av.VideoFrame) -> list[PlaneArray]:
    """The three planes of an 8-bit 4:2:0 frame, (H, W) and twice (ceil H/2, ceil W/2), no copy."""
    sizes = [(frame.height, frame.width)] + [((frame.height + 1) // 2, (frame.width + 1) // 2)] * 2
    return [
        np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[:height, :width]
        for plane, (height, width) in zip(frame.planes, sizes, strict=True)
    ]


def _views_nv12(frame: av.VideoFrame) -> list[PlaneArray]:
    """The two planes of an NV12 frame, (H, W) and (ceil H/2, 2 ceil W/2), no copy."""
    sizes = [(frame.height, frame.width), ((frame.height + 1) // 2, (frame.width + 1) // 2 * 2)]
    return [
        np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[:height, :width]
        for plane, (height, width) in zip(frame.planes, sizes, strict=True)
    ]
