"""Results as lines of JSON: one for each stream when it begins, then one a frame."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from analytics.speed import Motion
from analytics.watch import analysis_in
from detector.detections import Detections
from sinks.line_file import LineSink
from streamer.frame import Frame, StreamInfo
from streamer.result import Result

Json = dict[str, object]  # a JSON object


class JsonlSink(LineSink):
    """Writes the results of all streams to one file, line by line.

    Args:
        path: of the file.
        class_names: of the detector.
        overwrite: replace a file that exists.
        append: go on at its end instead; every run begins with lines of its streams.
    """

    def __init__(
        self,
        path: Path,
        class_names: Sequence[str],
        *,
        overwrite: bool = False,
        append: bool = False,
    ) -> None:
        super().__init__(
            "jsonl", path, overwrite=overwrite, append=append, beginning='{"stream": {'
        )
        self._class_names = tuple(class_names)
        self._seen: set[str] = set()

    def write(self, result: Result[Detections]) -> None:
        """Write one frame, after its stream's own line if that is new.

        Raises:
            SinkError: the disk is full or the file is gone; only whole lines stay.
        """
        frame = result.frame
        if frame.stream_id not in self._seen:
            self._lines.write(json_line({"stream": stream_json(frame.stream)}))
            self._seen.add(frame.stream_id)
        analysis = analysis_in(result.notes)
        motion = None if analysis is None else analysis.motion
        line = frame_json(frame, result.detections, self._class_names, motion)
        self._lines.write(json_line(line))


def json_line(value: Json) -> str:
    """A JSON object on one line."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def stream_json(stream: StreamInfo) -> Json:
    """What is known of a stream; rates and time bases as "numerator/denominator"."""
    return {
        "stream_id": stream.stream_id,
        "name": stream.name,
        "width": stream.width,
        "height": stream.height,
        "time_base": _ratio(stream.time_base),
        "rate": None if stream.rate is None else _ratio(stream.rate),
        "frame_count": stream.frame_count,
        "kind": stream.kind,
    }


def frame_json(
    frame: Frame, detections: Detections, class_names: Sequence[str], motion: Motion | None = None
) -> Json:
    """One frame; numbers are float32 to the last bit, what is not finite becomes null.

    Args:
        frame: what was looked at.
        detections: on it.
        class_names: of the detector.
        motion: of the detections on the ground, where one is known: places, speeds and ways are
            float64.
    """
    rows = _detections_json(detections, class_names)
    if motion is not None:
        _add_motion(rows, motion)
    value: Json = {
        "stream_id": frame.stream_id,
        "index": frame.index,
        "pts": frame.pts,
        "time_s": frame.time_s,
        "width": frame.width,
        "height": frame.height,
        "detections": rows,
    }
    if detections.is_carried:
        value["detected"] = False  # the boxes come from frames before
    if frame.stream.kind == "images":
        value["file"] = frame.name
    return value


def _detections_json(detections: Detections, class_names: Sequence[str]) -> list[Json]:
    count = len(detections)
    tracks = [None] * count if detections.track_id is None else detections.track_id.tolist()
    rows = zip(
        detections.class_id.tolist(),
        detections.score.tolist(),
        detections.xyxy.tolist(),
        tracks,
        strict=True,
    )
    return [
        {
            "class_id": class_id,
            "class_name": class_names[class_id] if 0 <= class_id < len(class_names) else None,
            "score": _finite(score),
            "xyxy": [_finite(value) for value in xyxy],
            "track_id": track,
        }
        for class_id, score, xyxy, track in rows
    ]


def _add_motion(rows: Sequence[Json], motion: Motion) -> None:
    columns = (motion.metres.tolist(), motion.speed.tolist(), motion.distance.tolist())
    for row, place, speed, distance in zip(rows, *columns, strict=True):
        is_known = all(map(math.isfinite, place))  # not at the horizon, and of a confirmed track
        row["ground_m"] = place if is_known else None
        row["speed_m_s"] = _finite(speed)
        row["distance_m"] = _finite(distance)


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _ratio(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"
