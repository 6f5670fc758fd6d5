"""Files that are there as a whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2

from configs.errors import ConfigError
from detector.replaced import replaced
from streamer.picture import BgrArray
from train.errors import TrainError


class OutputError(TrainError):
    """A result cannot be written; the message is one line fit for a person."""


def check_target(
    option: str, path: Path, suffixes: Iterable[str], *, inputs: Iterable[Path]
) -> None:
    """Before any work: whether `path` can be written at all.

    Args:
        option: as it was typed.
        path: to be written.
        suffixes: one of which it has.
        inputs: files that may not be replaced.

    Raises:
        ConfigError: its suffix is another, its folder is not there, or it would replace an input.
    """
    allowed = list(suffixes)
    if path.suffix.lower() not in allowed:
        raise ConfigError(option, f"expected a name ending in {' or '.join(allowed)}, got '{path}'")
    if not path.parent.is_dir():
        raise ConfigError(option, f"expected a folder that exists, got '{path.parent}'")
    if path.is_dir():
        raise ConfigError(option, f"expected a file, got the folder '{path}'")
    if any(path.resolve() == each.resolve() for each in inputs):
        raise ConfigError(option, f"'{path}' is an input and would be replaced; choose another")


def make_folder(path: Path) -> None:
    """A folder to write to, and those above it.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"folder '{path}': cannot be made: {error.strerror or error}") from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file; a reader sees the old one or the new one, nothing between.

    Raises:
        OutputError: it cannot be written; an old one is as it was.
    """
    try:
        with replaced(path) as beside:
            beside.write_bytes(content)
    except OSError as error:
        raise OutputError(f"'{path}': cannot be written: {error.strerror or error}") from error


def write_picture(path: Path, pixels: BgrArray, *, quality: int = 95) -> None:
    """Write a picture in the format of its suffix.

    Args:
        path: ends in .jpg or .png.
        pixels: (H, W, 3) uint8 BGR.
        quality: of a JPEG, 0..100.

    Raises:
        OutputError: it cannot be written.
    """
    options = [] if path.suffix == ".png" else [cv2.IMWRITE_JPEG_QUALITY, quality]
    done, data = cv2.imencode(path.suffix, pixels, options)
    if not done:
        raise OutputError(f"'{path}': could not be encoded")
    write_whole(path, data.tobytes())
