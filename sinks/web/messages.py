"""What goes over a WebSocket: numbers and boxes as JSON, pictures behind them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from analytics.watch import analysis_in
from detector.detections import Detections
from sinks.annotate import Style, rectangles_of
from sinks.palette import Bgr, colour_of, text_colour_on
from sinks.speed import speed_words
from sinks.web.state import Json, Newest
from streamer.errors import StreamerError
from streamer.result import Result

MAX_STREAMS = 1024  # names in a wish; more is nonsense or an attack
ACK = "ack"
DEFAULT_WIDTH = 640  # px, for a viewer that does not say


class WishError(StreamerError):
    """A viewer sent what no page of ours sends."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a viewer wants to see.

    Attributes:
        streams: their ids, or None for all.
        pictures: with them, or boxes alone.
        width: px that the longer side of one picture fills on the viewer's screen.
    """

    streams: frozenset[str] | None = None
    pictures: bool = False
    width: int = DEFAULT_WIDTH

    def wants(self, stream_id: str) -> bool:
        """The stream is among them."""
        return self.streams is None or stream_id in self.streams


def parse_wish(text: str) -> Wish:
    """The wish in a message such as `{"streams": ["gate"], "pictures": true, "width": 640}`.

    >>> parse_wish('{"pictures": true}').wants("gate")
    True

    Raises:
        WishError: it is none.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WishError("expected a JSON object or ack") from error
    if not isinstance(data, dict):
        raise WishError(f"expected a JSON object, got {type(data).__name__}")
    streams, pictures = data.get("streams"), data.get("pictures", False)
    width = data.get("width", DEFAULT_WIDTH)
    if streams is not None and not _are_names(streams):
        raise WishError(f"streams: expected null or at most {MAX_STREAMS} names")
    if not isinstance(pictures, bool):
        raise WishError(f"pictures: expected true or false, got {type(pictures).__name__}")
    if not isinstance(width, int) or isinstance(width, bool) or not 0 <= width <= 1_000_000:
        raise WishError("width: expected px, 0..1000000")
    return Wish(None if streams is None else frozenset(streams), pictures, width)


def pack(header: Json, pictures: Sequence[bytes]) -> bytes:
    """Length of the header (4 bytes, big endian), the header, then the pictures it lists."""
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    return b"".join((len(text).to_bytes(4, "big"), text, *pictures))


class FrameJson:
    """Frames as the pages want them: boxes clipped to the picture, with words and colours.

    Args:
        class_names: of the detector.
        style: how results look.
    """

    def __init__(self, class_names: Sequence[str], style: Style) -> None:
        self._class_names = tuple(class_names)
        self._style = style

    def __call__(self, entry: Newest) -> Json:
        """One frame: its stream, time, size and boxes, the best first."""
        frame = entry.result.frame
        truth = frame.truth if self._style.truth else None
        hidden: list[Json] = []
        if truth is not None:
            rows, rectangles = rectangles_of(truth.xyxy, frame.width, frame.height)
            pairs = zip(rows, rectangles, strict=True)
            hidden = [{"xyxy": where, "label": truth.label[row]} for row, where in pairs]
        return {
            "stream": frame.stream_id,
            "index": frame.index,
            "pts": frame.pts,
            "time_s": round(frame.time_s, 6),
            "width": frame.width,
            "height": frame.height,
            "note": self._style.note,
            "boxes": self._boxes(entry.result, frame.width, frame.height),
            "truth": hidden,
        }

    def _boxes(self, result: Result[Detections], width: int, height: int) -> list[Json]:
        detections = result.detections
        speeds = speed_words(analysis_in(result.notes), len(detections))
        rows, rectangles = rectangles_of(detections.xyxy, width, height)
        tracks = None if detections.track_id is None else detections.track_id.tolist()
        class_ids, scores = detections.class_id.tolist(), detections.score.tolist()
        boxes: list[Json] = []
        for row, where in zip(rows, rectangles, strict=True):
            class_id, track = class_ids[row], None if tracks is None else tracks[row]
            ground = colour_of(class_id if track is None else track)
            name = self._name(class_id)
            boxes.append(
                {
                    "xyxy": where,
                    "label": f"{name} {speeds[row]}".strip() if self._style.labels else "",
                    "track": track,
                    "score": round(scores[row], 3) if math.isfinite(scores[row]) else None,
                    "colour": _hex(ground),
                    "ink": _hex(text_colour_on(ground)),
                }
            )
        return boxes

    def _name(self, class_id: int) -> str:
        known = 0 <= class_id < len(self._class_names)
        return self._class_names[class_id] if known else str(class_id)


def _are_names(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= MAX_STREAMS
        and all(isinstance(name, str) for name in value)
    )


def _hex(colour: Bgr) -> str:
    blue, green, red = colour
    return f"#{red:02x}{green:02x}{blue:02x}"
