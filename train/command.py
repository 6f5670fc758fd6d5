"""What the command lines here share: one line for an error, and the exit codes of run.py."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from configs.errors import ConfigError
from configs.loader import suggestion
from detector.config import AUTO
from detector.failure import exit_code, leaves, one_line
from detector.table import DETECTORS
from streamer.redact import redact
from streamer.signals import Interrupted, StopSignals
from train.errors import DataError, TrainError

EXIT_CODES_TEXT = (
    "exit codes: 0 done, 1 unexpected, 2 usage, 3 nothing to read, 4 finished but a stream failed\n"
    "on the way, 5 model or weights, 130 Ctrl-C, 143 SIGTERM."
)


class Screen(Console):
    """A console whose reader may leave without harm to the work."""

    def on_broken_pipe(self) -> None:
        """Go on in silence."""
        self.quiet = True
        _silence(self.file.fileno())

    def say(self, text: str) -> None:
        """Print `text` without secrets and without wrapping."""
        self.print(Text(redact(text)), soft_wrap=True)


class Parser(argparse.ArgumentParser):
    """Raises what is wrong as a ConfigError, and guesses what was meant."""

    def __init__(self, module: str, description: str, *, epilog: str = "") -> None:
        super().__init__(
            prog=f"python -m {module}",
            description=description,
            epilog=f"{epilog}\n{EXIT_CODES_TEXT}".strip(),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add_argument("--verbose", action="store_true", help="show tracebacks")

    def read(self, arguments: Sequence[str]) -> argparse.Namespace:
        """What was typed.

        Raises:
            ConfigError: an option is unknown, missing or lacks its value.
            SystemExit: with code 0, after `--help`.
        """
        given, unknown = self.parse_known_args(list(arguments))
        if unknown:
            known = [text for action in self._actions for text in action.option_strings]
            raise ConfigError(unknown[0], f"unknown option{_near(unknown[0], known)}; see --help")
        return given

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage."""
        option, colon, reason = message.removeprefix("argument ").partition(": ")
        if colon and option.startswith("-"):
            raise ConfigError(option, f"{reason}; see --help")
        raise ConfigError("", f"{message}; see --help")


def run_command(body: Callable[[Screen, Screen], int], typed: Sequence[str]) -> int:
    """Run a command's `body`; whatever happens comes back as exit code, an error as one line.

    Args:
        body: gets the console for what is told on the way (stderr) and the one for results
            (stdout).
        typed: the command line, searched for `--verbose` only.
    """
    screen, out = Screen(stderr=True, highlight=False), Screen(highlight=False)
    try:
        with StopSignals(on_abandon=lambda: screen.show_cursor(show=True)):
            return body(screen, out)
    except Interrupted as interrupted:
        screen.say("stopped")
        return interrupted.exit_code
    except Exception as error:  # noqa: BLE001 - the last resort: a line instead of a traceback
        if "--verbose" in typed:
            screen.say(traceback.format_exc())
        for failure in leaves(error):
            screen.say(f"error: {one_line(failure, expected=(TrainError,))}")
        return max(exit_code(failure, no_source=(DataError,)) for failure in leaves(error))


def run_module(main: Callable[[Sequence[str]], int]) -> NoReturn:
    """End the process with what `main` gives back for the command line."""
    typed = sys.argv[1:]
    if not sys.warnoptions and "--verbose" not in typed:
        warnings.simplefilter("ignore")  # they are for developers, and none is ours
    code = main(typed)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _silence(sys.stdout.fileno())
    sys.exit(code)


@contextmanager
def usage_errors() -> Iterator[None]:
    """A word that only a config class knows to be none was typed."""
    try:
        yield
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError("", str(error)) from error


def check_detector_name(name: str) -> None:
    """Before any work.

    Raises:
        ConfigError: there is no such detector.
    """
    if name not in (AUTO, *DETECTORS) and ":" not in name:
        known = suggestion(name, [*DETECTORS, "package.module:Class"])
        raise ConfigError("--detector", f"unknown {name!r}{known}")


@contextmanager
def counting(screen: Console, what: str, total: int | None) -> Iterator[Callable[[], None]]:
    """A progress bar, on a terminal; the call counts one more."""
    columns = (TextColumn(what, markup=False), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, TimeRemainingColumn(), console=screen, disable=not screen.is_terminal)
    with bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def _near(word: str, known: Sequence[str]) -> str:
    near = suggestion(word, known)
    return near if "did you mean" in near else ""


def _silence(descriptor: int) -> None:
    """Let what is still in a stream's buffer go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
