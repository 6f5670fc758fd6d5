"""Single pictures: one file, a folder or a glob, as one stream in the order of their names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from streamer.clock import Clock, MonotonicClock
from streamer.errors import SourceError, SourceOpenError
from streamer.frame import Frame, StreamInfo
from streamer.picture import BgrPicture

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
TIME_BASE = Fraction(1)  # pictures have no time: one a second, so that pts is the index


class ImagesSource:
    """Reads picture files with OpenCV, turned upright where EXIF says so.

    A picture that cannot be read is left out; the rest is delivered before the failure is raised.

    Args:
        paths: the files, in the order to deliver.
        root: names in the output are relative to it.
        name: what a person calls the stream.
        stream_id: unique within the run.
        clock: stamps `captured_ns`.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        root: Path,
        name: str,
        stream_id: str,
        clock: Clock | None = None,
    ) -> None:
        self._paths = tuple(paths)
        self._root = root
        self._name = name
        self._stream_id = stream_id
        self._clock = clock or MonotonicClock()
        self._unreadable: list[Path] = []

    @property
    def stream_id(self) -> str:
        """Unique within the run."""
        return self._stream_id

    @property
    def stream(self) -> StreamInfo:
        """Valid once entered."""
        return self._stream

    def __enter__(self) -> Self:
        """Read the first picture that can be read.

        Raises:
            SourceOpenError: none can.
        """
        self._pictures = self._read_all()
        self._first = next(self._pictures, None)
        if self._first is None:
            raise SourceOpenError(
                f"source '{self._name}': expected pictures, got none that can be read"
            )
        _, picture = self._first
        self._stream = StreamInfo(
            stream_id=self._stream_id,
            name=self._name,
            width=picture.width,
            height=picture.height,
            time_base=TIME_BASE,
            frame_count=len(self._paths),
            kind="images",
        )
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Nothing is held open between two pictures."""

    def __iter__(self) -> Iterator[Frame]:
        """Every readable picture; each knows its own size.

        Raises:
            SourceError: at the end, naming the pictures that could not be read.
        """
        item, index = self._first, 0
        while item is not None:
            path, picture = item
            yield Frame(
                stream=replace(self._stream, width=picture.width, height=picture.height),
                index=index,
                pts=index,
                time_base=TIME_BASE,
                captured_ns=self._clock.now_ns(),
                picture=picture,
                name=path.relative_to(self._root).as_posix(),
            )
            item, index = next(self._pictures, None), index + 1
        if self._unreadable:
            names = ", ".join(repr(str(path)) for path in self._unreadable[:3])
            more = f" and {len(self._unreadable) - 3} more" if len(self._unreadable) > 3 else ""
            raise SourceError(
                f"source '{self._name}': {len(self._unreadable)} of {len(self._paths)} pictures "
                f"could not be read: {names}{more}"
            )

    def _read_all(self) -> Iterator[tuple[Path, BgrPicture]]:
        for path in self._paths:
            picture = _read(path)
            if picture is None:
                self._unreadable.append(path)
            else:
                yield path, picture


def _read(path: Path) -> BgrPicture | None:
    """The picture, or None if there is none. By its bytes: OpenCV cannot open every path."""
    try:
        data = np.fromfile(path, np.uint8)
        pixels = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except (OSError, cv2.error):
        return None
    return None if pixels is None else BgrPicture(pixels)
