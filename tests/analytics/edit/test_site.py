from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from configs.document import read
from tests.analytics.edit.serving import TICKET, TOKEN, Editor, editing, write_clip

LINE = {"name": "door", "start": [0.1, 0.5], "end": [0.9, 0.5], "unit": "share"}
PATHS = ("/", "/page.js", "/style.css", "/api/scene", "/api/frame", "/nothing", "/../site.py")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture
def editor(clip: Path, tmp_path: Path) -> Iterator[Editor]:
    with editing(str(clip), tmp_path / "scene.yaml") as editor:
        yield editor


def test_without_the_token_nothing_is_served_and_no_path_can_be_told(editor: Editor) -> None:
    for path in PATHS:
        for headers in ({}, {"Authorization": f"Bearer {TOKEN}x"}, {"Cookie": f"token={TOKEN}"}):
            answer = httpx.get(editor.base + path, headers=headers)
            assert answer.status_code == 401
            assert answer.text.startswith("token missing or wrong")
    refused = httpx.put(f"{editor.base}/api/scene", json={"version": "absent"})
    assert refused.status_code == 401
    assert not editor.file.exists()


def test_the_first_visit_leaves_a_cookie_that_opens_the_rest_and_is_not_the_token(
    editor: Editor,
) -> None:
    with httpx.Client(base_url=editor.base) as browser:
        first = browser.get(editor.url)
        assert "HttpOnly" in first.headers["set-cookie"]
        assert "SameSite=Strict" in first.headers["set-cookie"]
        assert TOKEN not in first.headers["set-cookie"]
        assert first.headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in first.headers["content-security-policy"]
        assert browser.get("/api/scene").status_code == 200


def test_what_a_browser_is_started_with_opens_once(editor: Editor) -> None:
    url = f"{editor.base}/?token={TICKET}"
    assert httpx.get(url).status_code == 200
    assert httpx.get(url).status_code == 401
    assert httpx.get(editor.url).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::1].evil"])
def test_a_foreign_name_that_points_here_is_not_served(editor: Editor, host: str) -> None:
    """DNS rebinding: the browser sends the name of the page that attacks."""
    with editor.client() as http:
        assert http.get("/api/scene", headers={"Host": host}).status_code == 421


def test_a_page_of_another_origin_cannot_save(editor: Editor) -> None:
    body = {"version": "absent", "lines": [LINE], "zones": []}
    with editor.client() as http:
        for origin in ("http://127.0.0.1:1", "https://evil.example", "null"):
            answer = http.put("/api/scene", json=body, headers={"Origin": origin})
            assert answer.status_code == 403
        assert not editor.file.exists()
        assert http.put("/api/scene", json=body, headers={"Origin": editor.base}).is_success
    assert editor.file.exists()


@pytest.mark.parametrize("path", ["/nothing", "/static/page.js", "/%2e%2e/site.py", "/page.js/"])
def test_only_the_named_files_are_served(editor: Editor, path: str) -> None:
    with editor.client() as http:
        assert http.get(path).status_code == 404


def test_every_file_that_the_page_names_is_served(editor: Editor) -> None:
    with editor.client() as http:
        names = {"/page.js", "/style.css", "/icon.svg"}
        seen: set[str] = set()
        while names - seen:
            name = (names - seen).pop()
            seen.add(name)
            answer = http.get(name)
            assert answer.status_code == 200, name
            names |= {piece.split('"')[0] for piece in answer.text.split('from "')[1:]}
    assert len(seen) == 8  # the page, three more files of its own, and modules


def test_the_page_learns_what_is_drawn_and_on_what(editor: Editor) -> None:
    editor.file.write_text("scene: {lines: [{name: a, start: [3, 4], end: [30, 40]}]}  # mine\n")
    with editor.client() as http:
        scene = http.get("/api/scene").json()
    assert scene["size"] == [320, 180]
    assert scene["duration_s"] == pytest.approx(2.9)
    assert scene["lines"] == [{"name": "a", "start": [3, 4], "end": [30, 40]}]
    assert scene["zones"] == []
    assert scene["has_comments"]
    assert scene["command"].endswith(f"clip.mp4 --config {editor.file}")


def test_pictures_come_at_the_times_asked_for(editor: Editor) -> None:
    with editor.client() as http:
        first, later = (http.get("/api/frame", params={"at": at}) for at in (0, 2.5))
        assert first.headers["content-type"] == "image/jpeg"
        assert first.content.startswith(b"\xff\xd8\xff")
        assert first.content != later.content
        for wrong in ("-1", "nan", "inf", "x"):
            answer = http.get("/api/frame", params={"at": wrong})
            assert answer.status_code == 400
            assert answer.json()["error"].startswith("at: expected seconds from 0 up")


def test_what_is_saved_is_in_the_file_and_is_seen_at_the_next_visit(editor: Editor) -> None:
    with editor.client() as http:
        version = http.get("/api/scene").json()["version"]
        saved = http.put("/api/scene", json={"version": version, "lines": [LINE], "zones": []})
        assert saved.status_code == 200
        again = http.get("/api/scene").json()
        assert again["version"] == saved.json()["version"]
        assert again["lines"] == [LINE]
    assert read(editor.file) == {"scene": {"lines": [LINE]}}


def test_an_error_names_the_line_and_the_field_as_a_person_knows_them(editor: Editor) -> None:
    wrong = {**LINE, "name": "b", "hysteresis": "wide"}
    body = {"version": "absent", "lines": [LINE, wrong], "zones": []}
    with editor.client() as http:
        answer = http.put("/api/scene", json=body)
    assert answer.status_code == 422
    assert answer.json() == {
        "error": "line 'b'.hysteresis: expected a number, got 'wide'",
        "kind": "lines",
        "index": 1,
    }


def test_a_file_that_changed_meanwhile_is_told_and_kept(editor: Editor) -> None:
    with editor.client() as http:
        http.get("/api/scene")
        editor.file.write_text("limit: 3\n")
        answer = http.put("/api/scene", json={"version": "absent", "lines": [], "zones": []})
    assert answer.status_code == 409
    assert "changed meanwhile" in answer.json()["error"]
    assert len(answer.json()["version"]) == 64  # what to say to save all the same
    assert editor.file.read_text() == "limit: 3\n"


def test_a_folder_that_went_away_is_told(editor: Editor) -> None:
    editor.file.parent.rmdir()
    with editor.client() as http:
        answer = http.put("/api/scene", json={"version": "absent", "lines": [LINE], "zones": []})
    assert answer.status_code == 500
    assert answer.json()["error"] == f"{editor.file}: cannot be written: No such file or directory"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        pytest.param(b"", "application/json", 400, id="empty"),
        pytest.param(b"[]", "application/json", 400, id="no object"),
        pytest.param(b'{"version": "absent"}', "application/json", 400, id="no items"),
        pytest.param(b'{"version": 1, "lines": [], "zones": []}', "application/json", 400, id="1"),
        pytest.param(b"[" * 90_000, "application/json", 400, id="deep"),
        pytest.param(
            b'{"version": "absent", "lines": [{"name": "\\ud800"}], "zones": []}',
            "application/json",
            400,
            id="half a sign",
        ),
        pytest.param(b"\xff", "application/json", 400, id="no text"),
        pytest.param(b"{}", "text/plain", 415, id="a form's type"),
        pytest.param(b" " * 1_100_000, "application/json", 413, id="large"),
    ],
)
def test_a_body_that_is_not_the_pages_is_refused(
    editor: Editor, body: bytes, kind: str, status: int
) -> None:
    with editor.client() as http:
        answer = http.put("/api/scene", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert not editor.file.exists()
