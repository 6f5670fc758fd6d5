"""The command line as plain data at the places the configuration has for it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar, cast

from configs.document import merged, overridden, read, typed
from configs.errors import ConfigError
from configs.loader import dump, load, suggestion

T = TypeVar("T")

EPILOG = """\
examples:
  python run.py --source webcam
  python run.py --source clip.mp4 --weights centernet_hardnet85_coco.pth
  python run.py --source rtsp://door/1 --source rtsp://yard/1 --sink jsonl:boxes.jsonl
  python run.py --source a.mp4 --source b.mp4 --detector yolox --weights yolox_nano.onnx
  python run.py --source "photos/*.jpg" --sink file --sink jsonl:boxes.jsonl --classes person,car
  python run.py --config scene.yaml --set detector.score_threshold=0.5 --print-config

Arguments stand over the file of --config, --set over both. Relative paths mean the working
directory, wherever they are written; only `base:` in a file is relative to that file.

exit codes: 0 done, 1 unexpected, 2 usage or configuration, 3 no source could be opened,
4 finished but a stream failed on the way, 5 model or weights, 130 Ctrl-C, 143 SIGTERM.
"""


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What was typed.

    Attributes:
        config: the YAML file, or None.
        data: the arguments, at their places in the configuration.
        assignments: the `--set` ones, in order.
        spelling: the option that was typed for each place, for messages.
        is_verbose: show tracebacks and logs.
        is_printing: show the configuration instead of running.
        is_listing_cameras: show the cameras instead of running.
    """

    config: Path | None
    data: Mapping[str, object]
    assignments: tuple[str, ...]
    spelling: Mapping[str, str]
    is_verbose: bool
    is_printing: bool
    is_listing_cameras: bool

    def build(self, kind: type[T], defaults: T) -> T:
        """The configuration: defaults, then the file, then the arguments, then `--set`.

        Args:
            kind: a dataclass.
            defaults: one of it, so that `--set` finds every place.

        Raises:
            ConfigError: something in it is unknown, missing or impossible.
        """
        below = cast("dict[str, object]", dump(defaults))  # what a dataclass is dumped as
        data = merged(merged(below, read(self.config) if self.config else {}), self.data)
        for assignment in self.assignments:
            data = overridden(data, assignment)
        try:
            return load(kind, data)
        except ConfigError as error:
            if error.path in self.spelling:
                raise ConfigError(self.spelling[error.path], error.reason) from None
            raise


@dataclass(frozen=True, slots=True)
class _Option:
    """An option that sets one place of the configuration.

    Attributes:
        place: such as `detector.device`.
        read: the typed text as plain data.
        metavar: what stands for the value in the help; None for a switch.
        text: of the help.
        is_repeatable: every use adds one entry to a list.
    """

    place: str
    read: Callable[[str], object]
    metavar: str | None
    text: str
    is_repeatable: bool = False


def _names(text: str) -> object:
    """`a, b` as a list."""
    return [name.strip() for name in text.split(",") if name.strip()]


_OPTIONS: Mapping[str, _Option] = {
    "--source": _Option(
        "sources",
        str,
        "S",
        "file, folder, glob, image, webcam[:WHICH], rtsp://..., screen, - or synthetic; repeatable",
        is_repeatable=True,
    ),
    "--mode": _Option("input.mode", str, "MODE", "auto, every-frame or latest"),
    "--max-staleness": _Option(
        "input.max_staleness_s", typed, "S", "oldest live frame worth looking at, seconds"
    ),
    "--rtsp-transport": _Option("input.network.rtsp_transport", str, "T", "tcp or udp"),
    "--decode": _Option("input.decode", str, "D", "recordings: auto, cpu or nvdec"),
    "--loop": _Option("input.loop", bool, None, "begin a recording again when it ends"),
    "--realtime": _Option("input.realtime", bool, None, "play a recording like a camera"),
    "--weights": _Option("detector.weights", str, "W", "path, URL, known name or untrained"),
    "--detector": _Option(
        "detector.name",
        str,
        "NAME",
        "auto, starter, hardnet85, hardnet68, fchardnet70, yolox, none or package.module:Class",
    ),
    "--imgsz": _Option("detector.imgsz", str, "SIZE", "network input: 512, WxH or native"),
    "--conf": _Option("detector.score_threshold", typed, "P", "lowest score to keep (0.3)"),
    "--classes": _Option("detector.classes", _names, "A,B", "names to keep; all without it"),
    "--device": _Option("detector.device", str, "DEV", "auto, cpu, cuda or cuda:N"),
    "--precision": _Option("detector.precision", str, "P", "auto, fp32, fp16 or bf16"),
    "--runtime": _Option(
        "detector.runtime", str, "R", "auto, torch, compile, onnx, openvino or tensorrt"
    ),
    "--quantised": _Option(
        "detector.quantised", str, "FILE", "the same network in int8, by detector.quantise"
    ),
    "--detect-every": _Option(
        "detector.detect_every", typed, "K", "look at every K-th frame; carry boxes over between"
    ),
    "--flip-test": _Option("detector.flip_test", bool, None, "average with the mirrored picture"),
    "--batch": _Option("detector.batch", typed, "N", "most frames a forward pass takes, or auto"),
    "--tracker": _Option("tracking.name", str, "NAME", "auto, none, sort, bytetrack or ocsort"),
    "--explain": _Option("style.explain", bool, None, "show which step made each count, and when"),
    "--blur": _Option("blur.classes", _names, "A,B", "classes to make unrecognisable"),
    "--sink": _Option(
        "sinks",
        str,
        "NAME[:PATH]",
        "file, jsonl, display, web:PORT, ...; repeatable (file)",
        is_repeatable=True,
    ),
    "--output": _Option("output", str, "DIR", "folder to write to (runs/detect/<name>)"),
    "--limit": _Option("limit", typed, "N", "frames a stream"),
    "--overwrite": _Option("overwrite", bool, None, "replace what is already there"),
}


def parse(arguments: Sequence[str], *, version: str) -> CommandLine:
    """What was typed, not yet checked against the configuration.

    Raises:
        ConfigError: an option is unknown or lacks its value.
        SystemExit: with code 0, after `--help` or `--version`.
    """
    given, unknown = _parser(version).parse_known_args(list(arguments))
    if unknown:
        word = unknown[0].partition("=")[0]
        raise ConfigError(unknown[0], f"unknown argument{_near(word) or '; see --help'}")
    data: dict[str, object] = {}
    spelling = {}
    for name, option in _OPTIONS.items():
        value = getattr(given, option.place)
        if value is not None:
            data = merged(data, _nested(option.place, _understood(name, option, value)))
            spelling[option.place] = name
    return CommandLine(
        config=given.config,
        data=data,
        assignments=tuple(given.set),
        spelling=spelling,
        is_verbose=given.verbose,
        is_printing=given.print_config,
        is_listing_cameras=given.list_cameras,
    )


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line instead of the whole usage."""

    def error(self, message: str) -> NoReturn:
        option, colon, reason = message.removeprefix("argument ").partition(": ")
        raise ConfigError(option if colon else "", f"{reason if colon else message}; see --help")


def _parser(version: str) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="run.py",
        description="Find objects on recordings, pictures and cameras, and write them annotated.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for name, option in _OPTIONS.items():
        _add(parser, name, option)
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings as YAML")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="one setting; repeatable"
    )
    parser.add_argument("--print-config", action="store_true", help="show the settings and stop")
    parser.add_argument("--list-cameras", action="store_true", help="show the cameras and stop")
    parser.add_argument("--verbose", action="store_true", help="show logs and tracebacks")
    parser.add_argument("--quiet", action="store_true", help="show errors alone")
    parser.add_argument(
        "--json-log", action="store_true", help="standard error is a JSON object a line"
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version}")
    return parser


def _add(parser: argparse.ArgumentParser, name: str, option: _Option) -> None:
    if option.metavar is None:
        parser.add_argument(
            name, dest=option.place, action=argparse.BooleanOptionalAction, help=option.text
        )
        return
    parser.add_argument(
        name,
        dest=option.place,
        metavar=option.metavar,
        help=option.text,
        action="append" if option.is_repeatable else "store",
    )


def _understood(name: str, option: _Option, value: object) -> object:
    if not isinstance(value, str):  # a switch, or the list of a repeatable option
        return value
    try:
        return option.read(value)
    except ValueError as error:
        raise ConfigError(name, str(error)) from error


def _nested(place: str, value: object) -> dict[str, object]:
    """`a.b` and 1 as {a: {b: 1}}."""
    for key in reversed(place.split(".")):
        value = {key: value}
    assert isinstance(value, dict)
    return value


def _near(word: str) -> str:
    known = [
        *_OPTIONS,
        "--config",
        "--set",
        "--print-config",
        "--list-cameras",
        "--verbose",
        "--quiet",
        "--json-log",
        "--version",
        "--help",
    ]
    near = suggestion(word, known) if word.startswith("-") else ""
    return near if "did you mean" in near else ""
