"""A command line that says what is wrong in one line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from configs.errors import ConfigError
from configs.loader import suggestion


class CommandParser(argparse.ArgumentParser):
    """Raises what is wrong as a ConfigError, and guesses what was meant.

    Args:
        prog: how the program is called.
        description: what it does.
        epilog: shown below the options as it is.
    """

    def __init__(self, prog: str, description: str, *, epilog: str | None = None) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def read(self, arguments: Sequence[str]) -> argparse.Namespace:
        """What was typed.

        Raises:
            ConfigError: an option is unknown, missing or lacks its value.
            SystemExit: with code 0, after `--help`.
        """
        given, unknown = self.parse_known_args(list(arguments))
        if unknown:
            known = [text for action in self._actions for text in action.option_strings]
            word = unknown[0].partition("=")[0]
            near = suggestion(word, known) if word.startswith("-") else ""
            hint = near if "did you mean" in near else "; see --help"
            raise ConfigError(unknown[0], f"unknown argument{hint}")
        return given

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage."""
        option, colon, reason = message.removeprefix("argument ").partition(": ")
        if colon and option.startswith("-"):
            raise ConfigError(option, f"{reason}; see --help")
        raise ConfigError("", f"{message}; see --help")


def fail(reason: str, code: int = 2) -> int:
    """Tell on standard error what was wrong; gives back the exit code."""
    sys.stderr.write(f"error: {reason}\n")
    return code
