"""What a failure is to whoever typed the command: one line and an exit code."""

from __future__ import annotations

from collections.abc import Iterator

from configs.errors import ConfigError
from detector.errors import DetectorError
from streamer.errors import SourceOpenError, SourceSpecError, StreamerError

DONE, UNEXPECTED, USAGE, NO_SOURCE, STREAM_FAILED, MODEL = range(6)

# Which exit code belongs to which error: the first that fits, UNEXPECTED for the rest.
_EXIT_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (ConfigError, USAGE),
    (SourceSpecError, USAGE),
    (SourceOpenError, NO_SOURCE),
    (DetectorError, MODEL),
)
_EXPECTED = (ConfigError, StreamerError, DetectorError)  # they speak for themselves


def exit_code(error: BaseException, *, no_source: tuple[type[BaseException], ...] = ()) -> int:
    """The exit code of an error; `no_source` are further kinds of having nothing to read.

    >>> exit_code(KeyError()), exit_code(ConfigError("--limit", "expected a number"))
    (1, 2)
    """
    if isinstance(error, no_source):
        return NO_SOURCE
    return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), UNEXPECTED)


def one_line(error: BaseException, *, expected: tuple[type[BaseException], ...] = ()) -> str:
    """What happened, on one line; `expected` are further kinds that speak for themselves.

    >>> one_line(KeyError("a"))
    "unexpected KeyError: 'a'; --verbose shows where"
    """
    is_expected = isinstance(error, (*_EXPECTED, *expected))
    told = str(error) if is_expected else f"unexpected {type(error).__name__}: {error}"
    hint = "" if is_expected else "; --verbose shows where"
    return f"{' '.join(told.split())}{hint}"


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors of a group, or the one error itself."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error
