"""Where weights come from: paths, addresses and names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest

from detector.errors import WeightsError
from detector.weights import WEIGHTS, resolve_weights
from tests.detector.file_server import FileServer

CONTENT = bytes(range(256)) * 16


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer(CONTENT) as running:
        yield running


def test_path_that_exists_is_given_back_untouched(tmp_path: Path) -> None:
    path = tmp_path / "mine.pth"
    path.write_bytes(CONTENT)
    assert resolve_weights(str(path), cache_dir=tmp_path / "cache") == path
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.pth"]


def test_address_is_fetched_once(server: FileServer, tmp_path: Path) -> None:
    first = resolve_weights(server.url, cache_dir=tmp_path)
    second = resolve_weights(server.url, cache_dir=tmp_path)
    assert first == second
    assert first.read_bytes() == CONTENT
    assert first.name == "model.pth"
    assert len(server.requests) == 1


def test_progress_is_passed_on(server: FileServer, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int | None]] = []
    resolve_weights(server.url, cache_dir=tmp_path, on_progress=lambda *step: seen.append(step))
    assert seen[-1] == ("model.pth", len(CONTENT), len(CONTENT))


def test_same_file_name_at_two_addresses_is_two_files(server: FileServer, tmp_path: Path) -> None:
    first = resolve_weights(f"http://{server.address}/a/model.pth", cache_dir=tmp_path)
    second = resolve_weights(f"http://{server.address}/b/model.pth", cache_dir=tmp_path)
    assert first != second


def test_new_password_finds_the_same_file(server: FileServer, tmp_path: Path) -> None:
    first = resolve_weights(f"http://u:old@{server.address}/model.pth", cache_dir=tmp_path)
    second = resolve_weights(f"http://u:new@{server.address}/model.pth", cache_dir=tmp_path)
    assert first == second
    assert len(server.requests) == 1


def test_name_of_the_table_is_found_in_the_cache(tmp_path: Path) -> None:
    path = tmp_path / "centernet_hardnet85_coco.pth"
    path.write_bytes(CONTENT)
    assert resolve_weights("centernet_hardnet85_coco", cache_dir=tmp_path) == path


def test_cache_is_the_users_own_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_, **__: str(tmp_path))
    path = tmp_path / "weights" / "centernet_hardnet85_coco.pth"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    assert resolve_weights("centernet_hardnet85_coco") == path


@pytest.mark.parametrize(
    ("spec", "meant"),
    [
        ("centernet_hardnet85_coc", "centernet_hardnet85_coco"),
        ("centernet_hardnet85_coco.pth", "centernet_hardnet85_coco"),
        ("weights/centernet_hardnet85_coco_608.pth", "centernet_hardnet85_coco_608"),
    ],
    ids=["a letter short", "a file that is not there", "a file in a folder that is not there"],
)
def test_near_miss_is_told_the_name(tmp_path: Path, spec: str, meant: str) -> None:
    with pytest.raises(WeightsError, match=f"did you mean '{meant}'") as caught:
        resolve_weights(spec, cache_dir=tmp_path)
    assert repr(spec) in str(caught.value)
    assert all(name in str(caught.value) for name in WEIGHTS)


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param("", id="nothing"),
        pytest.param("nothing/like/it.bin", id="a missing file"),
        pytest.param("x" * 5000, id="far too long for a file name"),
        pytest.param("a\0b", id="no file name at all"),
        pytest.param("ftp://host/file.pth", id="another protocol"),
        pytest.param("file:///etc/passwd", id="a local address"),
        pytest.param("http:///file.pth", id="no host"),
        pytest.param("http://host:port/file.pth", id="no port"),
    ],
)
def test_anything_else_is_one_line(tmp_path: Path, spec: str) -> None:
    with pytest.raises(WeightsError) as caught:
        resolve_weights(spec, cache_dir=tmp_path)
    assert re.fullmatch(r"weights '.*': expected .*", str(caught.value))


def test_folder_is_no_weights_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="got a folder"):
        resolve_weights(str(tmp_path))


@pytest.mark.parametrize(
    "spec",
    ["ftp://u:hunter2@host/f", "http://u:hunter2/x@host/f", "http://u:hunter2@host:x/f"],
    ids=["protocol", "stray slash", "port"],
)
def test_password_never_appears_in_an_error(tmp_path: Path, spec: str) -> None:
    with pytest.raises(WeightsError) as caught:
        resolve_weights(spec, cache_dir=tmp_path)
    assert "hunter2" not in str(caught.value)


def test_names_of_the_table_are_https() -> None:
    assert all(entry.url.startswith("https://") for entry in WEIGHTS.values())
