"""YAML files and assignments become plain data, or an error says where they do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from configs.document import merged, overridden, read
from configs.errors import ConfigError
from configs.scalar import Typed


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_an_empty_file_sets_nothing(tmp_path: Path) -> None:
    assert read(write(tmp_path, "a.yaml", "# nothing\n")) == {}


def test_a_file_stands_over_its_base_group_by_group(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    write(tmp_path, "low.yaml", "a: {x: 1, y: 2}\nb: [1, 2]\nc: 3\n")
    path = write(tmp_path / "sub", "top.yaml", "base: ../low.yaml\na: {y: 5}\nb: [9]\n")
    assert read(path) == {"a": {"x": 1, "y": 5}, "b": [9], "c": 3}


def test_a_base_of_a_base_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "0.yaml", "a: 1")
    write(tmp_path, "1.yaml", "base: 0.yaml")
    with pytest.raises(ConfigError, match=r"^base: '1\.yaml' has a base of its own; one level"):
        read(write(tmp_path, "2.yaml", "base: 1.yaml"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("a: [1", "not YAML: line 1, column 6: ", id="broken"),
        pytest.param("a: 1\nb: 2\na: 3\n", "line 3, column 1: duplicate key 'a'", id="twice"),
        pytest.param("- 1\n", "expected keys and values, got list", id="a list"),
        pytest.param("a: !!python/object:os.system {}", "not YAML: line 1", id="a foreign tag"),
        pytest.param("base: 5", "expected the path of a YAML file, got 5", id="base no path"),
        pytest.param("base: gone.yaml", "cannot read it: No such file", id="base missing"),
        pytest.param("a: \x00", "not YAML: ", id="binary"),
        pytest.param("a: " + "[" * 9000 + "]" * 9000, "nested too deeply", id="deep"),
    ],
)
def test_a_bad_file_is_one_line_that_says_where(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, "bad.yaml", text)
    with pytest.raises(ConfigError) as caught:
        read(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8 text"):
        read(path)


def test_an_exponent_without_a_point_is_a_number(tmp_path: Path) -> None:
    assert read(write(tmp_path, "a.yaml", "a: 1e-3\nb: -2E5\n")) == {"a": 1e-3, "b": -2e5}


def test_a_number_is_what_people_read(tmp_path: Path) -> None:
    """YAML 1.1 took 010 for eight and 1:30 for ninety."""
    text = "a: 010\nb: 1:30\nc: 1:30.5\nd: 0x10\ne: -7\nf: 0\ng: 0.5\nh: 007\n"
    read_as = {
        "a": "010",
        "b": "1:30",
        "c": "1:30.5",
        "d": 16,
        "e": -7,
        "f": 0,
        "g": 0.5,
        "h": "007",
    }
    assert read(write(tmp_path, "a.yaml", text)) == read_as


def test_yaml_merge_keys_are_no_repetition(tmp_path: Path) -> None:
    text = "a: &a {x: 1}\nb: {<<: *a, y: 2}\n"
    assert read(write(tmp_path, "a.yaml", text))["b"] == {"x": 1, "y": 2}


def test_merging_leaves_both_sides_as_they_were() -> None:
    lower: dict[str, object] = {"a": {"x": 1}}
    upper: dict[str, object] = {"a": {"y": 2}}
    assert merged(lower, upper) == {"a": {"x": 1, "y": 2}}
    assert (lower, upper) == ({"a": {"x": 1}}, {"a": {"y": 2}})


@pytest.mark.parametrize(
    ("assignment", "data"),
    [
        pytest.param("a=1", {"a": Typed("1", 1), "b": {"c": [{"d": 1}, 2]}}, id="top"),
        pytest.param("b.c=x", {"b": {"c": "x"}}, id="below"),
        pytest.param("b.c[1]=x", {"b": {"c": [{"d": 1}, "x"]}}, id="in a list"),
        pytest.param("b.c[0].d=x", {"b": {"c": [{"d": "x"}, 2]}}, id="below a list"),
        pytest.param("b.c=[x, {y: 1}]", {"b": {"c": ["x", {"y": 1}]}}, id="a whole list"),
        pytest.param("b=", {"b": Typed("", None)}, id="nothing"),
        pytest.param("n.m=a=b", {"b": {"c": [{"d": 1}, 2]}, "n": {"m": "a=b"}}, id="new group"),
        pytest.param("b.c='5'", {"b": {"c": "5"}}, id="quoted"),
    ],
)
def test_an_assignment_changes_one_place(assignment: str, data: object) -> None:
    assert overridden({"b": {"c": [{"d": 1}, 2]}}, assignment) == data


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        pytest.param("limit", "--set: expected key=value such as limit=100", id="no ="),
        pytest.param("=5", "--set: expected key=value", id="no key"),
        pytest.param("a..b=5", "--set: expected key=value", id="two dots"),
        pytest.param("[0]=5", "--set: expected key=value", id="index first"),
        pytest.param("b.c[2]=5", "b.c[2]: there are 2 entries to choose from", id="past the end"),
        pytest.param("b[0]=5", "b[0]: there are 0 entries", id="no list"),
        pytest.param("b.c.d=5", "b.c: has no keys below it", id="below a list"),
        pytest.param("b={", "b: not YAML", id="broken value"),
    ],
)
def test_an_assignment_without_a_place_is_refused(assignment: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        overridden({"b": {"c": [1, 2]}}, assignment)
    assert str(caught.value).startswith(message)
