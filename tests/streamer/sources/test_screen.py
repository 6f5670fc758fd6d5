"""A screen, captured for real from a virtual one."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest

from streamer.errors import SourceError, SourceOpenError
from streamer.sources.screen import ScreenArea, ScreenSource, parse_screen

COLOUR = "#10a0f0"
BGR = (0xF0, 0xA0, 0x10)
needs_mss = pytest.mark.skipif(
    importlib.util.find_spec("mss") is None, reason="needs mss (the extra 'screen')"
)
needs_display = pytest.mark.skipif(
    not (shutil.which("Xvfb") and shutil.which("xsetroot")) or sys.platform != "linux",
    reason="needs Xvfb and xsetroot (Debian: xvfb, x11-xserver-utils)",
)


def start_display() -> tuple[subprocess.Popen[str], str]:
    """A virtual screen of 320x240 in one colour."""
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "320x240x24", "-noreset"]
    server = subprocess.Popen(
        [*command, "-nolisten", "tcp"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout is not None
    display = f":{server.stdout.readline().strip()}"
    subprocess.run(["xsetroot", "-display", display, "-solid", COLOUR], check=True, timeout=10)
    return server, display


def end(server: subprocess.Popen[str]) -> None:
    server.terminate()
    server.communicate(timeout=10)


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    server, name = start_display()
    yield name
    end(server)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", ScreenArea(), id="the first"),
        pytest.param("1", ScreenArea(1), id="number"),
        pytest.param("-10,0,64,48", ScreenArea(box=(-10, 0, 64, 48)), id="area"),
    ],
)
def test_areas_are_read(text: str, expected: ScreenArea) -> None:
    assert parse_screen(text) == expected


@pytest.mark.parametrize("text", ["x", "-1", "1,2", "0,0,0,5", "0,0,5,-1", "1,2,3,4,5", "0,0,5,"])
def test_what_is_no_area_is_refused(text: str) -> None:
    with pytest.raises(SourceOpenError, match="expected screen, screen:NUMBER or screen:X"):
        parse_screen(text)


@needs_mss
@needs_display
@pytest.mark.parametrize(
    ("text", "size_wh"),
    [pytest.param("", (320, 240), id="whole"), pytest.param("10,20,33,17", (33, 17), id="area")],
)
def test_pictures_hold_what_the_screen_shows(
    display: str, text: str, size_wh: tuple[int, int]
) -> None:
    source = ScreenSource(parse_screen(text), display=display, rate=Fraction(100))
    with source:
        frame = next(iter(source))
        assert (source.stream.width, source.stream.height) == (frame.width, frame.height)
    assert (frame.width, frame.height) == size_wh
    assert np.array_equal(frame.bgr(), np.full((size_wh[1], size_wh[0], 3), BGR, np.uint8))
    assert frame.stream.is_live


@needs_mss
@needs_display
def test_pictures_come_at_the_rate_asked_for(display: str) -> None:
    with ScreenSource(display=display, rate=Fraction(20)) as source:
        frames = [frame for _, frame in zip(range(5), source, strict=False)]
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    span_s = (frames[-1].pts - frames[0].pts) * frames[0].time_base
    assert 0.19 < span_s < 2  # 4 steps of 50 ms; the first may be a little late


@needs_mss
@needs_display
def test_stopping_ends_a_long_wait_at_once(display: str) -> None:
    source = ScreenSource(display=display, rate=Fraction(1, 60))
    with source:
        threading.Timer(0.05, source.stop).start()
        start_s = time.monotonic()
        assert len(list(source)) == 1
    assert time.monotonic() - start_s < 2


@needs_mss
@needs_display
@pytest.mark.parametrize(
    ("area", "message"),
    [
        pytest.param(ScreenArea(3), "no such screen; there are 1, counted from 0", id="number"),
        pytest.param(
            ScreenArea(box=(300, 0, 21, 5)), "within the desktop 0,0,320,240", id="too far right"
        ),
        pytest.param(ScreenArea(box=(0, -1, 5, 5)), "within the desktop", id="too high"),
    ],
)
def test_what_is_not_there_is_refused(display: str, area: ScreenArea, message: str) -> None:
    with pytest.raises(SourceOpenError, match=message), ScreenSource(area, display=display):
        pass


@needs_mss
@needs_display
def test_a_display_that_goes_away_is_a_failure_in_one_line() -> None:
    server, name = start_display()
    try:
        with ScreenSource(display=name, rate=Fraction(100)) as source:
            frames = iter(source)
            next(frames)
            end(server)
            with pytest.raises(SourceError, match="the display is gone"):
                list(frames)
    finally:
        end(server)


@needs_mss
@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a display")
def test_without_a_display_it_says_so() -> None:
    with (
        pytest.raises(SourceOpenError, match="there is no display to look at"),
        ScreenSource(display=":987"),
    ):
        pass


@pytest.mark.skipif(
    importlib.util.find_spec("mss") is not None, reason="mss is installed, so nothing is missing"
)
def test_without_mss_it_names_the_extra() -> None:
    with pytest.raises(SourceOpenError, match=r"pip install -e '\.\[screen\]'"), ScreenSource():
        pass


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="rate: expected above 0"):
        ScreenSource(rate=Fraction(0))
