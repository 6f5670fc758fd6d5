"""Clips show what led to an event and what followed, and nothing is ever half there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from analytics.analysis import Analysis
from analytics.event import Change, Event, Kind, Phase
from detector.detections import Detections
from sinks.annotate import Style
from sinks.events.clips import ClipsConfig, ClipsSink
from streamer.frame import Frame, StreamInfo
from streamer.picture import BgrPicture
from streamer.result import Result

TICK = Fraction(1, 1000)
STREAM = StreamInfo("door", "door.mp4", 64, 48, TICK, rate=Fraction(10))


def _level(index: int) -> int:
    return 16 + 5 * (index % 44)


def _result(
    index: int, pts: int, events: Sequence[Event] = (), width: int = 64
) -> Result[Detections]:
    pixels = np.full((48, width, 3), _level(index), np.uint8)
    frame = Frame(STREAM, index, pts, TICK, 0, BgrPicture(pixels))
    note = Analysis("door", frame.time_s, (64, 48), events=tuple(events))
    return Result(frame, Detections.empty(), 0, 0, (note,))


def _event(
    number: int, time_s: float, rule: str = "gate", *, kind: Kind = "crossing", phase: Phase = "new"
) -> Event:
    return Event(f"door:{number}", "door", Change(kind, phase, rule, time_s), None, time_s, 0, 0)


def _run(
    folder: Path, seconds: int, events: Sequence[Event], config: ClipsConfig | None = None
) -> list[Path]:
    """Ten frames a second; gives back the clips."""
    sink = ClipsSink(folder, "door", (), config, Style(scene=False))
    with sink:
        for index in range(10 * seconds):
            now = [event for event in events if round(event.time_s * 10) == index]
            sink.write(_result(index, 100 * index, now))
    return sorted(folder.glob("*.mp4"))


def _times_and_levels(clip: Path) -> list[tuple[Fraction, int]]:
    with av.open(str(clip)) as container:
        return [
            (frame.pts * frame.time_base, round(float(frame.to_ndarray(format="gray").mean())))
            for frame in container.decode(video=0)
            if frame.pts is not None and frame.time_base is not None
        ]


def test_a_clip_begins_before_its_event_and_ends_after_it(tmp_path: Path) -> None:
    (clip,) = _run(tmp_path, 20, [_event(4, 9.5)])

    shown = _times_and_levels(clip)
    assert shown[0][0] == 0
    assert {b[0] - a[0] for a, b in pairwise(shown)} == {Fraction(1, 10)}
    assert len(shown) == 86  # pieces from 6.0, the one that holds 6.5, to 14.5 with its frame
    about = json.loads(clip.with_suffix(".json").read_text())
    assert (about["start_s"], about["end_s"]) == (6.0, pytest.approx(14.6))
    assert [event["event_id"] for event in about["events"]] == ["door:4"]
    off = [level - _level(60 + place) for place, (_, level) in enumerate(shown)]
    assert np.abs(off).max() <= 2  # every frame in its place: neighbours are 5 levels apart


def test_events_that_overlap_share_a_clip_and_others_do_not(tmp_path: Path) -> None:
    clips = _run(tmp_path, 40, [_event(1, 10.0), _event(2, 13.0), _event(3, 30.0)])

    told = [json.loads(clip.with_suffix(".json").read_text())["events"] for clip in clips]
    assert [[event["event_id"] for event in events] for events in told] == [
        ["door:1", "door:2"],
        ["door:3"],
    ]


def test_a_clip_does_not_grow_for_ever(tmp_path: Path) -> None:
    config = ClipsConfig(before_s=1, after_s=2, longest_s=6)
    clips = _run(tmp_path, 30, [_event(n, 5.0 + n) for n in range(18)], config)

    lengths = [float(_times_and_levels(clip)[-1][0]) for clip in clips]
    assert len(clips) >= 3
    assert max(lengths) <= 6 + 1 + 1  # the longest, a piece before it, and one at its end


def test_what_has_no_wanted_beginning_gets_no_clip(tmp_path: Path) -> None:
    events = [_event(1, 5.0, kind="visit"), _event(2, 6.0, kind="loitering", phase="end")]
    assert _run(tmp_path, 10, events) == []


def test_the_end_of_the_run_finishes_the_clip(tmp_path: Path) -> None:
    (clip,) = _run(tmp_path, 10, [_event(1, 9.0)])
    assert len(_times_and_levels(clip)) == 40  # from 6.0 to 9.9


def test_an_exception_leaves_a_whole_clip_and_no_pieces(tmp_path: Path) -> None:
    def run() -> None:
        with ClipsSink(tmp_path, "door", ()) as sink:
            for index in range(50):
                sink.write(_result(index, 100 * index, [_event(1, 4.0)] if index == 40 else []))
            raise RuntimeError("device lost")

    with pytest.raises(RuntimeError, match="device lost"):
        run()
    (clip,) = tmp_path.glob("*.mp4")
    assert len(_times_and_levels(clip)) == 40
    assert not list(tmp_path.glob(".pieces-*"))


@pytest.mark.parametrize("how", ["time", "size"])
def test_a_reconnected_stream_begins_anew(how: str, tmp_path: Path) -> None:
    with ClipsSink(tmp_path, "door", ()) as sink:
        for index in range(30):
            sink.write(_result(index, 100 * index, [_event(1, 2.5)] if index == 25 else []))
        for index in range(30):
            pts = 100 * index if how == "time" else 3000 + 100 * index
            sink.write(_result(index, pts, width=64 if how == "time" else 96))
    (clip,) = tmp_path.glob("*.mp4")
    assert len(_times_and_levels(clip)) == 30


def test_only_what_may_be_wanted_is_kept(tmp_path: Path) -> None:
    most = 0
    with ClipsSink(tmp_path, "door", (), ClipsConfig(before_s=2)) as sink:
        for index in range(300):
            sink.write(_result(index, 100 * index))
            most = max(most, len(list(tmp_path.glob(".pieces-*/*"))))
    assert most <= 4  # two seconds, the piece they begin in, and the growing one


def test_old_clips_make_room(tmp_path: Path) -> None:
    events = [_event(n, 10.0 * n) for n in range(1, 6)]
    clips = _run(tmp_path, 60, events, ClipsConfig(before_s=1, after_s=1, keep_bytes=1))
    assert [clip.stem.rpartition("_")[2] for clip in clips] == ["5"]
    assert len(list(tmp_path.glob("*.json"))) == 1


def test_any_rule_s_name_is_a_file_name(tmp_path: Path) -> None:
    (clip,) = _run(
        tmp_path,
        4,
        [replace(_event(1, 2.0), change=Change("crossing", "new", "../a\0/b:c" * 30, 2.0))],
    )
    assert clip.parent == tmp_path
    assert len(clip.name) < 120


@pytest.mark.parametrize("changes", [{"before_s": -1.0}, {"longest_s": 5.0}, {"keep_bytes": 0}])
def test_senseless_wishes_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        ClipsConfig(**changes)  # type: ignore[arg-type]  # any of them
