"""An event database as one page that opens without a network."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from analytics.report.page import render
from analytics.report.store import ReportError, read_reports

FAILED = 2


def main(arguments: list[str] | None = None) -> int:
    """Read and write; 0, or 2 after one line on standard error."""
    options = _parse(arguments)
    out: Path = options.out or options.database.with_suffix(".html")
    try:
        page = render(f"Report on {options.database.name}", read_reports(options.database))
        partial = out.with_name(f".{out.name}.partial")
        partial.write_text(page, encoding="utf-8")
        Path(partial).replace(out)
    except ReportError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{out}: cannot be written: {error.strerror or error}")
    sys.stdout.write(f"wrote {out}\n")
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m analytics.report",
        description="Write an event database as one HTML page that needs no network.",
    )
    parser.add_argument(
        "database", type=Path, metavar="FILE.sqlite", help="written by --sink sqlite:FILE"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="page to write (default: FILE.html)"
    )
    return parser.parse_args(arguments)


def _fail(message: str) -> int:
    sys.stderr.write(f"error: {message}\n")
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
