"""The layer over the desktop, on a virtual screen with somebody working below it."""

from __future__ import annotations

import ctypes
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from detector.config import DetectorConfig
from detector.detections import Detections
from detector.none import NoneDetector
from sinks.annotate import Annotator
from sinks.canvas import BgrCanvas
from sinks.desktop.sink import DesktopOverlaySink
from sinks.scale import scale_detections
from streamer.errors import SinkError
from streamer.frame import Frame
from streamer.outlet import Outlet
from streamer.picture import BgrPicture
from streamer.pipeline import Pipeline
from streamer.result import Result
from streamer.sources.screen import ScreenArea, ScreenSource
from tests.sinks.results import STREAM, boxes
from tests.sinks.screen import WAIT_S, Screen, needs_screen, virtual_screen
from tests.streamer.parts import CountingSource

NAMES = ("person", "car")
FOUND = boxes((100, 80, 500, 420), (650, 250, 1100, 700))
GROUND = (64, 128, 32)  # BGR of the desktop below


def _missing() -> str:
    """What the layer's process could not do without, or nothing."""
    try:
        from PySide6 import QtGui

        ctypes.CDLL(str(Path(QtGui.__file__).parent / "Qt/plugins/platforms/libqxcb.so"))
    except (ImportError, OSError) as error:
        return f"Qt cannot be used here: {error}"
    return ""


MISSING = _missing()
needs_desktop = pytest.mark.skipif(bool(MISSING), reason=MISSING or "all there")


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    with virtual_screen() as found:
        monkeypatch.setenv("DISPLAY", found.name)
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
        yield found


@contextmanager
def _window_below() -> Iterator[subprocess.Popen[str]]:
    """A window in one colour without a frame that tells of clicks."""
    program = (
        "import os, sys; os.environ['SDL_VIDEO_WINDOW_POS'] = '0,0'\n"
        "import pygame; pygame.display.init()\n"
        f"window = pygame.display.set_mode((1280, 800), pygame.NOFRAME)\n"
        f"window.fill({GROUND[::-1]}); pygame.display.flip(); told = False\n"
        "while True:\n"
        "    event = pygame.event.wait()\n"
        "    if event.type in (pygame.VIDEOEXPOSE, pygame.WINDOWEXPOSED):\n"
        f"        window.fill({GROUND[::-1]}); pygame.display.flip()\n"
        "        if not told: print('shown', flush=True); told = True\n"
        "    if event.type == pygame.MOUSEBUTTONDOWN: print('click', *event.pos, flush=True)\n"
    )
    pytest.importorskip("pygame", reason="needs pygame-ce")
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYGAME_HIDE_SUPPORT_PROMPT": "1"},
    ) as window:
        assert window.stdout is not None
        assert window.stdout.readline() == "shown\n"
        try:
            yield window
        finally:
            window.kill()


@contextmanager
def _compositor(name: str | None) -> Iterator[None]:
    if name is None:
        yield
        return
    if shutil.which(name) is None:
        pytest.skip(f"needs {name}")
    with subprocess.Popen([name, "--backend", "xrender"], stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def _result(
    index: int = 0, name: str = "screen", *, size: tuple[int, int] = (1280, 800)
) -> Result[Detections]:
    width, height = size
    stream = replace(STREAM, name=name, stream_id=name, width=width, height=height, is_live=True)
    pixels = np.zeros((height, width, 3), np.uint8)
    scale = width / 1280, height / 800
    frame = Frame(stream, index, index, stream.time_base, 0, BgrPicture(pixels))
    return Result(frame, scale_detections(FOUND, scale), 0, 0)


def _expected() -> NDArray[np.uint8]:
    pixels = np.full((800, 1280, 3), GROUND, np.uint8)
    Annotator(NAMES).draw(BgrCanvas(pixels), FOUND)
    return pixels


def _write_until(
    sink: DesktopOverlaySink, is_enough: Callable[[], bool], given: Result[Detections] | None = None
) -> None:
    """Write as a run would, 20 results a second."""
    deadline_s = time.monotonic() + WAIT_S
    while time.monotonic() < deadline_s:
        sink.write(given or _result())
        if is_enough():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come")


def _looks_right(screen: Screen, path: Path) -> bool:
    return bool(np.array_equal(screen.photograph(path), _expected()))


@needs_screen
@needs_desktop
@pytest.mark.parametrize("compositor", [None, "picom"])
def test_boxes_lie_over_what_is_there_and_all_else_is_as_it_was(
    screen: Screen, tmp_path: Path, compositor: str | None
) -> None:
    with _window_below(), _compositor(compositor), DesktopOverlaySink(NAMES) as sink:
        _write_until(sink, lambda: _looks_right(screen, tmp_path / "desktop.png"))


@needs_screen
@needs_desktop
def test_a_picture_of_another_size_is_scaled_to_the_screen(screen: Screen, tmp_path: Path) -> None:
    half = _result(size=(640, 400))
    with _window_below(), DesktopOverlaySink(NAMES) as sink:
        _write_until(sink, lambda: _looks_right(screen, tmp_path / "desktop.png"), half)


@needs_screen
@needs_desktop
def test_an_area_is_covered_where_it_lies(screen: Screen, tmp_path: Path) -> None:
    area = _result(name="screen:200,100,640,400", size=(640, 400))

    def is_there() -> bool:
        photo = screen.photograph(tmp_path / "area.png")
        changed = np.argwhere((photo != GROUND).any(axis=2))
        # the first box is 250 px wide in the half-sized picture and begins at (50, 40)
        return len(changed) > 0 and changed[:, 1].min() == 250 and changed[:, 1].max() <= 840

    with _window_below(), DesktopOverlaySink(NAMES) as sink:
        _write_until(sink, is_there, area)


@needs_screen
@needs_desktop
@pytest.mark.parametrize("compositor", [None, "picom"])
def test_a_click_on_a_box_goes_to_the_window_below(
    screen: Screen, tmp_path: Path, compositor: str | None
) -> None:
    with _window_below() as window, _compositor(compositor), DesktopOverlaySink(NAMES) as sink:
        _write_until(sink, lambda: _looks_right(screen, tmp_path / "desktop.png"))
        for x, y in ((101, 200), (120, 75), (700, 400)):  # a line, a label, the inside of a box
            screen.click_at(x, y)
            assert window.stdout is not None
            assert window.stdout.readline() == f"click {x} {y}\n"


@needs_screen
@needs_desktop
def test_on_x11_the_next_capture_has_the_boxes_in_it(screen: Screen, tmp_path: Path) -> None:
    """A limit of X11 that README names; a platform that can do better leaves them out."""
    with _window_below(), DesktopOverlaySink(NAMES) as sink:
        _write_until(sink, lambda: _looks_right(screen, tmp_path / "desktop.png"))
        with ScreenSource(ScreenArea(), display=screen.name) as source:
            assert np.array_equal(next(iter(source)).bgr(), _expected())


@needs_screen
@needs_desktop
def test_a_layer_that_was_killed_costs_itself_and_no_more(
    screen: Screen, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with _window_below(), DesktopOverlaySink(NAMES) as sink:
        _write_until(sink, lambda: _looks_right(screen, tmp_path / "desktop.png"))
        layer = sink._layers["screen"]
        assert layer is not None
        os.kill(layer._child.process.pid, 9)
        with pytest.raises(SinkError, match="the layer is gone"):
            _write_until(sink, lambda: False)
        # The server takes a dead client's window away when it gets to it; the one below draws then.
        deadline_s = time.monotonic() + WAIT_S
        while not (screen.photograph(tmp_path / "gone.png") == GROUND).all():
            assert time.monotonic() < deadline_s


@needs_screen
@needs_desktop
def test_a_layer_that_hangs_holds_nobody(screen: Screen, tmp_path: Path) -> None:
    with _window_below(), DesktopOverlaySink(NAMES) as sink:
        _write_until(sink, lambda: _looks_right(screen, tmp_path / "desktop.png"))
        layer = sink._layers["screen"]
        assert layer is not None
        os.kill(layer._child.process.pid, 19)
        for index in range(50):
            sink.write(_result(index))
    with pytest.raises(ProcessLookupError):
        os.kill(layer._child.process.pid, 0)


@needs_screen
@needs_desktop
def test_leaving_takes_the_layer_away(screen: Screen, tmp_path: Path) -> None:
    with _window_below():
        with DesktopOverlaySink(NAMES) as sink:
            _write_until(sink, lambda: _looks_right(screen, tmp_path / "desktop.png"))
        assert (screen.photograph(tmp_path / "gone.png") == GROUND).all()


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({}, "no screen to draw on; set DISPLAY"),
        ({"DISPLAY": ":987"}, "no screen to draw on; set DISPLAY"),
        ({"QT_QPA_PLATFORM": "offscreen"}, "'offscreen' is no desktop"),
    ],
    ids=["no display", "one that is not there", "a platform without windows"],
)
@needs_desktop
def test_where_there_is_no_desktop_one_error_says_so(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], reason: str
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with DesktopOverlaySink(NAMES) as sink, pytest.raises(SinkError, match=reason):
        _write_until(sink, lambda: False)


@needs_desktop
@pytest.mark.skipif(shutil.which("weston") is None, reason="needs weston")
def test_on_wayland_one_error_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_SESSION_TYPE", "wayland")
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-test")
    monkeypatch.delenv("DISPLAY", raising=False)
    with subprocess.Popen(
        ["weston", "--backend=headless-backend.so", "--socket=wayland-test", "--idle-time=0"],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    ) as weston:
        try:
            deadline_s = time.monotonic() + WAIT_S
            while not (tmp_path / "wayland-test").exists() and time.monotonic() < deadline_s:
                time.sleep(0.05)
            with (
                DesktopOverlaySink(NAMES) as sink,
                pytest.raises(SinkError, match="Wayland lets no program"),
            ):
                _write_until(sink, lambda: False)
        finally:
            weston.terminate()


def test_without_the_toolkit_one_warning_names_it_and_the_run_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "PySide6", None)
    pipeline: Pipeline[Detections] = Pipeline(
        [CountingSource("a", 5)],
        NoneDetector(DetectorConfig()),
        [Outlet(DesktopOverlaySink(NAMES), is_optional=True)],
    )
    with caplog.at_level(logging.WARNING):
        assert pipeline.run().streams[0].frames_in == 5
    assert [record.getMessage() for record in caplog.records] == [
        "sink overlay desktop is detached: overlay desktop: expected PySide6 for a window over the "
        "desktop, got none; pip install -e '.[desktop]'"
    ]


def test_what_is_no_screen_is_not_drawn_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), DesktopOverlaySink(NAMES) as sink:
        for index in range(3):
            sink.write(_result(index, "clip.mp4"))
    assert len(caplog.records) == 1
    assert "expected a screen as the source, got 'clip.mp4'" in caplog.text
