from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.edit.scene_file import ChangedError, SceneFile
from configs.document import read
from configs.errors import ConfigError

LINE: dict[str, object] = {"name": "door", "start": [0.1, 0.5], "end": [0.9, 0.5], "unit": "share"}
ZONE: dict[str, object] = {"name": "yard", "points": [[1, 2], [50, 2], [50, 40.5]]}
FILE = """\
# mine
base: lower.yaml
detector:
  score_threshold: 1e-2
style: {note: "1e5"}
scene:
  trace_s: 1.5
  lines:
  - {name: far, start: [3, 4], end: [30, 40], stream: other}
"""
BASE = "scene: {zones: [{name: below, points: [[1, 1], [9, 1], [9, 9]]}]}\n"


@pytest.fixture
def file(tmp_path: Path) -> SceneFile:
    (tmp_path / "lower.yaml").write_text(BASE)
    (tmp_path / "scene.yaml").write_text(FILE)
    return SceneFile(tmp_path / "scene.yaml", "clip")


def test_a_file_that_is_not_there_holds_nothing_and_is_made(tmp_path: Path) -> None:
    file = SceneFile(tmp_path / "new.yaml", "clip")
    opened = file.read()
    assert opened.drawn == {"lines": [], "zones": []}
    assert (opened.exists, opened.has_comments) == (False, False)
    file.write(opened.version, {"lines": [LINE], "zones": []})
    assert read(file.path) == {"scene": {"lines": [LINE]}}
    assert [path.name for path in tmp_path.iterdir()] == ["new.yaml"]


def test_an_empty_file_is_filled(tmp_path: Path) -> None:
    file = SceneFile(tmp_path / "empty.yaml", "clip")
    file.path.write_text("# nothing yet\n")
    file.write(file.read().version, {"lines": [], "zones": [ZONE]})
    assert read(file.path) == {"scene": {"zones": [ZONE]}}


def test_what_belongs_to_other_streams_and_other_settings_is_kept(file: SceneFile) -> None:
    opened = file.read()
    assert opened.drawn["lines"] == []
    assert [zone["name"] for zone in opened.drawn["zones"]] == ["below"]  # as a run would have it
    assert (opened.others, opened.has_comments) == (["other"], True)
    before = read(file.path)
    file.write(opened.version, {"lines": [LINE], "zones": [ZONE]})
    after = read(file.path)
    assert after["scene"] == {
        "trace_s": 1.5,
        "lines": [{"name": "far", "start": [3, 4], "end": [30, 40], "stream": "other"}, LINE],
        "zones": [ZONE],
    }
    assert {**after, "scene": None} == {**before, "scene": None}
    assert file.path.read_text().startswith("base: lower.yaml\n")
    assert (file.path.parent / "lower.yaml").read_text() == BASE


def test_what_the_base_has_can_be_taken_away(file: SceneFile) -> None:
    file.write(file.read().version, {"lines": [], "zones": []})
    assert file.read().drawn == {"lines": [], "zones": []}


def test_nothing_is_undone_that_another_program_wrote(file: SceneFile) -> None:
    version = file.read().version
    file.path.write_text(FILE + "limit: 3\n")
    with pytest.raises(ChangedError) as caught:
        file.write(version, {"lines": [LINE], "zones": []})
    assert read(file.path)["limit"] == 3
    file.write(caught.value.version, {"lines": [LINE], "zones": []})
    assert read(file.path)["limit"] == 3
    assert file.read().drawn["lines"] == [LINE]


@pytest.mark.parametrize(
    ("drawn", "path"),
    [
        pytest.param({"lines": [{**LINE, "name": " "}]}, "lines[0].name", id="no name"),
        pytest.param({"lines": [LINE, {**LINE, "end": [2, 0]}]}, "lines[1].end", id="outside"),
        pytest.param({"zones": [{**ZONE, "loiter": 3}]}, "zones[0].loiter", id="unknown key"),
        pytest.param({"zones": [{**ZONE, "points": []}]}, "zones[0].points", id="no corners"),
        pytest.param({"lines": [{**LINE, "hysteresis": float("nan")}]}, "lines[0]", id="nan"),
        pytest.param({"lines": [{**LINE, "stream": "other"}]}, "lines[0].stream", id="stranger"),
        pytest.param({"lines": [LINE, LINE]}, "scene.lines", id="same name"),
    ],
)
def test_what_is_no_line_or_zone_is_refused_and_the_file_stays(
    file: SceneFile, drawn: dict[str, list[dict[str, object]]], path: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        file.write(file.read().version, {"lines": [], "zones": [], **drawn})
    assert caught.value.path.startswith(path)
    assert file.path.read_text() == FILE


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("scene: 5", "expected keys and values"),
        ("scene:", "expected keys and values"),
        ("scene: {lines: [{name: a}]}", r"scene\.lines\[0\]\.start: missing"),
        ("scene: [", "not YAML"),
        ("- 1", "expected keys and values"),
        ("\udcff", "not UTF-8"),
    ],
)
def test_a_file_that_no_run_would_take_is_refused(tmp_path: Path, text: str, match: str) -> None:
    path = tmp_path / "scene.yaml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError, match=match):
        SceneFile(path, "clip").read()


def test_a_link_stays_a_link_and_the_file_keeps_its_permissions(file: SceneFile) -> None:
    file.path.chmod(0o640)
    link = file.path.with_name("link.yaml")
    link.symlink_to(file.path)
    linked = SceneFile(link, "clip")
    linked.write(linked.read().version, {"lines": [LINE], "zones": []})
    assert link.is_symlink()
    assert file.read().drawn["lines"] == [LINE]
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o640


WORDS = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=126)),
    st.text("ä漢😀\n\t: #'"),
    st.sampled_from(["1e5", ".5e3", "yes", "0o7", "1_000", "2020-01-01", "<<", "=", "null", "~"]),
)
NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
TREES = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40)
@given(kept=TREES)
def test_whatever_else_stands_in_the_file_reads_the_same_afterwards(
    tmp_path_factory: pytest.TempPathFactory, kept: object
) -> None:
    file = SceneFile(tmp_path_factory.mktemp("kept") / "scene.yaml", "clip")
    file.path.write_text(json.dumps({"kept": kept, "limit": 3}, ensure_ascii=False))  # is YAML
    before = read(file.path)
    file.write(file.read().version, {"lines": [LINE], "zones": [ZONE]})
    assert read(file.path) == {**before, "scene": {"lines": [LINE], "zones": [ZONE]}}
