"""The command line as plain data at the places the configuration has for it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from configs.document import merged, overridden, read, typed
from configs.errors import ConfigError
from configs.loader import dump, load
from configs.parser import CommandParser

T = TypeVar("T")

EPILOG = """\
examples:
  python run.py --source webcam
  python run.py --source clip.mp4 --weights centernet_hardnet85_coco
  python run.py --source rtsp://door --source rtsp://yard --sink jsonl:b.jsonl
  python run.py --source clip.mp4 --detector yolox --weights yolox_nano.onnx
  python run.py --source "photos/*.jpg" --conf 0.4 --classes person,car
  python run.py --config scene.yaml --set detector.score_threshold=0.5

Options on the command line override the file of --config; --set overrides both.
Relative paths are relative to the working directory, in files too; only `base:`
is relative to the file that it stands in.

exit codes: 0 done, 1 unexpected error, 2 usage or configuration, 3 no source
could be opened, 4 done but a stream failed on the way, 5 model or weights,
129 closed terminal, 130 Ctrl-C, 143 SIGTERM.
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


_GROUPS: Mapping[str, Mapping[str, _Option]] = {
    "sources": {
        "--source": _Option(
            "sources",
            str,
            "S",
            "file, folder, glob, webcam[:WHICH], address (rtsp://...), screen, synthetic, or - for "
            "standard input; repeatable",
            is_repeatable=True,
        ),
        "--mode": _Option(
            "input.mode",
            str,
            "MODE",
            "every-frame, latest, or auto: latest for live streams (default: auto)",
        ),
        "--max-staleness": _Option(
            "input.max_staleness_s", typed, "S", "drop live frames older than S seconds"
        ),
        "--rtsp-transport": _Option(
            "input.network.rtsp_transport", str, "T", "tcp or udp (default: tcp)"
        ),
        "--decode": _Option(
            "input.decode", str, "D", "decode recordings on auto, cpu or nvdec (default: auto)"
        ),
        "--loop": _Option("input.loop", bool, None, "start a recording again when it ends"),
        "--realtime": _Option("input.realtime", bool, None, "play recordings at their own speed"),
        "--limit": _Option("limit", typed, "N", "stop each stream after N frames"),
    },
    "detector": {
        "--weights": _Option(
            "detector.weights",
            str,
            "W",
            "path, URL, known name or untrained (default: those that come with the detector)",
        ),
        "--detector": _Option(
            "detector.name",
            str,
            "NAME",
            "starter, hardnet85, hardnet68, fchardnet70, yolox, none, package.module:Class, or "
            "auto: what the weights are for (default: auto)",
        ),
        "--imgsz": _Option(
            "detector.imgsz",
            str,
            "SIZE",
            "network input in pixels: 512, WIDTHxHEIGHT or native (default: the detector's)",
        ),
        "--conf": _Option(
            "detector.score_threshold", typed, "P", "lowest score to keep, 0..1 (default: 0.3)"
        ),
        "--classes": _Option(
            "detector.classes", _names, "A,B", "class names to keep (default: all)"
        ),
        "--device": _Option(
            "detector.device", str, "DEV", "auto, cpu, cuda or cuda:N (default: auto)"
        ),
        "--precision": _Option(
            "detector.precision",
            str,
            "P",
            "fp32, fp16, bf16, or auto: fp16 on CUDA, else fp32 (default: auto)",
        ),
        "--runtime": _Option(
            "detector.runtime",
            str,
            "R",
            "torch, compile, onnx, openvino, tensorrt, or auto: torch on CUDA, else the fastest "
            "one installed (default: auto)",
        ),
        "--quantised": _Option(
            "detector.quantised", str, "FILE", "int8 network written by detector.quantise"
        ),
        "--batch": _Option(
            "detector.batch",
            typed,
            "N",
            "frames per forward pass at most, or auto: measured at the start",
        ),
        "--detect-every": _Option(
            "detector.detect_every",
            typed,
            "K",
            "detect on every K-th frame, carry boxes over in between (default: 1)",
        ),
        "--flip-test": _Option(
            "detector.flip_test", bool, None, "average with the mirrored picture"
        ),
    },
    "tracking and counting": {
        "--tracker": _Option(
            "tracking.name",
            str,
            "NAME",
            "none, sort, bytetrack, ocsort, or auto: bytetrack where something is counted "
            "(default: auto)",
        ),
        "--explain": _Option("style.explain", bool, None, "draw which step made each count"),
        "--blur": _Option("blur.classes", _names, "A,B", "make these classes unrecognisable"),
    },
    "output": {
        "--sink": _Option(
            "sinks",
            str,
            "NAME[:PATH]",
            "file, jsonl, display, web:PORT, ... see README.md; repeatable (default: file)",
            is_repeatable=True,
        ),
        "--output": _Option(
            "output", str, "DIR", "folder to write to (default: runs/detect/<name>)"
        ),
        "--overwrite": _Option("overwrite", bool, None, "replace existing files"),
        "--append": _Option(
            "append", bool, None, "add to existing files of jsonl, events, csv and sqlite"
        ),
    },
}
_OPTIONS = {name: option for group in _GROUPS.values() for name, option in group.items()}


def parse(arguments: Sequence[str], *, version: str) -> CommandLine:
    """What was typed, not yet checked against the configuration.

    Raises:
        ConfigError: an option is unknown or lacks its value.
        SystemExit: with code 0, after `--help` or `--version`.
    """
    given = _parser(version).read(arguments)
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


def _parser(version: str) -> CommandParser:
    parser = CommandParser(
        "run.py",
        "Find objects in recordings, pictures and live streams; write them annotated.",
        epilog=EPILOG,
    )
    parser.usage = "run.py --source S [options]"
    parser.add_argument("--version", action="version", version=f"%(prog)s {version}")
    for title, options in _GROUPS.items():
        group = parser.add_argument_group(title)
        for name, option in options.items():
            _add(group, name, option)
    settings = parser.add_argument_group("settings")
    settings.add_argument("--config", type=Path, metavar="FILE", help="YAML file of settings")
    settings.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="one setting, such as detector.top_k=50; repeatable",
    )
    settings.add_argument("--print-config", action="store_true", help="print the settings and exit")
    settings.add_argument("--list-cameras", action="store_true", help="list the cameras and exit")
    messages = parser.add_argument_group("messages")
    messages.add_argument("--quiet", action="store_true", help="print errors only")
    messages.add_argument("--verbose", action="store_true", help="print logs and tracebacks")
    messages.add_argument(
        "--json-log", action="store_true", help="print messages as JSON objects, one a line"
    )
    return parser


def _add(parser: argparse._ArgumentGroup, name: str, option: _Option) -> None:
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
    given = value if isinstance(value, list) else [value]
    if any(isinstance(text, str) and not text.strip() for text in given):
        raise ConfigError(name, "expected a value, got nothing; is a variable not set?")
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
