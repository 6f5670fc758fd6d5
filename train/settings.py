"""Settings of a training: a file, changed by what is typed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypeVar

from configs.document import overridden, read
from configs.loader import load
from train.command import Parser

T = TypeVar("T")


def add_settings(parser: Parser, *, resumes_from: str) -> None:
    """The options that every training has.

    Args:
        parser: gets them.
        resumes_from: what `--resume` goes on from.
    """
    parser.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="YAML file of settings"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="one setting; repeatable"
    )
    parser.add_argument("--resume", action="store_true", help=f"continue from {resumes_from}")


def settings(kind: type[T], given: argparse.Namespace, **typed: object) -> T:
    """What was chosen: the file, `--set`, and on top of them `typed`, where it is not None.

    Raises:
        ConfigError: a setting is unknown, missing or of the wrong kind.
    """
    data = read(given.config)
    for assignment in given.set:
        data = overridden(data, assignment)
    data.update({key: value for key, value in typed.items() if value is not None})
    return load(kind, data)
