"""What the command lines here share: one line for an error, and the exit codes of run.py."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn, get_args

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
from configs.parser import CommandParser
from detector.config import AUTO, DetectorConfig, Precision, Runtime
from detector.failure import exit_code, leaves, one_line
from detector.table import DETECTORS
from streamer.redact import redact
from streamer.signals import Interrupted, StopSignals
from train.errors import DataError, TrainError

EXIT_CODES = """\
exit codes: 0 done, 1 unexpected error, 2 usage, 3 nothing to read, 4 done but a
stream failed on the way, 5 model or weights, 130 Ctrl-C, 143 SIGTERM."""


class Screen(Console):
    """A console whose reader may leave without harm to the work."""

    def on_broken_pipe(self) -> None:
        """Go on in silence."""
        self.quiet = True
        _silence(self.file.fileno())

    def say(self, text: str) -> None:
        """Print `text` without secrets and without wrapping."""
        self.print(Text(redact(text)), soft_wrap=True)


class Parser(CommandParser):
    """The command line of a module.

    Args:
        module: such as `train.evaluate`.
        description: what it does.
        epilog: examples, and what else there is to know.
        exit_codes: shown below them.
    """

    def __init__(
        self, module: str, description: str, *, epilog: str, exit_codes: str = EXIT_CODES
    ) -> None:
        super().__init__(f"python -m {module}", description, epilog=f"{epilog}\n{exit_codes}")
        self.add_argument("--verbose", action="store_true", help="print tracebacks")


def add_detector(parser: Parser) -> None:
    """The options of run.py that say which detector looks, and how."""
    add = parser.add_argument
    add("--weights", metavar="W", help="path, URL, known name or untrained")
    add(
        "--detector",
        default=AUTO,
        metavar="NAME",
        help="as for run.py (default: auto, what the weights are for)",
    )
    add("--imgsz", metavar="SIZE", help="network input in pixels: 512, WIDTHxHEIGHT or native")
    add("--flip-test", action="store_true", help="average with the mirrored picture")
    add("--device", default="auto", metavar="DEV", help="auto, cpu, cuda or cuda:N (default: auto)")
    add("--precision", metavar="P", choices=get_args(Precision), help=_listed(Precision))
    add("--runtime", metavar="R", choices=get_args(Runtime), help=_listed(Runtime))
    add("--batch", type=int, metavar="N", help="frames per forward pass at most")


def detector_config(given: argparse.Namespace) -> DetectorConfig:
    """The detector that `add_detector`'s options name."""
    return DetectorConfig(
        name=given.detector,
        weights=given.weights,
        imgsz=given.imgsz,
        device=given.device,
        precision=given.precision or "auto",
        runtime=given.runtime or "auto",
        flip_test=given.flip_test,
        batch=given.batch,
    )


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


def _listed(choices: object) -> str:
    *others, last = get_args(choices)
    return f"{', '.join(others)} or {last} (default: auto)"


def _silence(descriptor: int) -> None:
    """Let what is still in a stream's buffer go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
