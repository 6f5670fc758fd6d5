from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from sinks.file import FileSink
from sinks.jsonl import JsonlSink
from sinks.kind import NoConfig, SinkContext, SinkSpec
from sinks.mp4 import FileConfig
from sinks.null import NullSink
from sinks.table import SINKS, build_sinks, parse_sink
from streamer.contract import HoldsNothing
from streamer.errors import SinkError
from tests.sinks.results import results


class Counting(NullSink):
    """A sink from outside the tree."""

    def __init__(self, argument: str | None, context: SinkContext) -> None:
        self.argument = argument
        self.class_names = context.class_names


def called(argument: str | None, context: SinkContext) -> None:
    raise AssertionError("a configuration had a function called")


class NotASink:
    def __init__(self, argument: str | None, context: SinkContext) -> None:
        raise AssertionError("a configuration had another class made")


class Nameless(HoldsNothing):
    def __init__(self, argument: str | None, context: SinkContext) -> None:
        pass

    def write(self, result: object) -> None:
        pass


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("file", SinkSpec("file")),
        ("file:out.mp4", SinkSpec("file", "out.mp4")),
        ("file:", SinkSpec("file")),
        ("jsonl:a:b.jsonl", SinkSpec("jsonl", "a:b.jsonl")),
        ("null", SinkSpec("null")),
        ("pack.mod:Class", SinkSpec("pack.mod:Class")),
        ("pack.mod:Class:x/y.bin", SinkSpec("pack.mod:Class", "x/y.bin")),
    ],
)
def test_a_spec_is_a_name_and_perhaps_an_argument(text: str, expected: SinkSpec) -> None:
    assert parse_sink(text) == expected


@pytest.mark.parametrize(
    ("text", "hint"),
    [("fil", "did you mean 'file'"), ("json:x", "did you mean 'jsonl'"), ("", "package.module")],
)
def test_an_unknown_name_is_answered_with_the_known_ones(text: str, hint: str) -> None:
    with pytest.raises(SinkError, match=f"expected one of {', '.join(SINKS)}, got .*{hint}"):
        parse_sink(text)


def test_files_are_one_a_stream_and_lines_serve_all(tmp_path: Path) -> None:
    context = SinkContext(tmp_path, ("a", "b"), ("person",))
    files = build_sinks(parse_sink("file"), context)
    assert [built.stream_id for built in files] == ["a", "b"]
    assert [built.sink.name for built in files] == [
        f"file {tmp_path / 'a.mp4'}",
        f"file {tmp_path / 'b.mp4'}",
    ]
    lines = build_sinks(parse_sink("jsonl"), context)
    assert [(built.stream_id, built.sink.name) for built in lines] == [
        (None, f"jsonl {tmp_path / 'detections.jsonl'}")
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [("out.mp4", "out.mp4"), ("folder", "folder/a.mp4"), ("pic.png", "pic.png")],
)
def test_one_stream_goes_where_the_path_says(given: str, expected: str) -> None:
    (built,) = build_sinks(SinkSpec("file", given), SinkContext(Path("run"), ("a",), ()))
    assert built.sink.name == f"file {Path(expected)}"


def test_several_streams_do_not_fit_into_one_file() -> None:
    context = SinkContext(Path("run"), ("a", "b"), ())
    with pytest.raises(SinkError, match=r"expected a folder for 2 streams, got 'out\.mp4'"):
        build_sinks(SinkSpec("file", "out.mp4"), context)


def test_overwriting_reaches_every_sink(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("old")
    (tmp_path / "detections.jsonl").write_text("old")
    context = SinkContext(tmp_path, ("a",), (), overwrite=True)
    for name in ("file", "jsonl"):
        for built in build_sinks(parse_sink(name), context):
            with built.sink as sink:
                for result in results([0]):
                    sink.write(result)
    assert (tmp_path / "a.mp4").stat().st_size > 100


def test_a_config_reaches_its_sink(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("old")
    configs = {"file": FileConfig(overwrite=True)}
    context = SinkContext(tmp_path, ("a",), (), configs=configs)
    (built,) = build_sinks(parse_sink("file"), context)
    with built.sink as sink:
        assert isinstance(sink, FileSink)


def test_a_class_outside_the_tree_is_imported() -> None:
    context = SinkContext(Path("run"), ("a",), ("person",))
    (built,) = build_sinks(parse_sink(f"{__name__}:Counting:out.bin"), context)
    assert built.stream_id is None
    assert isinstance(built.sink, NullSink)
    assert built.sink.argument == "out.bin"  # type: ignore[attr-defined]  # of Counting


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("no.such_module:Sink", "cannot be imported"),
        ("sinks.null:Nothing", "cannot be imported"),
        ("sinks.table:SINKS", "expected a class"),
        (f"{__name__}:called", "expected a class, got <function"),
        (f"{__name__}:NotASink", "write, __enter__, __exit__ is missing"),
        (f"{__name__}:Nameless", "name is missing"),
    ],
)
def test_what_cannot_be_a_sink_is_one_line(text: str, problem: str) -> None:
    with pytest.raises(SinkError, match=problem):
        build_sinks(parse_sink(text), SinkContext(Path("run"), ("a",), ()))


def test_null_takes_no_path_and_swallows_everything() -> None:
    context = SinkContext(Path("run"), ("a",), ())
    with pytest.raises(SinkError, match="expected no path"):
        build_sinks(parse_sink("null:x"), context)
    (built,) = build_sinks(parse_sink("null"), context)
    with built.sink as sink:
        for result in results(range(3)):
            sink.write(result)


def test_every_config_in_the_table_is_made_of_defaults() -> None:
    for kind in SINKS.values():
        config = kind.config()
        assert is_dataclass(config)
        assert all(hasattr(config, part.name) for part in fields(config))


def test_a_jsonl_sink_is_what_its_line_says() -> None:
    (built,) = build_sinks(parse_sink("jsonl:x"), SinkContext(Path("run"), ("a",), ()))
    assert isinstance(built.sink, JsonlSink)
    assert SINKS["jsonl"].config is NoConfig
