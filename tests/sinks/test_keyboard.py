"""The console with a person at its keyboard: pseudo-terminals, and tmux where it is installed."""

from __future__ import annotations

import contextlib
import os
import pty
import shlex
import shutil
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import pytest

from sinks.keyboard import PosixKeyboard, keys_in
from tests.paths import ROOT

WAIT_S = 60.0  # of a machine under load; a hang is what is meant
ENDLESS = "synthetic:width=64,height=64,frames=none"
BROKEN = """
from sinks.null import NullSink

class Sink(NullSink):
    name = "outside"
    def __init__(self, path, context): self.path = path
    def write(self, result):
        if self.path == "breaks" and result.frame.index == 30: raise RuntimeError("broken")
    def __exit__(self, *error):
        import time
        if self.path == "hangs": time.sleep(600)
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo-terminals")


class Typist:
    """A run on a pseudo-terminal, which is also where its session's signals come from."""

    def __init__(self, arguments: Sequence[str], folder: Path) -> None:
        self.parent, child = pty.openpty()
        termios.tcsetwinsize(child, (24, 80))
        self.found = termios.tcgetattr(child)
        command = [sys.executable, str(ROOT / "run.py"), "--detector", "none", *arguments]
        starter = f"import os, pty; os.login_tty({child}); os.execv({command[0]!r}, {command!r})"
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-c", starter],
            pass_fds=(child,),
            cwd=folder,
            env={**os.environ, "TERM": "xterm", "PYTHONPATH": str(folder)},
        )
        self._child = child  # kept open: the attributes can be asked for afterwards
        self._shown = bytearray()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def type(self, keys: str) -> None:
        os.write(self.parent, keys.encode())

    def wait_for(self, text: str) -> None:
        deadline_s = time.monotonic() + WAIT_S
        while text.encode() not in self._shown:
            assert time.monotonic() < deadline_s, self.shown
            assert self.process.poll() is None or text.encode() in self._shown, self.shown
            time.sleep(0.02)

    @property
    def shown(self) -> str:
        return self._shown.decode(errors="replace")

    @property
    def mode(self) -> list[object]:
        return termios.tcgetattr(self._child)

    @property
    def is_taken(self) -> bool:
        lines = self.mode[3]
        assert isinstance(lines, int)
        return not lines & (termios.ICANON | termios.ECHO)

    def close(self) -> int:
        code = self.process.wait(WAIT_S)
        os.close(self._child)
        self._reader.join()
        os.close(self.parent)
        return code

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # Linux says EIO when nobody has the other side any more
            while data := os.read(self.parent, 65536):
                self._shown += data


@contextmanager
def _typing(folder: Path, *arguments: str) -> Iterator[Typist]:
    (folder / "outside.py").write_text(BROKEN)
    typist = Typist(arguments, folder)
    try:
        yield typist
    finally:
        if typist.process.poll() is None:
            typist.process.kill()
            typist.close()


def _quit(typist: Typist) -> None:
    typist.type("q")


def _terminate(typist: Typist) -> None:
    typist.process.send_signal(signal.SIGTERM)


def _interrupt(typist: Typist) -> None:
    typist.type("\x03")


def _interrupt_twice(typist: Typist) -> None:
    typist.type("\x03")
    typist.wait_for("stopping")
    typist.type("\x03")


def _let_break(typist: Typist) -> None:
    """It will, soon."""


@pytest.mark.parametrize(
    ("sink", "end", "code"),
    [
        pytest.param("null", _quit, 0, id="q"),
        pytest.param("null", _terminate, 143, id="SIGTERM"),
        pytest.param("null", _interrupt, 130, id="ctrl-c"),
        pytest.param("package.outside:Sink:hangs", _interrupt_twice, 130, id="ctrl-c twice"),
        pytest.param("package.outside:Sink:breaks", _let_break, 1, id="a crash"),
    ],
)
def test_the_terminal_is_left_as_it_was_found(
    tmp_path: Path, sink: str, end: Callable[[Typist], None], code: int
) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package/outside.py").write_text(BROKEN)
    with _typing(tmp_path, "--source", f"{ENDLESS}", "--realtime", "--sink", sink) as typist:
        typist.wait_for("h keys")
        assert typist.is_taken
        end(typist)
        typist.process.wait(WAIT_S)
        assert typist.mode == typist.found
        assert typist.close() == code
    assert typist.shown.count("\x1b[?25l") == typist.shown.count("\x1b[?25h")  # the cursor is back
    assert "Traceback" not in typist.shown


def test_keys_do_on_the_console_what_they_do_in_the_window(tmp_path: Path) -> None:
    arguments = ("--source", ENDLESS, "--realtime", "--sink", "null", "--output", "out")
    with _typing(tmp_path, *arguments) as typist:
        typist.wait_for("h keys")
        typist.type("h")
        typist.wait_for("q, Esc quit")
        typist.type("xyz\x1b[A")  # which mean nothing
        typist.type(" ")
        typist.wait_for("held; space goes on")
        typist.type("s")
        typist.wait_for("saved synthetic-")
        typist.type("\x1b")
        assert typist.close() == 0
    (saved,) = (tmp_path / "out").glob("synthetic-*.png")
    picture = cv2.imread(str(saved))
    assert picture is not None
    assert picture.shape == (64, 64, 3)


def test_a_pipe_is_no_keyboard(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "run.py"), "--detector", "none", "--source",
         "synthetic:width=64,height=64,frames=5", "--sink", "null"],
        input="q", text=True, capture_output=True, cwd=tmp_path, timeout=WAIT_S, check=True,
    )  # fmt: skip
    assert "5 frames" in done.stdout


def test_keys_are_told_from_what_cursor_keys_send() -> None:
    assert keys_in("q\x1b[A\x1bOP\x1b[15~ \x1bxS") == ["q", "space", "s"]
    assert keys_in("\x1b") == ["escape"]
    assert keys_in("") == []


def test_a_terminal_that_goes_away_is_the_end_of_the_keys() -> None:
    parent, child = pty.openpty()
    keyboard = PosixKeyboard(child)
    with keyboard:
        os.close(parent)
        assert keyboard.pressed() == []
        assert keyboard.pressed() == []
    os.close(child)


class Tmux:
    """A terminal of a size, a shell in it, and what it shows."""

    def __init__(self, folder: Path, width: int, height: int) -> None:
        self._base = ["tmux", "-f", "/dev/null", "-S", str(folder / "tmux")]
        shell = "env -u LINES -u COLUMNS PS1='$ ' bash --norc --noprofile -i"
        self._do("new-session", "-d", "-x", str(width), "-y", str(height), "-c", str(folder), shell)

    def type(self, *keys: str) -> None:
        self._do("send-keys", *keys)

    def resize(self, width: int, height: int) -> None:
        self._do("resize-window", "-x", str(width), "-y", str(height))

    def lines(self) -> list[str]:
        shown = self._do("capture-pane", "-p").rstrip("\n").split("\n")
        return [line.rstrip() for line in shown]

    def wait_for(self, is_there: Callable[[list[str]], bool]) -> list[str]:
        deadline_s = time.monotonic() + WAIT_S
        while time.monotonic() < deadline_s:
            lines = self.lines()
            if is_there(lines):
                return lines
            time.sleep(0.1)
        raise AssertionError("\n".join(self.lines()))

    def close(self) -> None:
        self._do("kill-server")

    def _do(self, *words: str) -> str:
        done = subprocess.run([*self._base, *words], capture_output=True, text=True, check=True)
        return done.stdout


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    if shutil.which("tmux") is None or shutil.which("bash") is None:
        pytest.skip("needs tmux and bash")
    terminal = Tmux(tmp_path, 80, 24)
    yield terminal
    terminal.close()


def _command(*sources: str) -> str:
    program = [sys.executable, str(ROOT / "run.py"), "--detector", "none", "--sink", "null"]
    return shlex.join([*program, *(word for source in sources for word in ("--source", source))])


def _has(text: str) -> Callable[[list[str]], bool]:
    return lambda lines: any(text in line for line in lines)


def test_ctrl_z_gives_the_terminal_back_and_fg_takes_it_again(tmux: Tmux) -> None:
    tmux.type(f"{_command(ENDLESS)} --realtime", "Enter")
    tmux.wait_for(_has("h keys"))
    tmux.type("C-z")
    tmux.wait_for(_has("Stopped"))
    tmux.type("stty -a | tr ' ' '\\n' | grep -x -e '-*icanon;*' -e '-*echo;*'", "Enter")
    lines = tmux.wait_for(_has("echo"))
    lines = tmux.wait_for(lambda lines: "echo" in lines and "icanon" in lines)
    assert "h keys" not in lines  # the panel was taken away
    tmux.type("clear; fg", "Enter")
    tmux.wait_for(lambda lines: lines[-1] == "h keys")
    tmux.type("q")
    tmux.wait_for(_has("frames in"))
    tmux.type("echo done with it", "Enter")
    tmux.wait_for(lambda lines: "done with it" in lines)


def test_sixteen_streams_fit_80_columns_and_use_200(tmux: Tmux) -> None:
    sources = [f"synthetic:width=64,height=64,frames=none,seed={n}" for n in range(16)]
    tmux.type("clear; " + _command(*sources) + " --realtime", "Enter")
    lines = tmux.wait_for(lambda lines: "16 streams: running" in lines and lines[-1] == "h keys")
    assert len(lines) <= 23
    lines = lines[lines.index("16 streams: running") :]
    assert [line.split()[0] for line in lines[2:18]] == [
        "synthetic", *(f"synthetic-{n}" for n in range(2, 17))
    ]  # fmt: skip
    assert all(line.endswith("running") for line in lines[2:18])
    tmux.resize(80, 12)
    tmux.wait_for(lambda lines: _has("more: running")(lines) and lines[-1] == "h keys")
    tmux.resize(200, 50)
    lines = tmux.wait_for(lambda lines: len([x for x in lines if x.endswith(" running")]) >= 16)
    tmux.type("q")
    tmux.wait_for(_has("frames in"))
