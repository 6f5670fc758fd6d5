"""A sink that keeps frames as JPEG with what was found on them as labels, in COCO's form."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from detector.detections import BoxesXyxy, Detections
from streamer.errors import SinkError
from streamer.frame import Frame
from streamer.result import Result
from train.eval.output import OutputError, write_picture, write_whole
from train.sample import clip

QUALITY = 92  # of the JPEGs: 95 is a third larger and no easier to learn from
SMALLEST_PX = 2.0  # a side; what is less lies outside the picture but for a line


@dataclass(frozen=True, slots=True, eq=False)
class LabelPlan:
    """What becomes a label, and where it goes.

    Attributes:
        path: of the JSON file; the pictures go into `folder`.
        class_names: of the detector.
        wanted: (classes,) bool; these become the categories. None: those that are found do.
        thresholds: (classes,) float32; a box with exactly this score stays.
        teacher: who says so, for the file's `info`.
        keeps_empty: frames without a box stay, as pictures of what is no object.
    """

    path: Path
    class_names: tuple[str, ...]
    wanted: NDArray[np.bool_] | None
    thresholds: NDArray[np.float32]
    teacher: str
    keeps_empty: bool = True

    @property
    def folder(self) -> Path:
        """Beside the JSON file, with its name."""
        return self.path.with_suffix("")


@dataclass(slots=True)
class Tally:
    """What was kept; written by the sink's thread, read by any.

    Attributes:
        pictures: kept.
        empty: of them without a box.
        boxes: by class name.
    """

    pictures: int = 0
    empty: int = 0
    boxes: dict[str, int] = field(default_factory=dict)


class LabelSink:
    """Writes each picture at once and the JSON at the end, whole, however the run ends.

    Args:
        plan: what and where.
        on_kept: called after each picture, in the sink's thread.
    """

    name = "labels"

    def __init__(self, plan: LabelPlan, on_kept: Callable[[], None] = lambda: None) -> None:
        self.tally = Tally()
        self._on_kept = on_kept
        self._plan = plan
        self._images: list[dict[str, Any]] = []  # Any: JSON
        self._notes: list[dict[str, Any]] = []  # with the detector's class ids until the end

    def __enter__(self) -> Self:
        """Make the folder of pictures.

        Raises:
            SinkError: it cannot be made.
        """
        try:
            self._plan.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise SinkError(f"'{self._plan.folder}': cannot be made: {error.strerror}") from error
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Write the JSON file for the pictures that are there; without one, leave nothing.

        Raises:
            SinkError: it cannot be written.
        """
        if not self._images:
            with suppress(OSError):  # it was there before, with something in it
                self._plan.folder.rmdir()
        else:
            try:
                write_whole(self._plan.path, json.dumps(self._content()).encode())
            except OutputError as error:
                raise SinkError(str(error)) from error

    def write(self, result: Result[Detections]) -> None:
        """Keep the frame with its boxes.

        Raises:
            SinkError: the picture cannot be written.
        """
        frame = result.frame
        found = self._chosen(result.detections, frame)
        if not len(found) and not self._plan.keeps_empty:
            return
        name = f"{frame.stream_id}_{frame.index:06d}.jpg"
        try:
            write_picture(self._plan.folder / name, frame.bgr(), quality=QUALITY)
        except OutputError as error:
            raise SinkError(str(error)) from error
        self._add(frame, name, found)
        self._on_kept()

    def _chosen(self, found: Detections, frame: Frame) -> Detections:
        """What is sure enough, cut to the picture."""
        inside = clip(found.xyxy, frame.width, frame.height)
        is_seen = (_sides(inside) >= SMALLEST_PX).all(axis=1)
        keep = is_seen & (found.score >= self._plan.thresholds[found.class_id])
        if self._plan.wanted is not None:
            keep &= self._plan.wanted[found.class_id]
        return Detections(inside[keep], found.score[keep], found.class_id[keep])

    def _add(self, frame: Frame, name: str, found: Detections) -> None:
        image_id = len(self._images) + 1
        self._images.append(
            {
                "id": image_id,
                "file_name": name,
                "width": frame.width,
                "height": frame.height,
                "source": frame.name or frame.stream.name,
                "time_s": round(frame.time_s, 6),
            }
        )
        corners = found.xyxy.astype(np.float64)
        xywh = np.hstack([corners[:, :2], corners[:, 2:] - corners[:, :2]]).round(2)
        for box, score, class_id in zip(
            xywh.tolist(), found.score.tolist(), found.class_id.tolist(), strict=True
        ):
            self._notes.append(
                {
                    "id": len(self._notes) + 1,
                    "image_id": image_id,
                    "category_id": class_id,
                    "bbox": box,
                    "area": round(box[2] * box[3], 2),
                    "iscrowd": 0,
                    "segmentation": [],
                    "score": round(score, 4),
                }
            )
            class_name = self._plan.class_names[class_id]
            self.tally.boxes[class_name] = self.tally.boxes.get(class_name, 0) + 1
        self.tally.pictures += 1
        self.tally.empty += not len(found)

    def _content(self) -> dict[str, Any]:  # Any: JSON
        """The file; categories count from 1 without gaps, in the detector's order."""
        if self._plan.wanted is None:
            class_ids = sorted({note["category_id"] for note in self._notes})
        else:
            class_ids = np.flatnonzero(self._plan.wanted).tolist()
        number = {class_id: at for at, class_id in enumerate(class_ids, 1)}
        names = self._plan.class_names
        return {
            "info": {"description": f"labelled by {self._plan.teacher}"},
            "images": self._images,
            "annotations": [
                note | {"category_id": number[note["category_id"]]} for note in self._notes
            ],
            "categories": [{"id": at, "name": names[each]} for each, at in number.items()],
        }


def read_thresholds(
    texts: Sequence[str], class_names: Sequence[str], *, default: float
) -> NDArray[np.float32]:
    """The threshold of every class, (classes,).

    Args:
        texts: `0.5` for all classes or `person=0.4` for one; later ones win, one class over all.
        class_names: of the detector.
        default: for all where no text says so.

    Raises:
        ValueError: a text has no such form, is not in 0..1, or names no class.

    >>> read_thresholds(["person=0.4", "0.6"], ["person", "car"], default=0.5).tolist()
    [0.4000000059604645, 0.6000000238418579]
    """
    of_all, of_one = default, {}
    for text in texts:
        name, equals, number = text.rpartition("=")
        value = _number(number, text)
        if not equals:
            of_all = value
        elif name in class_names:
            of_one[name] = value
        else:
            raise ValueError(f"threshold: expected a class of the detector, got {name!r}")
    return np.array([of_one.get(name, of_all) for name in class_names], np.float32)


def lowest_of(texts: Sequence[str]) -> float:
    """The lowest number in texts as `read_thresholds` takes them, 1 without any.

    Raises:
        ValueError: a text has no such form, or is not in 0..1.

    >>> lowest_of(["0.5", "person=0.4"])
    0.4
    """
    return min((_number(text.rpartition("=")[2], text) for text in texts), default=1.0)


def _number(text: str, whole: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ValueError(f"threshold: expected 0.5 or person=0.5, each in 0..1, got {whole!r}")
    return value


def _sides(boxes: BoxesXyxy) -> NDArray[np.float32]:
    """Width and height of each of (N, 4): (N, 2)."""
    return boxes[:, 2:] - boxes[:, :2]
