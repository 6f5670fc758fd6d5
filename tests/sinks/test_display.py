"""The window, used by keyboard and mouse on a virtual screen."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from detector.config import DetectorConfig
from detector.detections import Detections
from detector.none import NoneDetector
from sinks.display import DisplaySink, Request
from sinks.tiles import Tile, tiles
from sinks.window import Window
from streamer.errors import SinkError
from streamer.frame import Frame
from streamer.outlet import Outlet
from streamer.picture import BgrPicture
from streamer.pipeline import Pipeline
from streamer.result import Result
from streamer.snapshot import RunSnapshot
from tests.sinks.results import STREAM, boxes, results
from tests.sinks.screen import WAIT_S, Screen, needs_screen, virtual_screen
from tests.streamer.parts import CountingSource

pytest.importorskip("pygame", reason="needs pygame-ce")

FOUND = boxes((100, 80, 300, 320), (350, 150, 600, 300))
COLOURS = [(200, 60, 40), (40, 160, 60), (60, 60, 200), (160, 160, 40), (160, 40, 160),
           (40, 160, 160), (90, 90, 90), (20, 90, 170), (170, 90, 20)]  # fmt: skip


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    with virtual_screen() as found:
        monkeypatch.setenv("DISPLAY", found.name)
        yield found


def _results(ids: Sequence[str], index: int = 0) -> list[Result[Detections]]:
    """A picture of 640 x 360 a stream, each of its own colour."""
    made = []
    for number, stream_id in enumerate(ids):
        stream = replace(STREAM, stream_id=stream_id, name=stream_id, width=640, height=360)
        pixels = np.full((360, 640, 3), COLOURS[number % len(COLOURS)], np.uint8)
        frame = Frame(stream, index, index, stream.time_base, 0, BgrPicture(pixels))
        made.append(Result(frame, FOUND, 0, 0))
    return made


def _pump_until(sink: DisplaySink, is_enough: Callable[[], bool]) -> Request:
    """Pump as a run would; gives back the first wish to quit."""
    deadline_s = time.monotonic() + WAIT_S
    while time.monotonic() < deadline_s:
        if sink.pump() is Request.QUIT:
            return Request.QUIT
        if is_enough():
            return Request.CONTINUE
        time.sleep(0.02)
    raise AssertionError("it did not come")


def _show(
    sink: DisplaySink, screen: Screen, given: Sequence[Result[Detections]], title: str
) -> None:
    for result in given:
        sink.write(result)
    _pump_until(sink, lambda: screen.has_window(title))
    _settle(sink)


def _pumping(sink: DisplaySink) -> Callable[[RunSnapshot], None]:
    def tick(snapshot: RunSnapshot) -> None:
        sink.pump()

    return tick


def _settle(sink: DisplaySink) -> None:
    """What was asked for is on the screen: the window's process has answered meanwhile."""
    end_s = time.monotonic() + 0.5
    _pump_until(sink, lambda: time.monotonic() > end_s)


def _press(sink: DisplaySink, screen: Screen, key: str) -> None:
    screen.press(key)
    _settle(sink)


def _share(pixels: np.ndarray, colour: tuple[int, int, int]) -> float:
    """Of the screen that has this colour."""
    return float((np.abs(pixels.astype(int) - colour).max(2) <= 2).mean())


@needs_screen
def test_one_stream_fills_the_screen_in_its_own_shape(screen: Screen, tmp_path: Path) -> None:
    with DisplaySink(("person", "car"), ("gate",), tmp_path) as sink:
        _show(sink, screen, _results(["gate"]), "gate")
        width, height = screen.window_size()
        assert (width, height) == (1152, 648)  # 0.9 of 1280, at 16:9
        photo = screen.photograph(tmp_path / "one.png")
        assert _share(photo, COLOURS[0]) > 0.6 * width * height / (1280 * 800)
    assert not screen.has_window("gate")


@needs_screen
def test_nine_streams_have_a_tile_each(screen: Screen, tmp_path: Path) -> None:
    ids = [f"camera-{number}" for number in range(9)]
    with DisplaySink(("person", "car"), ids, tmp_path) as sink:
        _show(sink, screen, _results(ids), "9 streams")
        photo = screen.photograph(tmp_path / "nine.png")
        shares = [_share(photo, colour) for colour in COLOURS]
        assert min(shares) > 0.03
        assert max(shares) < 1.2 * min(shares)


@needs_screen
@pytest.mark.parametrize("key", ["q", "Escape"])
def test_a_key_quits(screen: Screen, tmp_path: Path, key: str) -> None:
    with DisplaySink((), ("gate",), tmp_path) as sink:
        _show(sink, screen, _results(["gate"]), "gate")
        screen.press(key)
        assert _pump_until(sink, lambda: False) is Request.QUIT


@needs_screen
def test_closing_the_window_quits_and_nothing_fails(screen: Screen, tmp_path: Path) -> None:
    with DisplaySink((), ("gate",), tmp_path) as sink:
        _show(sink, screen, _results(["gate"]), "gate")

        def press_again() -> bool:  # a busy window manager now and then misses a key
            screen.press("alt+F4")
            return False

        assert _pump_until(sink, press_again) is Request.QUIT
        for result in _results(["gate"], 1):
            sink.write(result)
        assert sink.pump() is Request.QUIT


@needs_screen
def test_space_holds_the_picture_and_lets_go_again(screen: Screen, tmp_path: Path) -> None:
    first, second = _results(["gate", "other"])
    later = replace(second, frame=replace(second.frame, stream=first.frame.stream, index=1))
    with DisplaySink((), ("gate",), tmp_path) as sink:
        _show(sink, screen, [first], "gate")
        _press(sink, screen, "space")
        sink.write(later)
        _settle(sink)
        assert _share(screen.photograph(tmp_path / "held.png"), COLOURS[0]) > 0.3
        _press(sink, screen, "space")
        assert _share(screen.photograph(tmp_path / "on.png"), COLOURS[1]) > 0.3


@needs_screen
def test_s_saves_the_picture_in_full_size(screen: Screen, tmp_path: Path) -> None:
    with DisplaySink((), ("gate",), tmp_path / "out") as sink:
        _show(sink, screen, _results(["gate"], 41), "gate")
        _press(sink, screen, "s")
    saved = cv2.imread(str(tmp_path / "out" / "gate-000041.png"))
    assert saved is not None
    assert saved.shape == (360, 640, 3)
    assert _share(saved, COLOURS[0]) < 1  # the boxes are on it


@needs_screen
def test_h_shows_the_keys_and_hides_them(screen: Screen, tmp_path: Path) -> None:
    with DisplaySink((), ("gate",), tmp_path) as sink:
        _show(sink, screen, _results(["gate"]), "gate")
        before = screen.photograph(tmp_path / "before.png")
        _press(sink, screen, "h")
        assert (screen.photograph(tmp_path / "help.png") != before).any()
        _press(sink, screen, "h")
        assert np.array_equal(screen.photograph(tmp_path / "after.png"), before)


@needs_screen
def test_a_click_shows_one_stream_alone_and_another_all(screen: Screen, tmp_path: Path) -> None:
    ids = ["a", "b", "c", "d"]
    with DisplaySink((), ids, tmp_path) as sink:
        _show(sink, screen, _results(ids), "4 streams")
        screen.click(900, 500)  # the last tile
        _settle(sink)
        alone = screen.photograph(tmp_path / "alone.png")
        assert _share(alone, COLOURS[3]) > 0.4
        assert _share(alone, COLOURS[0]) == 0
        screen.click(900, 500)
        _settle(sink)
        assert _share(screen.photograph(tmp_path / "all.png"), COLOURS[0]) > 0.05


@needs_screen
def test_a_resized_window_is_filled_again(screen: Screen, tmp_path: Path) -> None:
    with DisplaySink((), ("gate",), tmp_path) as sink:
        _show(sink, screen, _results(["gate"]), "gate")
        screen.resize(400, 225)
        _settle(sink)
        assert screen.window_size() == (400, 225)
        share = _share(screen.photograph(tmp_path / "small.png"), COLOURS[0])
        assert 0.5 < share * 1280 * 800 / (400 * 225) < 1


@needs_screen
def test_a_tiny_window_of_many_streams_does_no_harm(screen: Screen, tmp_path: Path) -> None:
    ids = [f"camera-{number}" for number in range(16)]
    with DisplaySink((), ids, tmp_path) as sink:
        _show(sink, screen, _results(ids), "16 streams")
        screen.resize(9, 30)
        _settle(sink)
        screen.resize(900, 600)
        _settle(sink)
        assert screen.window_size() == (900, 600)
        assert _share(screen.photograph(tmp_path / "again.png"), COLOURS[0]) > 0.01


@needs_screen
def test_a_lost_screen_costs_the_window_and_no_more(
    screen: Screen, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with DisplaySink((), ("gate",), tmp_path) as sink:
        _show(sink, screen, _results(["gate"]), "gate")
        screen.server.kill()
        screen.server.wait()

        def write() -> bool:
            try:
                sink.write(_results(["gate"])[0])
            except SinkError as error:
                return "screen was lost" in str(error)
            return False

        assert _pump_until(sink, write) is Request.CONTINUE
        assert sink.pump() is Request.CONTINUE


@needs_screen
def test_a_window_that_hangs_holds_nobody(screen: Screen, tmp_path: Path) -> None:
    with DisplaySink((), ("gate",), tmp_path) as sink:
        _show(sink, screen, _results(["gate"]), "gate")
        assert sink._window is not None
        child = sink._window._child.process.pid
        os.kill(child, signal.SIGSTOP)
        start_s = time.monotonic()
        for index in range(50):
            sink.write(_results(["gate"], index)[0])
            sink.pump()
        assert time.monotonic() - start_s < WAIT_S
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_what_the_toolkit_draws_for_nobody_is_no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one, newer versions of it succeed and show their windows nowhere."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "offscreen")
    with pytest.raises(SinkError, match="no screen to open a window on"):
        Window()


@pytest.mark.parametrize("display", [None, ":987"], ids=["none", "one that is not there"])
def test_without_a_screen_there_is_one_warning_and_the_run_goes_on(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    display: str | None,
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SDL_VIDEODRIVER", "x11")  # not the console of the machine that tests
    if display is not None:
        monkeypatch.setenv("DISPLAY", display)
    sink = DisplaySink((), ("a",), tmp_path)
    pipeline: Pipeline[Detections] = Pipeline(
        [CountingSource("a", 5)], NoneDetector(DetectorConfig()), [Outlet(sink, is_optional=True)]
    )
    with caplog.at_level(logging.WARNING):
        snapshot = pipeline.run(_pumping(sink), tick_s=0.02)
    assert snapshot.streams[0].frames_in == 5
    assert len(caplog.records) == 1
    assert "display: no screen to open a window on" in caplog.text


def test_writing_and_pumping_without_a_window_do_nothing(tmp_path: Path) -> None:
    sink = DisplaySink((), (), tmp_path)
    for result in results([0, 1, 2]):
        sink.write(result)
    assert sink.pump() is Request.CONTINUE


@pytest.mark.parametrize(
    ("count", "size", "grid"),
    [
        (1, (1280, 720), (1, 1)),
        (2, (1280, 720), (2, 1)),
        (2, (720, 1280), (1, 2)),
        (4, (1280, 720), (2, 2)),
        (9, (1280, 720), (3, 3)),
        (16, (1280, 720), (4, 4)),
    ],
    ids=str,
)
def test_tiles_fill_the_window_without_overlap(
    count: int, size: tuple[int, int], grid: tuple[int, int]
) -> None:
    width, height = size
    found = tiles(count, width, height, 16 / 9, 0)
    assert len({tile.left for tile in found}) == grid[0]
    assert len({tile.top for tile in found}) == grid[1]
    covered = np.zeros((height, width), int)
    for tile in found:
        covered[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width] += 1
        left, top, across, down = tile.fit(16, 9)
        assert tile.contains(left, top)
        assert tile.contains(left + across - 1, top + down - 1)
        assert abs(across / down - 16 / 9) < 0.05
    assert covered.max() == 1
    assert covered.mean() > 0.99


def test_a_tile_too_small_for_more_than_its_caption_has_no_picture() -> None:
    assert Tile(0, 0, 10, 4, caption=26).fit(16, 9)[2:] == (0, 0)
    assert Tile(0, 0, 1, 100).fit(16, 9)[2:] == (0, 0)
