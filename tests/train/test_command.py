from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from configs.errors import ConfigError
from detector.errors import WeightsError
from streamer.errors import SinkError, SourceOpenError, SourceSpecError
from train.command import Parser, Screen, counting, run_command
from train.errors import DataError, TrainError
from train.eval.output import OutputError, check_target, write_whole


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("--out", "expected a file"), 2),
        (SourceSpecError("what?"), 2),
        (SourceOpenError("not there"), 3),
        (DataError("no picture"), 3),
        (WeightsError("damaged"), 5),
        (TrainError("no way"), 1),
        (SinkError("disk full"), 1),
        (ExceptionGroup("two", [SinkError("disk full"), WeightsError("damaged")]), 5),
    ],
)
def test_error_is_a_line_and_its_exit_code(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def body(screen: Screen, out: Screen) -> int:
        raise error

    assert run_command(body, []) == code
    lines = capsys.readouterr().err.splitlines()
    assert all(line.startswith("error: ") for line in lines)
    assert len(lines) == (2 if isinstance(error, ExceptionGroup) else 1)


def test_unexpected_error_says_how_to_see_more(capsys: pytest.CaptureFixture[str]) -> None:
    def body(screen: Screen, out: Screen) -> int:
        raise KeyError("lost")

    assert run_command(body, []) == 1
    assert capsys.readouterr().err == "error: unexpected KeyError: 'lost'; --verbose shows where\n"
    assert run_command(body, ["--verbose"]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_ends_with_its_code(
    number: signal.Signals, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def body(screen: Screen, out: Screen) -> int:
        os.kill(os.getpid(), number)
        signal.pause()
        return 0

    assert run_command(body, []) == code
    assert capsys.readouterr().err == "stopped\n"


def test_results_go_to_stdout_and_the_rest_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    def body(screen: Screen, out: Screen) -> int:
        with counting(screen, "things", 2) as count:
            count()
        screen.say("on the way to rtsp://me:secret@door/1")
        out.say("the result [1]")
        return 0

    assert run_command(body, []) == 0
    told = capsys.readouterr()
    assert told.out == "the result [1]\n"
    assert "secret" not in told.err


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["--siz", "3"], r"--siz: unknown argument; did you mean '--size'\?"),
        (["--size"], "--size: expected one argument"),
        (["--size", "big"], "--size: invalid int value: 'big'"),
        ([], "the following arguments are required: --size"),
    ],
)
def test_wrong_option_is_a_config_error(typed: list[str], message: str) -> None:
    parser = Parser("train.some", "Does something.", epilog="")
    parser.add_argument("--size", type=int, required="--siz" not in typed)
    with pytest.raises(ConfigError, match=message):
        parser.read(typed)


def test_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


def test_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_whole(tmp_path / "taken", b"one")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_input_is_never_a_target(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is an input"):
        check_target("--save", tmp_path / "a.json", [".json"], inputs=[tmp_path / "a.json"])
