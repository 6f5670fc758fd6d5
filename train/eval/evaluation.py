"""A detector against an annotation file: what it finds, what that is worth, and how fast."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from detector.contract import Detector
from detector.detections import Detections
from streamer.frame import Frame
from streamer.stats import StageTime
from train.eval.coco_ap import ApSummary, CocoRow, average_precision, rows_of
from train.eval.look import Pictures, look, look_through_pipeline
from train.eval.truth import Truth


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast it went.

    Attributes:
        pictures: looked at.
        elapsed_s: seconds from the first to the last, reading included, without preparations.
        times: of the detector's own parts.
    """

    pictures: int
    elapsed_s: float
    times: Mapping[str, StageTime]

    @property
    def per_s(self) -> float:
        """Pictures a second."""
        return self.pictures / self.elapsed_s if self.elapsed_s else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What an evaluation found.

    Attributes:
        truth: of the pictures that were looked at.
        rows: every box, in the order of pictures.
        summary: what they are worth.
        speed: of looking.
        fault: why pictures were left out, or None.
        other_size: names of pictures whose size is not the annotated one, so that no box can fit.
    """

    truth: Truth
    rows: list[CocoRow]
    summary: ApSummary
    speed: Speed
    fault: str | None
    other_size: tuple[str, ...] = ()


def evaluate(
    detector: Detector,
    truth: Truth,
    pictures: Pictures,
    *,
    is_published_rounding: bool = False,
    through_pipeline: bool = False,
    on_picture: Callable[[], None] = lambda: None,
) -> Evaluation:
    """Let `detector` look at `pictures` and count what it finds of `truth`.

    Args:
        detector: not entered; its own threshold decides how many weak boxes count.
        truth: of these pictures and perhaps more.
        pictures: one that turns out to be broken is left out, and with it its boxes.
        is_published_rounding: as `rows_of`.
        through_pipeline: run the application's threads and channels around the detector.
        on_picture: called after each picture.

    Raises:
        DataError: detector and annotations have no class in common.
        SourceOpenError: no picture can be read.
        DetectorError: the detector failed.
    """
    category_ids = truth.category_ids(detector.class_names)
    rows: list[CocoRow] = []
    seen: set[int] = set()
    sizes = {each["id"]: (each.get("width"), each.get("height")) for each in truth.images}
    other_size: list[str] = []

    def keep(frame: Frame, found: Detections) -> None:
        name = frame.name or ""
        for image_id in pictures.ids[name]:
            seen.add(image_id)
            size = sizes[image_id]
            if None not in size and size != (frame.width, frame.height):
                other_size.append(name)
            rows.extend(
                rows_of(image_id, found, category_ids, is_published_rounding=is_published_rounding)
            )
        on_picture()

    run = look_through_pipeline if through_pipeline else look
    looked = run(detector, pictures.source(), keep)
    looked_at = truth.of_pictures(seen)
    return Evaluation(
        looked_at,
        rows,
        average_precision(looked_at.dataset, rows),
        Speed(len(seen), looked.elapsed_s, detector.times.snapshot()),
        looked.fault,
        tuple(other_size),
    )
