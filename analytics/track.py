"""Tracking as a step of the pipeline: detections in, the same with ids out."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from analytics.tracking.bytetrack import ByteTrackConfig
from analytics.tracking.camera import CameraShift, camera_matrix
from analytics.tracking.kalman import Floats
from analytics.tracking.ocsort import OcSortConfig
from analytics.tracking.sort import SortConfig
from analytics.tracking.tracker import Tracker, TrackerConfig, build_tracker
from detector.detections import Detections
from streamer.frame import Frame, StreamInfo
from streamer.result import Result


@dataclass(frozen=True, slots=True)
class TrackingConfig:
    """Which tracker names the objects, and how each one works.

    Attributes:
        name: a key of TRACKERS, "none", or "auto": ByteTrack where something is counted.
        camera: "still", or "shift": boxes are followed over the scene instead of over the picture,
            by how far the background has moved; for cameras that turn or are carried.
        sort: of SORT.
        bytetrack: of ByteTrack.
        ocsort: of OC-SORT.
    """

    name: Literal["auto", "none", "sort", "bytetrack", "ocsort"] = "auto"
    camera: Literal["still", "shift"] = "still"
    sort: SortConfig = field(default_factory=SortConfig)
    bytetrack: ByteTrackConfig = field(default_factory=ByteTrackConfig)
    ocsort: OcSortConfig = field(default_factory=OcSortConfig)

    @property
    def chosen(self) -> TrackerConfig | None:
        """The config of the tracker that was chosen, or None.

        >>> TrackingConfig().chosen is None
        True
        >>> TrackingConfig(name="ocsort").chosen == OcSortConfig()
        True
        """
        by_name: dict[str, TrackerConfig] = {
            "sort": self.sort,
            "bytetrack": self.bytetrack,
            "ocsort": self.ocsort,
        }
        return by_name.get(self.name)


class Track:
    """Names the objects of one stream, result by result, in order.

    Args:
        tracker: with no frame of another stream in it.
        camera: how the camera moves, or None where it stands still.
    """

    def __init__(self, tracker: Tracker, camera: CameraShift | None = None) -> None:
        self._tracker = tracker
        self._camera = camera
        self._size: tuple[int, int] | None = None  # of the first picture
        self._looks: tuple[_Look, ...] = ()  # the last two, the newer one last

    @classmethod
    def of_stream(
        cls, stream: StreamInfo, config: TrackerConfig, camera: CameraShift | None = None
    ) -> Track:
        """Tracking for a stream, at its own nominal rate."""
        return cls(build_tracker(config, rate=stream.rate), camera)

    @property
    def min_score(self) -> float:
        """The least score that is looked at; a detector that cuts higher takes boxes away."""
        return self._tracker.min_score

    def update(self, result: Result[Detections]) -> Result[Detections]:
        """The result with the confirmed tracks' boxes, each with its id, and no others.

        On a frame that the detector did not look at they are where they would be if they had gone
        on as between its last two looks; the tracker does not hear of such a frame.
        """
        frame = result.frame
        if result.detections.is_carried:
            return dataclasses.replace(result, detections=self._expected(frame.time_s))
        size = (frame.width, frame.height)
        tracked = self._tracker.update(
            result.detections, frame.time_s, size, camera=self._motion(frame, size)
        )
        self._looks = (*self._looks[-1:], _Look(frame.time_s, tracked))
        return dataclasses.replace(result, detections=tracked)

    def _motion(self, frame: Frame, size: tuple[int, int]) -> Floats | None:
        if self._camera is None:
            return None
        self._size = self._size or size
        return camera_matrix(self._camera.update(frame.i420().y), self._size)

    def _expected(self, time_s: float) -> Detections:
        if not self._looks:
            return dataclasses.replace(_NOTHING, is_carried=True)
        before, last = self._looks[0], self._looks[-1]
        found = dataclasses.replace(last.found, is_carried=True)
        ahead_s, between_s = time_s - last.time_s, last.time_s - before.time_s
        if not 0 < ahead_s <= between_s or found.track_id is None or before.found.track_id is None:
            return found
        # (N, M): the row that a track had at the look before, where it was there
        was = found.track_id[:, None] == before.found.track_id
        rows, earlier = np.nonzero(was)
        xyxy = found.xyxy.copy()
        xyxy[rows] += (xyxy[rows] - before.found.xyxy[earlier]) * np.float32(ahead_s / between_s)
        return dataclasses.replace(found, xyxy=xyxy)


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """What was tracked on a frame that the detector looked at."""

    time_s: float
    found: Detections


_NOTHING = Detections(
    np.empty((0, 4), np.float32),
    np.empty(0, np.float32),
    np.empty(0, np.int32),
    np.empty(0, np.int64),
)


class AtLeast:
    """Keeps what is certain enough, where nothing tracks although a tracker lowered the detector.

    Args:
        min_score: 0..1; a box with exactly this score stays.
    """

    def __init__(self, min_score: float) -> None:
        self._min_score = min_score

    def update(self, result: Result[Detections]) -> Result[Detections]:
        """The result with the boxes from `min_score` on."""
        found = result.detections
        return dataclasses.replace(result, detections=found.select(found.score >= self._min_score))
