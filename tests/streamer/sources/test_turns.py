"""A folder of many recordings is read a few at a time, to its end."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Self

import pytest

from streamer.errors import SourceError, SourceOpenError
from streamer.outlet import Outlet
from streamer.pipeline import Pipeline
from streamer.sources.file import FileSource
from streamer.sources.inlets import open_inlets
from streamer.sources.input_config import InputConfig
from streamer.sources.turns import InTurn, Turns
from tests.streamer.clips import write_clip
from tests.streamer.parts import IndexStage, ListSink


class Counted(FileSource):
    """Notes how many of its kind are open at once."""

    open_now = most = 0
    lock = threading.Lock()

    def __enter__(self) -> Self:
        with Counted.lock:
            Counted.open_now += 1
            Counted.most = max(Counted.most, Counted.open_now)
        return super().__enter__()

    def _close(self) -> None:
        super()._close()
        with Counted.lock:
            Counted.open_now -= 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(6):
        write_clip(tmp_path / f"{number}.mkv", [0, 40, 80])
    Counted.open_now = Counted.most = 0
    return tmp_path


def test_no_more_are_open_at_once_and_all_are_read(folder: Path) -> None:
    turns = Turns(2)
    sources = [InTurn(Counted(path, stream_id=path.stem), turns) for path in folder.iterdir()]
    sink = ListSink()
    end = Pipeline(sources, IndexStage(), [Outlet(sink)]).run()
    assert Counted.most == 2
    assert [stream.state for stream in end.streams] == ["ended"] * 6
    assert len(sink.results) == 18


def test_one_that_cannot_be_opened_keeps_no_turn(folder: Path) -> None:
    turns = Turns(1)
    with pytest.raises(SourceOpenError, match="no such file"):
        InTurn(FileSource(folder / "gone.mkv", stream_id="gone"), turns).__enter__()
    with InTurn(FileSource(folder / "0.mkv", stream_id="0"), turns) as source:
        assert len(list(source)) == 3


def test_stopping_ends_waiting_for_a_turn(folder: Path) -> None:
    turns = Turns(1)
    second = InTurn(FileSource(folder / "1.mkv", stream_id="1"), turns)
    with InTurn(FileSource(folder / "0.mkv", stream_id="0"), turns):
        threading.Timer(0.05, second.stop).start()
        with pytest.raises(SourceError, match="stopped before its turn"):
            second.__enter__()


def test_only_what_is_more_than_fits_takes_turns(folder: Path) -> None:
    six, five = InputConfig(at_once=6), InputConfig(at_once=5)
    assert all(isinstance(each.source, FileSource) for each in open_inlets([str(folder)], six))
    assert all(isinstance(each.source, InTurn) for each in open_inlets([str(folder)], five))
    # What has no end, or stands for cameras, would keep the others waiting for good.
    for endless in (InputConfig(at_once=5, loop=True), InputConfig(at_once=5, realtime=True)):
        inlets = open_inlets([str(folder)], endless)
        assert not any(isinstance(each.source, InTurn) for each in inlets)


def test_none_at_once_is_refused() -> None:
    with pytest.raises(ValueError, match="at_once: expected at least 1"):
        InputConfig(at_once=0)
