"""Picture files to pixels, with what is wrong with a file said plainly.

OpenCV decodes a truncated file to a picture that is grey below the cut and says so only on the
terminal; a network would learn from it. So the end of the file is looked at first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import cv2
import numpy as np

from streamer.picture import BgrArray
from train.errors import SampleError

Reduction = Literal[1, 2, 4, 8]

_JPEG = b"\xff\xd8"  # its first bytes
_FLAGS: Mapping[Reduction, int] = MappingProxyType(
    {
        1: cv2.IMREAD_COLOR,
        2: cv2.IMREAD_REDUCED_COLOR_2,
        4: cv2.IMREAD_REDUCED_COLOR_4,
        8: cv2.IMREAD_REDUCED_COLOR_8,
    }
)


def read_picture(path: Path, reduction: Reduction = 1) -> BgrArray:
    """The pixels, (H, W, 3) uint8 BGR, upright as the file's orientation tag says.

    Args:
        path: a JPEG, PNG, WebP, BMP or TIFF file.
        reduction: 2, 4 or 8 gives a picture whose pixels are the means of so many by so many, the
            last ones of what is left; a JPEG is then decoded faster.

    Raises:
        SampleError: the file is missing, cut off or no picture.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SampleError(f"picture {str(path)!r}: {error.strerror}") from error
    except ValueError as error:  # a name that no file can have
        raise SampleError(f"picture {str(path)!r}: {error}") from error
    try:
        return decode_picture(data, reduction)
    except ValueError as error:
        raise SampleError(f"picture {str(path)!r}: {error}") from error


def decode_picture(data: bytes, reduction: Reduction = 1) -> BgrArray:
    """The pixels of a file's content, as `read_picture`.

    Raises:
        ValueError: it is cut off or no picture.
    """
    if is_cut_off(data):
        raise ValueError(f"cut off after {len(data)} bytes")
    is_jpeg = data.startswith(_JPEG)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), _FLAGS[reduction if is_jpeg else 1])
    except cv2.error:  # an empty file
        pixels = None
    if pixels is None:
        raise ValueError("not a picture that can be decoded")
    result: BgrArray = pixels
    return result if is_jpeg else _reduced(result, reduction)


def _reduced(picture: BgrArray, reduction: Reduction) -> BgrArray:
    """Means of so many by so many pixels, as a JPEG's decoder has them.

    OpenCV rounds the sides of other files down instead, and stretches what is left to fit them.
    """
    if reduction == 1:
        return picture
    bottom, right = (-side % reduction for side in picture.shape[:2])
    whole = cv2.copyMakeBorder(picture, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
    size = (whole.shape[1] // reduction, whole.shape[0] // reduction)
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.uint8)


def is_cut_off(data: bytes) -> bool:
    r"""Whether a picture file lacks its end; False for forms that do not tell.

    >>> is_cut_off(b"\xff\xd8\xff\xda and then nothing")
    True
    """
    return any(data.startswith(head) and lacks(data) for head, lacks in _ENDS.items())


def _jpeg_lacks_end(data: bytes) -> bool:
    """No end marker behind the first scan; a thumbnail in the header may have one of its own.

    Source: ITU-T T.81, B.1.1: segments carry their length until the scan begins.
    """
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xDA:  # start of scan
            return data.rfind(b"\xff\xd9") < at
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return True


def _png_lacks_end(data: bytes) -> bool:
    return data.rfind(b"IEND") < 0


def _riff_lacks_end(data: bytes) -> bool:
    return len(data) < 8 + int.from_bytes(data[4:8], "little")


_ENDS: Mapping[bytes, Callable[[bytes], bool]] = MappingProxyType(
    {
        _JPEG: _jpeg_lacks_end,
        b"\x89PNG": _png_lacks_end,
        b"RIFF": _riff_lacks_end,
    }
)
