"""Lists of sources in files."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer.errors import SourceOpenError
from streamer.sources.listing import is_listing, read_listing


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        pytest.param("a.txt", "webcam\n", [("webcam", None, 1)], id="one line"),
        pytest.param(
            "a.txt",
            "# doors\n\n  a.mp4  # front\r\nrtsp://h/1#t=2\n",
            [("a.mp4", None, 3), ("rtsp://h/1#t=2", None, 4)],
            id="comments and blank lines",
        ),
        pytest.param("a.TXT", "\ufeffä ö.mp4", [("ä ö.mp4", None, 1)], id="byte order mark"),
        pytest.param(
            "a.yaml",
            "- webcam:1\n- uri: rtsp://h/1\n  name: Door\n- {uri: a.mp4}\n",
            [("webcam:1", None, 1), ("rtsp://h/1", "Door", 2), ("a.mp4", None, 4)],
            id="strings and mappings",
        ),
        pytest.param("a.yml", "sources:\n- a\n- b\n", [("a", None, 2), ("b", None, 3)], id="key"),
        pytest.param("a.yaml", "- {uri: 1, name: 01}\n", [("1", "01", 1)], id="as it is written"),
    ],
)
def test_a_list_is_read_in_order(
    tmp_path: Path, name: str, text: str, expected: list[tuple[str, str | None, int]]
) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode())
    entries = read_listing(path)
    assert [(entry.spec, entry.name, entry.where) for entry in entries] == [
        (spec, called, f"{path}:{line}") for spec, called, line in expected
    ]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        pytest.param("a.txt", "", "an empty one", id="empty"),
        pytest.param("a.txt", "# nothing\n", "an empty one", id="only comments"),
        pytest.param("a.yaml", "", "an empty one", id="empty yaml"),
        pytest.param("a.yaml", "- a\n- [b]\n", "a.yaml:2: expected a source, or", id="nested"),
        pytest.param("a.yaml", "- a\n-\n", "a.yaml:2: expected a source, or", id="blank entry"),
        pytest.param("a.yaml", "- name: x\n", "a.yaml:1: .*got no uri", id="no uri"),
        pytest.param("a.yaml", "- uri: a\n  url: b\n", "a.yaml:2: .*got 'url'", id="unknown key"),
        pytest.param("a.yaml", "- uri: a\n  uri: b\n", "a.yaml:2: .*got 'uri'", id="twice"),
        pytest.param("a.yaml", "\njust words\n", "a.yaml:2: expected a list", id="no list"),
        pytest.param("a.yaml", "a: 1\n", "a.yaml:1: .*sources: alone", id="another key"),
        pytest.param("a.yaml", "- a\n- 'b\n", "a.yaml:3: not YAML", id="not yaml"),
        pytest.param("a.yaml", "- \x01\n", "not YAML", id="forbidden character"),
        pytest.param("a.txt", "a\nb.yaml\n", "a.txt:2: .*list within a list", id="list in list"),
        pytest.param("a.txt", b"\xff\xfea", "UTF-8", id="not text"),
    ],
)
def test_a_bad_list_is_refused_in_one_line_with_its_place(
    tmp_path: Path, name: str, text: str | bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SourceOpenError, match=message) as caught:
        read_listing(path)
    assert "\n" not in str(caught.value)


def test_a_missing_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceOpenError, match="No such file"):
        read_listing(tmp_path / "none.txt")


def test_errors_never_tell_a_password(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("- {'rtsp://me:hunter2@h/1': x}\n")
    with pytest.raises(SourceOpenError) as caught:
        read_listing(path)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [("", False), ("a.txt", True), ("b/a.YML", True), ("http://h/a.txt", False), ("a.mp4", False)],
)
def test_lists_are_known_by_their_suffix(spec: str, *, expected: bool) -> None:
    assert is_listing(spec) is expected
