"""Ctrl-C on the real program in every state a live stream can be in, and where passwords may be.

What a person types is seen by everybody on the machine, in the list of processes: no program can
hide that. A list of sources in a file keeps it out, and from there a password goes nowhere.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import pytest

from tests.paths import ROOT
from tests.streamer.live.servers import (
    DrippingPeer,
    Peer,
    Proxy,
    RtspServer,
    SilentPeer,
    WebServer,
    black_hole,
    needs_rtsp_server,
)

COMMAND = (sys.executable, str(ROOT / "run.py"), "--detector", "none")
SECRET = "hunter2"
LOGIN = f"admin:{SECRET}@"
STOP_BOUND_S = 2.0  # what a person pressing Ctrl-C is promised
PATIENCE_S = 60  # of a machine under load; a hang is what is meant
INTERRUPTED = 130
STALL_S = 1.3  # a stream is called stalled after 1


class Program:
    """`run.py` on a list of addresses, writing to `o` in a folder of its own."""

    def __init__(self, folder: Path, *addresses: str) -> None:
        self.folder = folder
        self._list = folder / "cameras.yaml"
        self._list.write_text("".join(f"- uri: '{address}'\n" for address in addresses))

    def __enter__(self) -> Self:
        with (self.folder / "out").open("w") as out, (self.folder / "err").open("w") as err:
            self.process = subprocess.Popen(
                [*COMMAND, "--source", self._list.name, "--output", "o"],
                cwd=self.folder,
                stdout=out,
                stderr=err,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def said(self) -> str:
        return (self.folder / "err").read_text()

    def await_line(self, text: str) -> None:
        self.await_that(lambda: text in self.said)

    def await_that(self, is_so: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while not is_so():
            assert self.process.poll() is None, f"it has ended: {self.said}"
            assert time.monotonic() < deadline_s, f"it never came: {self.said}"
            time.sleep(0.02)

    def interrupt(self) -> float:
        """Seconds from Ctrl-C to its end."""
        start_s = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(PATIENCE_S) == INTERRUPTED, self.said
        return time.monotonic() - start_s

    def assert_nothing_leaked(self) -> None:
        for path in self.folder.rglob("*"):
            assert SECRET not in path.name
            if path.is_file() and path != self._list:
                assert SECRET.encode() not in path.read_bytes(), path

    def assert_no_process_shows_it(self) -> None:
        """Neither command lines, nor names of threads, nor variables, of it and its children."""
        for proc in _family(self.process.pid):
            for path in (proc / "cmdline", proc / "environ", *proc.glob("task/*/comm")):
                assert SECRET.encode() not in _read(path), path


def _read(path: Path) -> bytes:
    """What the system says, or nothing of a process that has just gone."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def _family(pid: int) -> list[Path]:
    proc = Path(f"/proc/{pid}")
    children = [child for task in proc.glob("task/*/children") for child in _read(task).split()]
    return [proc, *(found for child in children for found in _family(int(child)))]


State = Callable[[Path], AbstractContextManager[Program]]


@contextmanager
def connecting(folder: Path) -> Iterator[Program]:
    with black_hole() as port, Program(folder, f"rtsp://{LOGIN}127.0.0.1:{port}/cam") as program:
        program.await_line("connecting")
        yield program


@contextmanager
def _connected_to(peer: Peer, folder: Path) -> Iterator[Program]:
    with peer, Program(folder, f"rtsp://{LOGIN}127.0.0.1:{peer.port}/cam") as program:
        program.await_that(lambda: bool(peer._sockets))
        program.await_line("connecting")
        yield program


def connected_and_silent(folder: Path) -> AbstractContextManager[Program]:
    return _connected_to(SilentPeer(), folder)


def dripping(folder: Path) -> AbstractContextManager[Program]:
    return _connected_to(DrippingPeer(), folder)


@contextmanager
def live(folder: Path) -> Iterator[Program]:
    with (
        WebServer(password=SECRET) as server,
        Program(folder, server.url("mjpeg", LOGIN)) as program,
    ):
        program.await_line("live, frames")
        yield program


@contextmanager
def stalled(folder: Path) -> Iterator[Program]:
    with WebServer(password=SECRET) as server, Proxy(server.port) as proxy:
        url = f"http://{LOGIN}127.0.0.1:{proxy.port}/mjpeg"
        with Program(folder, url) as program:
            program.await_line("live, frames")
            proxy.is_frozen = True
            time.sleep(STALL_S)
            yield program
            proxy.is_frozen = False


@contextmanager
def retrying(folder: Path) -> Iterator[Program]:
    with ExitStack() as world:
        server = world.enter_context(WebServer(password=SECRET))
        program = world.enter_context(Program(folder, server.url("mjpeg", LOGIN)))
        program.await_line("live, frames")
        server.__exit__(None, None, None)
        program.await_line("refused")
        yield program


@contextmanager
def refused_beside_a_live_one(folder: Path) -> Iterator[Program]:
    with WebServer(password="right") as strict, WebServer(password=SECRET) as server:
        urls = (server.url("mjpeg", LOGIN), strict.url("mjpeg", LOGIN))
        with Program(folder, *urls) as program:
            program.await_line("failed")
            yield program


@contextmanager
def live_over_rtsp(folder: Path) -> Iterator[Program]:
    with RtspServer("--password", SECRET) as server, Program(folder, server.url(LOGIN)) as program:
        program.await_line("live, frames")
        yield program


@contextmanager
def stalled_over_rtsp(folder: Path) -> Iterator[Program]:
    with ExitStack() as world:
        server = world.enter_context(RtspServer("--password", SECRET))
        proxy = world.enter_context(Proxy(server.port))
        program = world.enter_context(Program(folder, server.url(LOGIN, port=proxy.port)))
        program.await_line("live, frames")
        proxy.is_frozen = True
        time.sleep(STALL_S)
        yield program
        proxy.is_frozen = False


@contextmanager
def retrying_over_rtsp(folder: Path) -> Iterator[Program]:
    with RtspServer("--password", SECRET) as server, Program(folder, server.url(LOGIN)) as program:
        program.await_line("live, frames")
        server.kill()
        program.await_line("refused")
        yield program


# State, and the streams of which there are frames by then.
STATES = [
    pytest.param(connecting, 0, id="connecting"),
    pytest.param(connected_and_silent, 0, id="connected, silent"),
    pytest.param(dripping, 0, id="a byte now and then"),
    pytest.param(live, 1, id="live"),
    pytest.param(stalled, 1, id="stalled"),
    pytest.param(retrying, 1, id="retrying"),
    pytest.param(refused_beside_a_live_one, 1, id="wrong password"),
    *(
        pytest.param(state, 1, id=name, marks=[pytest.mark.slow, needs_rtsp_server])
        for state, name in (
            (live_over_rtsp, "live, rtsp"),
            (stalled_over_rtsp, "stalled, rtsp"),
            (retrying_over_rtsp, "retrying, rtsp"),
        )
    ),
]


@pytest.mark.parametrize(("state", "streams"), STATES)
def test_ctrl_c_ends_at_once_with_whole_files_and_no_password_anywhere(
    tmp_path: Path, request: pytest.FixtureRequest, state: State, streams: int
) -> None:
    with state(tmp_path) as program:
        if sys.platform == "linux":
            program.assert_no_process_shows_it()
        took_s = program.interrupt()
    sys.stdout.write(f"\n{request.node.callspec.id}: ended {took_s:.2f} s after Ctrl-C")
    assert took_s < STOP_BOUND_S
    assert "Traceback" not in program.said
    program.assert_nothing_leaked()
    recordings = sorted((tmp_path / "o").glob("*.mp4"))
    assert len(recordings) == streams
    for recording in recordings:
        with av.open(str(recording)) as container:
            assert sum(1 for _ in container.decode(video=0)) > 0
        assert recording.with_suffix(".config.yaml").is_file()
    assert (tmp_path / "o").exists() == bool(streams)
