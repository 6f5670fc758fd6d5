"""An event as a record that stands for itself: what, where, when, whose, and a look at it."""

from __future__ import annotations

import base64
from dataclasses import asdict

import cv2

from analytics.event import Event
from sinks.jsonl import Json
from streamer.frame import Frame

_LOOK_PX = 160  # longest side of a cropped picture: a person is recognised, a record stays small
_LOOK_MARGIN = 0.25  # of the box's longer side around it: what it stands beside matters
_JPEG_QUALITY = 80


def event_json(event: Event, jpeg: bytes | None = None) -> Json:
    """The record of an event; `jpeg` goes in as base64, where there is one."""
    change = event.change
    return {
        "event_id": event.event_id,
        "phase": change.phase,
        "kind": change.kind,
        "stream_id": event.stream_id,
        "rule": change.rule,
        "direction": change.direction,
        "track_id": change.track_id,
        "class_id": change.class_id,
        "class_name": event.class_name,
        "start_s": change.start_s,
        "end_s": change.end_s,
        "value": change.value,
        "cause": change.cause,
        "start_wall": None if event.start_wall is None else event.start_wall.isoformat(),
        "end_wall": None if event.end_wall is None else event.end_wall.isoformat(),
        "time_s": event.time_s,
        "frame_index": event.frame_index,
        "pts": event.pts,
        "point": change.point,
        "step": None if change.step is None else asdict(change.step),
        "xyxy": event.xyxy,
        "jpeg": None if jpeg is None else base64.b64encode(jpeg).decode("ascii"),
    }


def event_look(event: Event, frame: Frame) -> bytes | None:
    """The event's object cut out of its frame, as JPEG; None where no box is in the picture.

    Args:
        event: with its box in px of the frame.
        frame: on which it became certain.
    """
    if event.xyxy is None:
        return None
    x1, y1, x2, y2 = event.xyxy
    margin = _LOOK_MARGIN * max(x2 - x1, y2 - y1)
    left, top = max(0, round(x1 - margin)), max(0, round(y1 - margin))
    right, bottom = round(x2 + margin) + 1, round(y2 + margin) + 1
    cut = frame.bgr()[top : max(0, bottom), left : max(0, right)]
    if not cut.size:
        return None
    height, width = cut.shape[:2]
    shrink = _LOOK_PX / max(width, height)
    if shrink < 1:
        size = max(1, round(width * shrink)), max(1, round(height * shrink))
        cut = cv2.resize(cut, size, interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", cut, (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY))
    return jpeg.tobytes()
