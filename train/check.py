"""`python -m train.check`: everything that is wrong with a data set, before training starts."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import get_args

from rich.table import Table
from rich.text import Text

from configs.document import read
from configs.errors import ConfigError
from configs.loader import load
from train.command import Parser, Screen, counting, run_command, run_module
from train.data.config import DataConfig, Layout
from train.data.examine import Examination, examine
from train.data.problem import Problem, Trouble
from train.data.synthetic import SyntheticDataConfig
from train.data.table import AnyDataConfig
from train.errors import DataError

EPILOG = """\
examples:
  python -m train.check --data configs/train_mine.yaml
  python -m train.check --data instances_train2017.json --images train2017
  python -m train.check --data my_yolo_set/data.yaml --split val
  python -m train.check --data VOC2012 --split trainval --labels-only
"""

CLEAN, FOUND = 0, 1
SECTIONS = ("train", "val", "data")  # of a training's configuration


def main(arguments: Sequence[str]) -> int:
    """Check and print; gives back the exit code."""
    return run_command(lambda screen, out: _check(arguments, screen, out), arguments)


def _check(arguments: Sequence[str], screen: Screen, out: Screen) -> int:
    options = _parser().read(arguments)
    codes = [_check_one(*part, options, screen, out) for part in _configs(options).items()]
    return max(codes)


def _check_one(
    name: str, config: AnyDataConfig, options: argparse.Namespace, screen: Screen, out: Screen
) -> int:
    if isinstance(config, SyntheticDataConfig):
        out.say(f"{name}: drawn, so nothing to check")
        return CLEAN
    try:
        with ExitStack() as stack:

            def counter(total: int) -> Callable[[], None]:
                return stack.enter_context(counting(screen, name, total))

            found = examine(config, has_pixels=not options.labels_only, counter=counter)
    except DataError as error:
        screen.say(f"error: {' '.join(str(error).split())}")
        return FOUND
    if found.problems:
        out.print(_problems(name, found.problems, options.limit))
        out.print(_summary(found.problems))
    out.say(_verdict(name, found))
    return FOUND if found.problems else CLEAN


def _verdict(name: str, found: Examination) -> str:
    wrong = len(found.problems)
    return (
        f"{name}: {found.pictures} pictures, {sum(found.boxes_per_class)} boxes that hold, "
        f"{len(found.class_names)} classes; "
        + (f"{wrong} problem{'s' if wrong > 1 else ''}" if wrong else "nothing wrong")
    )


def _problems(name: str, problems: Sequence[Problem], limit: int) -> Table:
    """All of them, or so many of each kind."""
    table = Table(title=Text(f"wrong in {name}"), title_justify="left")
    table.add_column("what", style="bold", no_wrap=True)
    table.add_column("where", overflow="fold")
    table.add_column("found", overflow="fold")
    for trouble in Trouble:
        of_kind = [problem for problem in problems if problem.trouble is trouble]
        for problem in of_kind[: limit or None]:
            table.add_row(trouble.value, Text(problem.where), Text(problem.text))
        if limit and len(of_kind) > limit:
            more = f"and {len(of_kind) - limit} more; --limit 0 shows all"
            table.add_row(trouble.value, "", more, style="dim")
    return table


def _summary(problems: Sequence[Problem]) -> Table:
    counts = Counter(problem.trouble for problem in problems)
    table = Table(title="how many", title_justify="left")
    table.add_column("what", style="bold")
    table.add_column("count", justify="right")
    for trouble in Trouble:
        if counts[trouble]:
            table.add_row(trouble.value, str(counts[trouble]))
    return table


def _configs(options: argparse.Namespace) -> Mapping[str, AnyDataConfig]:
    """The data sets that are meant, by a name for each.

    Raises:
        ConfigError: the path names none, or its settings are wrong.
    """
    path: Path = options.data
    if not path.exists():
        raise ConfigError("--data", f"no such file or folder: {str(path)!r}")
    if path.suffix.lower() not in {".yaml", ".yml"}:
        return {path.name: _typed(options, _layout(path))}
    data = read(path)
    if "names" in data and "type" not in data:
        return {f"{path.parent.name}/{path.name}": _typed(options, "yolo")}
    if "type" in data:
        return {path.name: _loaded(data, "")}
    parts = {key: data[key] for key in SECTIONS if isinstance(data.get(key), Mapping)}
    if not parts:
        raise ConfigError(
            "--data", f"expected `type`, `names` or `train` in {path.name}, got {', '.join(data)}"
        )
    return {key: _loaded(part, key) for key, part in parts.items()}


def _loaded(data: object, place: str) -> AnyDataConfig:
    # mypy has no word for the type of a union
    config: AnyDataConfig = load(AnyDataConfig, data, place)  # type: ignore[arg-type]
    return config


def _typed(options: argparse.Namespace, guess: Layout) -> DataConfig:
    """The data set as the options say; the layout as the path looks."""
    layout: Layout = options.type or guess
    path: Path = options.data
    is_folder = path.is_dir()
    annotations: Path | None = path / "data.yaml" if layout == "yolo" and is_folder else path
    images: Path | None = options.images
    if layout == "voc" and images is None:
        annotations, images = None, path
    try:
        return DataConfig(
            layout, annotations, images, options.split, options.classes, tuple(options.rename)
        )
    except ValueError as error:
        place, _, reason = str(error).partition(": ")
        raise ConfigError(f"--{place}" if place != "annotations" else "--data", reason) from error


def _layout(path: Path) -> Layout:
    """What a path looks like."""
    if path.is_file():
        return "coco"
    return "yolo" if (path / "data.yaml").exists() else "voc"


def _parser() -> Parser:
    parser = Parser(
        "train.check",
        "Report everything that is wrong with a data set before training starts.",
        epilog=EPILOG,
        exit_codes="exit codes: 0 nothing is wrong, 1 something is, 2 usage.",
    )
    add = parser.add_argument
    add(
        "--data",
        type=Path,
        required=True,
        metavar="PATH",
        help="training configuration, COCO JSON file, data.yaml or VOC folder",
    )
    add("--images", type=Path, metavar="DIR", help="folder of pictures (COCO)")
    add("--type", choices=get_args(Layout), help="layout (default: guessed from PATH)")
    add("--split", default="", metavar="NAME", help="train, val, ... (YOLO, VOC)")
    add("--classes", type=_names, default=(), metavar="A,B", help="keep only these classes")
    add(
        "--rename",
        action="append",
        default=[],
        metavar="OLD=NEW",
        help="rename a class; repeatable",
    )
    add("--labels-only", action="store_true", help="do not decode the pictures")
    add(
        "--limit",
        type=_count,
        default=20,
        metavar="N",
        help="show N of each kind, 0 for all (default: 20)",
    )
    return parser


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"expected 0 or more, got {text!r}")
    return value


if __name__ == "__main__":
    run_module(main)
