"""Tracking as a step of the pipeline: detections in, the same with ids out."""

from __future__ import annotations

import dataclasses

from analytics.tracking.tracker import Tracker, TrackerConfig, build_tracker
from detector.detections import Detections
from streamer.frame import StreamInfo
from streamer.result import Result


class Track:
    """Names the objects of one stream, result by result, in order.

    Args:
        tracker: with no frame of another stream in it.
    """

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    @classmethod
    def of_stream(cls, stream: StreamInfo, config: TrackerConfig) -> Track:
        """Tracking for a stream, at its own nominal rate."""
        return cls(build_tracker(config, rate=stream.rate))

    @property
    def min_score(self) -> float:
        """The least score that is looked at; a detector that cuts higher takes boxes away."""
        return self._tracker.min_score

    def update(self, result: Result[Detections]) -> Result[Detections]:
        """The result with the confirmed tracks' boxes, each with its id, and no others."""
        frame = result.frame
        tracked = self._tracker.update(result.detections, frame.time_s, (frame.width, frame.height))
        return dataclasses.replace(result, detections=tracked)
