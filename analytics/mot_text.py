"""MOTChallenge text: the boxes of a sequence a frame, and what is known of the sequence."""

from __future__ import annotations

import configparser
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detector.detections import Detections

_COLUMNS = 7  # frame, id, left, top, width, height, confidence; more may follow
_CLASS = 7


class MotError(ValueError):
    """A file is not what MOTChallenge says; the message is one line fit for a person."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """What `seqinfo.ini` says.

    Attributes:
        name: of the sequence.
        rate: frames a second.
        length: frames.
        width: px.
        height: px.
    """

    name: str
    rate: float
    length: int
    width: int
    height: int


def read_sequence(path: Path) -> Sequence:
    """The sequence that a `seqinfo.ini` describes.

    Raises:
        MotError: it cannot be read, or a value is missing or not a number above 0.
    """
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(_text(path))
    except configparser.Error as error:
        reason = str(error).splitlines()[0]
        raise MotError(f"{path.name}: expected an INI file, got {reason}") from error
    if not parser.has_section("Sequence"):
        raise MotError(f"{path.name}: expected a section [Sequence], got {parser.sections()}")
    section = parser["Sequence"]

    def number(key: str) -> float:
        text = section.get(key)
        if text is None:
            raise MotError(f"{path.name}: missing {key}: expected a number above 0")
        value = _float(text)
        if not (math.isfinite(value) and value > 0):
            raise MotError(f"{path.name}: {key}: expected a number above 0, got {text!r}")
        return value

    def whole(key: str) -> int:
        value = number(key)
        if value != int(value):
            raise MotError(f"{path.name}: {key}: expected a whole number, got {value}")
        return int(value)

    return Sequence(
        name=section.get("name", path.parent.name),
        rate=number("frameRate"),
        length=whole("seqLength"),
        width=whole("imWidth"),
        height=whole("imHeight"),
    )


def read_boxes(path: Path, length: int, *, has_classes: bool = False) -> list[Detections]:
    """The boxes of each frame, frame 1 first; ids above 0 in the file are the tracks.

    Args:
        path: lines of frame, id, left, top, width, height, confidence and anything more; empty
            lines are skipped.
        length: frames of the sequence.
        has_classes: the eighth column is a class from 1, as in MOT16 and later; else all boxes
            are of one class.

    Returns:
        `length` Detections, px as in the file; the track ids are None where a frame has an id
        of 0 or less.

    Raises:
        MotError: it cannot be read, or a line is wrong; the message says which.
    """
    rows: list[list[list[float]]] = [[] for _ in range(length)]
    for number, line in enumerate(_text(path).splitlines(), 1):
        if line.strip():
            row = _row(line, f"{path.name} line {number}", length, has_classes=has_classes)
            rows[int(row[0]) - 1].append(row)
    return [_detections(np.array(frame), has_classes=has_classes) for frame in rows]


def tracks_text(frames: Iterable[Detections], *, has_classes: bool = False) -> str:
    """The lines of tracked boxes, frame 1 first.

    The seventh column is 1, the flag that MOTChallenge results carry there, not the score.

    Args:
        frames: with track ids, one Detections a frame; those without boxes may lack the ids.
        has_classes: write the class, from 1, in the eighth column; else -1.

    Raises:
        ValueError: boxes without track ids.
    """
    lines: list[str] = []
    for number, frame in enumerate(frames, 1):
        if frame.track_id is None and len(frame):
            raise ValueError(f"frame {number}: expected track ids, got none; track it first")
        lines += box_lines(number, frame, has_classes=has_classes)
    return "".join(f"{line}\n" for line in lines)


def box_lines(number: int, boxes: Detections, *, has_classes: bool = False) -> list[str]:
    """The lines of one frame, without line ends, by rising track id.

    Boxes without track ids are written as a detector's: id -1, and the score for a flag.

    Args:
        number: of the frame, from 1.
        boxes: on it.
        has_classes: as for `tracks_text`.
    """
    if boxes.track_id is None:
        ids = np.full(len(boxes), -1, np.int64)
        flags = [f"{score:.6f}" for score in boxes.score]
    else:
        ids, flags = boxes.track_id, ["1"] * len(boxes)
    lines = []
    for row in np.argsort(ids, kind="stable"):
        x1, y1, x2, y2 = boxes.xyxy[row].astype(np.float64)
        box = f"{x1:.3f},{y1:.3f},{x2 - x1:.3f},{y2 - y1:.3f}"
        kind = boxes.class_id[row] + 1 if has_classes else -1
        lines.append(f"{number},{ids[row]},{box},{flags[row]},{kind},-1,-1")
    return lines


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise MotError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise MotError(f"{path}: expected text, got something else") from error


def _row(line: str, where: str, length: int, *, has_classes: bool) -> list[float]:
    least = _COLUMNS + has_classes
    row = [_float(text) for text in line.split(",")]
    if len(row) < least:
        raise MotError(f"{where}: expected {least} or more values with commas, got {len(row)}")
    row = row[:least]
    if not all(math.isfinite(value) for value in row):
        raise MotError(f"{where}: expected numbers, got {line.strip()!r}")
    if row[0] != int(row[0]) or not 1 <= row[0] <= length:
        raise MotError(f"{where}: frame: expected 1..{length}, got {row[0]:g}")
    if has_classes and (row[_CLASS] != int(row[_CLASS]) or row[_CLASS] < 1):
        raise MotError(f"{where}: class: expected a whole number from 1, got {row[_CLASS]:g}")
    return row


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _detections(
    rows: np.ndarray[tuple[int, int], np.dtype[np.float64]], *, has_classes: bool
) -> Detections:
    if len(rows) == 0:
        return Detections.empty()
    rows = rows[np.argsort(-rows[:, 6], kind="stable")]
    box = rows[:, 2:6].copy()
    box[:, 2:] += box[:, :2]
    classes = rows[:, _CLASS] - 1 if has_classes else np.zeros(len(rows))
    track_id = rows[:, 1].astype(np.int64)
    return Detections(
        box.astype(np.float32),
        rows[:, 6].astype(np.float32),
        classes.astype(np.int32),
        track_id if bool((track_id > 0).all()) else None,
    )
