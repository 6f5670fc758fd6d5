"""An event database as one page that opens without a network."""

from __future__ import annotations

import sys
from pathlib import Path

from analytics.report.page import render
from analytics.report.store import ReportError, read_reports
from configs.errors import ConfigError
from configs.parser import CommandParser, fail


def main(arguments: list[str] | None = None) -> int:
    """Read and write; 0, or 2 after one line on standard error."""
    try:
        options = _parser().read(sys.argv[1:] if arguments is None else arguments)
        out: Path = options.out or options.database.with_suffix(".html")
        _write(out, render(f"Report on {options.database.name}", read_reports(options.database)))
    except (ConfigError, ReportError) as error:
        return fail(str(error))
    sys.stdout.write(f"wrote {out}\n")
    return 0


def _write(out: Path, page: str) -> None:
    partial = out.with_name(f".{out.name}.partial")
    try:
        partial.write_text(page, encoding="utf-8")
        partial.replace(out)
    except OSError as error:
        raise ReportError(f"{out}: cannot be written: {error.strerror or error}") from error


def _parser() -> CommandParser:
    parser = CommandParser(
        "python -m analytics.report",
        "Write an event database as one HTML page that needs no network.",
    )
    parser.add_argument(
        "database", type=Path, metavar="FILE.sqlite", help="written by --sink sqlite:FILE"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="page to write (default: FILE.html)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
