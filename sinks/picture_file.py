"""One picture into one image file, whole or not at all."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import cv2

from sinks.partial import partial_path, unwritable
from streamer.errors import SinkError
from streamer.picture import BgrArray

_JPEG_QUALITY = 95
_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


def is_picture(path: Path) -> bool:
    """Whether pictures can be written under a name like this.

    >>> is_picture(Path("cat.JPG")), is_picture(Path("cat.gif"))
    (True, False)
    """
    return path.suffix.lower() in _SUFFIXES


def write_picture(target: Path, pixels: BgrArray) -> None:
    """Write (H, W, 3) uint8 BGR to `target`, in the format its suffix names.

    Raises:
        SinkError: the disk is full, or the folder cannot be written.
    """
    is_jpeg = target.suffix.lower() in (".jpeg", ".jpg")  # others warn of what they do not know
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if is_jpeg else []
    partial = partial_path(target)
    try:
        is_encoded, data = cv2.imencode(target.suffix.lower(), pixels, options)
        if not is_encoded:
            raise SinkError(f"{target}: cannot be written as {target.suffix}; choose .png")
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data.tobytes())
        partial.replace(target)
    except OSError as error:
        with suppress(OSError):  # its name may be the trouble
            partial.unlink(missing_ok=True)
        raise unwritable(target, error) from error
    except cv2.error as error:
        raise SinkError(
            f"{target}: cannot be written: {error.err}; choose another format"
        ) from error
