"""Plain data becomes dataclasses exactly as their hints say, or an error says where it does not."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.errors import ConfigError
from configs.loader import dump, load
from configs.scalar import Typed
from configs.strict_yaml import parse, to_yaml


@dataclass(frozen=True, slots=True)
class Port:
    number: int = 80
    protocol: Literal["tcp", "udp"] = "tcp"

    def __post_init__(self) -> None:
        if not 1 <= self.number <= 65535:
            raise ValueError(f"number: expected 1..65535, got {self.number!r}")
        if self.protocol == "udp" and self.number == 80:
            raise ValueError("nobody speaks udp on port 80")


@dataclass(frozen=True, slots=True)
class FileSink:
    path: Path
    type: Literal["file"] = "file"


@dataclass(frozen=True, slots=True)
class NetworkSink:
    port: Port = field(default_factory=Port)
    type: Literal["network"] = "network"


@dataclass(frozen=True, slots=True)
class House:
    name: str
    port: Port = field(default_factory=Port)
    sinks: tuple[str | FileSink | NetworkSink, ...] = ()
    size: tuple[int, int] = (640, 480)
    rate: Fraction | None = None
    threshold: float = 0.5
    is_lit: bool = False
    folder: Path = Path()
    level: Literal["low", "high", 3] = "low"


PORTS = st.builds(Port, st.integers(1, 79), st.sampled_from(["tcp", "udp"]))
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)
PATHS = TEXTS.map(Path)
HOUSES = st.builds(
    House,
    name=TEXTS,
    port=PORTS,
    sinks=st.lists(
        TEXTS | st.builds(FileSink, PATHS) | st.builds(NetworkSink, PORTS), max_size=3
    ).map(tuple),
    size=st.tuples(st.integers(), st.integers()),
    rate=st.none() | st.fractions(),
    threshold=st.floats(allow_nan=False, allow_infinity=False),
    is_lit=st.booleans(),
    folder=PATHS,
    level=st.sampled_from(["low", "high", 3]),
)


@given(HOUSES)
def test_what_is_dumped_loads_as_the_same(house: House) -> None:
    assert load(House, dump(house)) == house


@given(HOUSES)
def test_yaml_between_dump_and_load_changes_nothing(house: House) -> None:
    assert load(House, parse(to_yaml(dump(house)))) == house


@pytest.mark.parametrize(
    "word", ["1e5", ".5e3", "yes", "0o7", "010", "1:30", "1_000", "2020-01-01", "<<", "=", "~"]
)
def test_a_word_that_looks_like_another_value_comes_back_as_a_word(word: str) -> None:
    """1e5 was written without quotes, so that a stored configuration did not load."""
    assert parse(to_yaml({"name": word})) == {"name": word}


@pytest.mark.parametrize("text", ["a\0b", "a\ud83d"], ids=["zero byte", "half a character"])
def test_what_no_file_can_be_called_is_no_text(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^name: expected text, got"):
        load(House, {"name": text})


def test_an_error_about_a_million_aliases_is_short() -> None:
    data: object = ["a"]
    for _ in range(40):
        data = [data] * 9
    for wrong in ({"name": data}, {"level": data}, {"sinks": [{"type": data}]}):
        with pytest.raises(ConfigError) as caught:
            load(House, {"name": "a", **wrong})
        assert len(str(caught.value)) < 300


def test_what_is_left_out_takes_its_default() -> None:
    assert load(House, {"name": "a"}) == House("a")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(None, "expected keys and values, got None", id="nothing"),
        pytest.param({}, "name: missing: expected a string", id="missing key"),
        pytest.param(
            {"name": "a", "treshold": 1},
            "treshold: unknown key; did you mean 'threshold'?",
            id="misspelt key",
        ),
        pytest.param(
            {"name": "a", "port": {"zzz": 1}},
            "port.zzz: unknown key; known: number, protocol",
            id="unknown key below",
        ),
        pytest.param(
            {"name": 5}, "name: expected a string, got 5; put it in quotes", id="int for string"
        ),
        pytest.param(
            {"name": "a", "port": {"number": "http"}},
            "port.number: expected an int, got 'http'",
            id="string for int",
        ),
        pytest.param(
            {"name": "a", "port": {"number": True}},
            "port.number: expected an int, got True",
            id="bool is no int",
        ),
        pytest.param(
            {"name": "a", "port": {"number": 1.0}},
            "port.number: expected an int, got 1.0",
            id="float is no int",
        ),
        pytest.param(
            {"name": "a", "threshold": "0.5"},
            "threshold: expected a number, got '0.5'",
            id="string for float",
        ),
        pytest.param(
            {"name": "a", "is_lit": 1},
            "is_lit: expected true or false, got 1",
            id="int for bool",
        ),
        pytest.param(
            {"name": "a", "rate": "1/0"},
            "rate: expected a fraction such as 30000/1001, got '1/0'",
            id="no fraction",
        ),
        pytest.param(
            {"name": "a", "level": "hihg"},
            "level: expected one of low, high, 3, got 'hihg'; did you mean 'high'?",
            id="no such choice",
        ),
        pytest.param(
            {"name": "a", "port": {"number": 70000}},
            "port.number: expected 1..65535, got 70000",
            id="out of range",
        ),
        pytest.param(
            {"name": "a", "port": {"protocol": "udp"}},
            "port: nobody speaks udp on port 80",
            id="refused as a whole",
        ),
        pytest.param(
            {"name": "a", "sinks": "file"},
            "sinks: expected a list, got 'file'",
            id="string for list",
        ),
        pytest.param(
            {"name": "a", "size": [1]}, "size: expected 2 values, got 1", id="list too short"
        ),
        pytest.param(
            {"name": "a", "sinks": ["x", {"type": "network", "port": {"number": "http"}}]},
            "sinks[1].port.number: expected an int, got 'http'",
            id="deep in a list",
        ),
        pytest.param(
            {"name": "a", "sinks": [{"type": "netwrk"}]},
            "sinks[0].type: unknown 'netwrk'; did you mean 'network'?",
            id="unknown kind",
        ),
        pytest.param(
            {"name": "a", "sinks": [{"path": "x"}]},
            "sinks[0].type: missing; known: file, network",
            id="kind not said",
        ),
        pytest.param(
            {"name": "a", "sinks": [7.5]},
            "sinks[0]: expected a string or keys and values, got 7.5",
            id="no member fits",
        ),
    ],
)
def test_an_error_names_the_place_and_both_sides(data: object, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(House, data)
    assert str(caught.value) == message


def test_a_path_given_by_the_caller_leads_every_message() -> None:
    with pytest.raises(ConfigError, match=r"^sinks\[1\]\.number: expected an int, got None$"):
        load(Port, {"number": None}, "sinks[1]")


@pytest.mark.parametrize(
    ("value", "fraction"),
    [
        pytest.param(25, Fraction(25), id="int"),
        pytest.param(29.97, Fraction(2997, 100), id="a decimal means its digits"),
        pytest.param("30000/1001", Fraction(30000, 1001), id="ratio"),
    ],
)
def test_a_rate_is_exact(value: object, fraction: Fraction) -> None:
    assert load(House, {"name": "a", "rate": value}).rate == fraction


def test_a_whole_number_serves_as_a_float() -> None:
    threshold = load(House, {"name": "a", "threshold": 1}).threshold
    assert threshold == 1.0
    assert type(threshold) is float


def test_a_typed_number_is_text_where_text_is_wanted() -> None:
    house = load(House, {"name": Typed("512", 512), "port": {"number": Typed("512", 512)}})
    assert house.name == "512"
    assert house.port.number == 512


def test_values_that_cannot_be_loaded_are_not_dumped() -> None:
    with pytest.raises(TypeError, match=r"got \{1\}"):
        dump({1})
