"""A run over local live sources ends soon after it is stopped, whatever they wait for."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamer.contract import Source
from streamer.feed import Inlet
from streamer.outlet import Outlet
from streamer.pipeline import Pipeline
from streamer.sources.file import FileSource
from streamer.sources.loop import Looped
from streamer.sources.pace import Paced
from streamer.sources.stdin import StdinSource
from tests.streamer.clips import write_clip
from tests.streamer.parts import IndexStage, ListSink


@pytest.fixture
def silent_pipe() -> Iterator[int]:
    reading, writing = os.pipe()
    yield reading
    os.close(reading)
    os.close(writing)


def stop_after_begin(source: Source, sink: ListSink, *, frames: int) -> float:
    """Runs until so many results are there, stops, and says how long the end took, in seconds."""
    pipeline: Pipeline[int] = Pipeline([Inlet.live(source)], IndexStage(), [Outlet(sink)])
    stopped_s = 0.0

    def stop() -> None:
        nonlocal stopped_s
        deadline_s = time.monotonic() + 10
        while len(sink.results) < frames and time.monotonic() < deadline_s:
            threading.Event().wait(0.02)
        threading.Event().wait(0.1)  # into the next wait
        stopped_s = time.monotonic()
        pipeline.stop()

    stopper = threading.Thread(target=stop)
    stopper.start()
    snapshot = pipeline.run()
    ended_s = time.monotonic()
    stopper.join()
    assert [stream.error for stream in snapshot.streams] == [None]  # stopped is not failed
    return ended_s - stopped_s


def test_a_looped_recording_at_its_own_pace(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    write_clip(path, [0, 40, 9000])  # nothing is due for 9 s after the second frame
    source = Paced(Looped(lambda: FileSource(path, stream_id="a")))
    sink = ListSink()
    assert stop_after_begin(source, sink, frames=2) < 2
    assert sink.indices() == [0, 1]


def test_a_pipe_that_never_says_anything(silent_pipe: int) -> None:
    source = StdinSource(descriptor=silent_pipe, stream_id="a")
    assert stop_after_begin(source, ListSink(), frames=0) < 2


def test_a_piped_stream_at_its_own_pace(tmp_path: Path, silent_pipe: int) -> None:
    source = Paced(StdinSource(descriptor=silent_pipe, stream_id="a"))
    assert stop_after_begin(source, ListSink(), frames=0) < 2
