"""What a stream's results pass through: tracking, then counting."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from analytics.edge import is_outside
from analytics.engine import Engine
from analytics.region import LineConfig, ZoneConfig, to_pixels
from analytics.scene_config import SceneConfig
from analytics.track import AtLeast, Track, TrackingConfig
from analytics.tracking.camera import CameraShift
from analytics.tracking.tracker import TrackerConfig, given_up_s
from analytics.watch import Watch
from detector.classes import choose_classes
from detector.detections import Detections
from streamer.contract import Analytic
from streamer.frame import StreamInfo

logger = logging.getLogger(__name__)


def choose_tracker(tracking: TrackingConfig, scene: SceneConfig) -> TrackerConfig | None:
    """The tracker that was chosen; where nobody chose, ByteTrack if something is counted.

    Raises:
        ValueError: something is counted and tracking was switched off.

    >>> choose_tracker(TrackingConfig(), SceneConfig()) is None
    True
    """
    if tracking.name == "auto":
        return tracking.bytetrack if scene.counts else None
    if tracking.name == "none" and scene.counts:
        raise ValueError(
            "tracking.name: expected a tracker where lines, zones, grounds or heat are watched, "
            "got 'none'; choose bytetrack, ocsort or sort"
        )
    return tracking.chosen


def check_scene(scene: SceneConfig, class_names: Sequence[str], stream_ids: Sequence[str]) -> None:
    """Before any work: every class and stream that the scene names is there.

    Raises:
        ValueError: one is not.
    """
    for name in sorted(scene.streams - set(stream_ids)):
        known = ", ".join(map(repr, stream_ids))
        raise ValueError(f"scene: expected a stream of this run ({known}), got {name!r}")
    watched: list[LineConfig | ZoneConfig] = [*scene.lines, *scene.zones]
    for part in watched:
        choose_classes(class_names, part.classes)


def build_analytics(
    stream: StreamInfo,
    tracker: TrackerConfig | None,
    scene: SceneConfig,
    *,
    moves: bool = False,
    class_names: Sequence[str],
    min_score: float,
    run_id: str = "",
) -> list[Analytic[Detections]]:
    """The steps for one stream, with no frame in them.

    Args:
        stream: as it begins; single pictures are neither tracked nor counted.
        tracker: of the stream, or None.
        scene: what is watched, of this stream or of all.
        moves: the camera may move.
        class_names: of the detector.
        min_score: from which the detector's boxes are kept where nothing is tracked; what a tracker
            follows unless it was told another score.
        run_id: part of every event's id, or empty.

    Raises:
        ValueError: a line or zone names a class the detector does not know.
    """
    if tracker is None:
        return []
    if stream.kind == "images":
        return [AtLeast(min_score)]
    camera = CameraShift() if moves else None
    followed = tracker.for_boxes_from(min_score)
    steps: list[Analytic[Detections]] = [Track.of_stream(stream, followed, camera)]
    mine = scene.of_stream(stream.stream_id)
    # Nobody comes back under an id that the tracker has given up; in a zone it would be a ghost.
    mine = replace(mine, lost_s=min(mine.lost_s, given_up_s(followed, rate=stream.rate)))
    if mine.counts:
        _warn_of_outside(mine, stream)
        # The one wall clock there is: a recording's own time of day nobody knows.
        wall_start = datetime.now(UTC) if stream.is_live else None
        engine = Engine(
            mine,
            stream_id=stream.stream_id,
            class_names=class_names,
            size=(stream.width, stream.height),
            wall_start=wall_start,
            run_id=run_id,
        )
        steps.append(Watch(engine))
    return steps


def _warn_of_outside(scene: SceneConfig, stream: StreamInfo) -> None:
    """What is drawn for another size of picture would count nobody, and never say why."""
    size = (stream.width, stream.height)
    places = {
        f"line {line.name!r}": to_pixels((line.start, line.end), line.unit, size)
        for line in scene.lines
    }
    places |= {
        f"zone {zone.name!r}": to_pixels(zone.points, zone.unit, size) for zone in scene.zones
    }
    for name, corners in places.items():
        if is_outside(corners, size):
            logger.warning(
                "stream %r: %s lies outside its %d x %d picture and counts nobody; draw it again, "
                "or with unit: share",
                stream.stream_id,
                name,
                *size,
            )
