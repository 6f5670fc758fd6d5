"""Downloads against a real server that cuts, stalls, lies and changes its mind."""

from __future__ import annotations

import hashlib
import logging
import random
import socket
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from detector.download import Download, Patience, fetch
from detector.errors import WeightsError
from tests.detector.file_server import Fault, FileServer

CONTENT = random.Random(7).randbytes(300_000)
OTHER = random.Random(8).randbytes(280_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
QUICK = Patience(attempts=3, backoff_s=0.0, timeout_s=5.0)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer(CONTENT) as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "model.pth"


def test_file_arrives_whole_with_its_progress(server: FileServer, target: Path) -> None:
    seen: list[tuple[str, int, int | None]] = []
    got = fetch(Download(server.url, target, SHA256), on_progress=lambda *step: seen.append(step))
    assert got == target
    assert target.read_bytes() == CONTENT
    assert seen[0] == ("model.pth", 0, None)  # before a server that may be slow has answered
    assert {(name, total) for name, _, total in seen[1:]} == {("model.pth", len(CONTENT))}
    done = [step for _, step, _ in seen]
    assert done == sorted(done)
    assert done[-1] == len(CONTENT)
    assert _companions(target) == {"model.pth.lock"}


def test_cut_connection_goes_on_where_it_stopped(server: FileServer, target: Path) -> None:
    server.faults = deque([Fault(cut_after=100_000), Fault(cut_after=50_000)])
    fetch(Download(server.url, target, SHA256), patience=QUICK)
    assert target.read_bytes() == CONTENT
    assert [request.get("Range") for request in server.requests] == [
        None,
        "bytes=100000-",
        "bytes=150000-",
    ]
    assert server.requests[1]["If-Range"] == '"v1"'


def test_progress_of_a_resumed_download_counts_what_was_there(
    server: FileServer, target: Path
) -> None:
    server.faults = deque([Fault(cut_after=100_000)])
    seen: list[tuple[int, int | None]] = []
    fetch(
        Download(server.url, target),
        patience=QUICK,
        on_progress=lambda _, done, total: seen.append((done, total)),
    )
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_next_call_goes_on_where_the_last_one_gave_up(server: FileServer, target: Path) -> None:
    server.faults = deque([Fault(cut_after=120_000)])
    with pytest.raises(WeightsError, match="by hand"):
        fetch(Download(server.url, target, SHA256), patience=Patience(attempts=1))
    assert not target.exists()
    fetch(Download(server.url, target, SHA256), patience=QUICK)
    assert server.requests[1]["Range"] == "bytes=120000-"
    assert target.read_bytes() == CONTENT


def test_changed_content_is_fetched_from_its_beginning(server: FileServer, target: Path) -> None:
    server.faults = deque([Fault(cut_after=100_000)])
    with pytest.raises(WeightsError):
        fetch(Download(server.url, target), patience=Patience(attempts=1))
    server.content, server.etag = OTHER, '"v2"'
    fetch(Download(server.url, target), patience=QUICK)
    assert target.read_bytes() == OTHER


def test_server_that_ignores_ranges_is_read_from_the_beginning(
    server: FileServer, target: Path
) -> None:
    server.ranges = False
    server.faults = deque([Fault(cut_after=100_000)])
    fetch(Download(server.url, target, SHA256), patience=QUICK)
    assert server.requests[1]["Range"] == "bytes=100000-"
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("etag", "last_modified", "if_range"),
    [
        pytest.param(None, None, None, id="nothing to tell contents apart"),
        pytest.param('W/"v1"', None, None, id="a weak tag promises too little"),
        pytest.param(
            'W/"v1"',
            "Tue, 15 Nov 1994 12:45:26 GMT",
            "Tue, 15 Nov 1994 12:45:26 GMT",
            id="a date beside a weak tag",
        ),
    ],
)
def test_resumes_only_with_a_strong_validator(
    server: FileServer,
    target: Path,
    etag: str | None,
    last_modified: str | None,
    if_range: str | None,
) -> None:
    server.etag, server.last_modified = etag, last_modified
    server.faults = deque([Fault(cut_after=100_000)])
    fetch(Download(server.url, target, SHA256), patience=QUICK)
    assert server.requests[1].get("If-Range") == if_range
    assert ("Range" in server.requests[1]) == (if_range is not None)
    assert target.read_bytes() == CONTENT


def test_range_that_was_not_asked_for_is_thrown_away(server: FileServer, target: Path) -> None:
    server.faults = deque([Fault(cut_after=100_000), Fault(shift=1000)])
    fetch(Download(server.url, target, SHA256), patience=QUICK)
    assert target.read_bytes() == CONTENT


def test_partial_longer_than_the_file_is_thrown_away(server: FileServer, target: Path) -> None:
    target.parent.mkdir()
    target.with_name("model.pth.partial").write_bytes(bytes(len(CONTENT) + 1))
    target.with_name("model.pth.validator").write_text('"v1"', encoding="latin-1")
    fetch(Download(server.url, target, SHA256), patience=QUICK)
    assert target.read_bytes() == CONTENT


def test_silent_server_times_out_and_is_asked_again(server: FileServer, target: Path) -> None:
    server.faults = deque([Fault(stall=True)])
    fetch(Download(server.url, target), patience=Patience(backoff_s=0.0, timeout_s=0.2))
    assert len(server.requests) == 2
    assert target.read_bytes() == CONTENT


def test_passing_server_error_is_tried_again(server: FileServer, target: Path) -> None:
    server.faults = deque([Fault(status=503), Fault(status=429)])
    fetch(Download(server.url, target), patience=QUICK)
    assert target.read_bytes() == CONTENT


def test_lasting_server_error_ends_after_the_attempts(server: FileServer, target: Path) -> None:
    server.faults = deque([Fault(status=503)] * 9)
    with pytest.raises(WeightsError, match="got HTTP 503 Service Unavailable"):
        fetch(Download(server.url, target), patience=QUICK)
    assert len(server.requests) == QUICK.attempts


def test_missing_file_is_asked_for_once(server: FileServer, target: Path) -> None:
    server.faults = deque([Fault(status=404)] * 9)
    with pytest.raises(WeightsError) as caught:
        fetch(Download(server.url, target), patience=QUICK)
    assert len(server.requests) == 1
    assert str(caught.value) == (
        f"weights {server.url}: expected the file, got HTTP 404 Not Found; "
        f"fetch that address by hand and put the file at {target}"
    )


def test_web_page_is_no_weights(server: FileServer, target: Path) -> None:
    server.faults = deque([Fault(page=b"<html>please log in</html>")])
    with pytest.raises(WeightsError, match="expected the file, got a web page"):
        fetch(Download(server.url, target), patience=QUICK)
    assert not target.exists()
    assert fetch(Download(server.url, target), patience=QUICK).read_bytes() == CONTENT


def test_nothing_is_no_weights(server: FileServer, target: Path) -> None:
    server.content = b""
    with pytest.raises(WeightsError, match="expected the file, got an empty one"):
        fetch(Download(server.url, target), patience=QUICK)
    assert not target.exists()


def test_redirect_is_followed(server: FileServer, target: Path) -> None:
    server.faults = deque([Fault(location="/elsewhere/model.pth")])
    fetch(Download(server.url, target, SHA256), patience=QUICK)
    assert target.read_bytes() == CONTENT


def test_endless_redirects_are_one_error(server: FileServer, target: Path) -> None:
    server.faults = deque([Fault(location="/again")] * 30)
    with pytest.raises(WeightsError, match="redirects"):
        fetch(Download(server.url, target), patience=QUICK)


def test_no_network_says_what_to_fetch_by_hand_and_where_to_put_it(target: Path) -> None:
    with socket.socket() as unused:  # bound but not listening: nobody else gets it, nobody answers
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/model.pth"
        with pytest.raises(WeightsError) as caught:
            fetch(Download(url, target), patience=QUICK)
    message = str(caught.value)
    assert message.startswith(f"weights {url}: expected the file, got ")
    assert message.endswith(f"fetch that address by hand and put the file at {target}")
    assert "\n" not in message
    assert not target.exists()


def test_wrong_pinned_hash_never_reaches_the_final_name(server: FileServer, target: Path) -> None:
    server.content = OTHER
    got = hashlib.sha256(OTHER).hexdigest()
    rejected = target.with_name("model.pth.rejected")
    with pytest.raises(WeightsError) as caught:
        fetch(Download(server.url, target, SHA256), patience=QUICK)
    assert f"expected sha256 {SHA256}, got {got}" in str(caught.value)
    assert str(rejected) in str(caught.value)
    assert not target.exists()
    assert rejected.read_bytes() == OTHER


def test_after_a_wrong_hash_the_next_call_fetches_anew(server: FileServer, target: Path) -> None:
    server.content = OTHER
    with pytest.raises(WeightsError):
        fetch(Download(server.url, target, SHA256), patience=QUICK)
    server.content = CONTENT
    fetch(Download(server.url, target, SHA256), patience=QUICK)
    assert "Range" not in server.requests[1]
    assert target.read_bytes() == CONTENT


def test_unpinned_hash_is_recorded_on_first_use(server: FileServer, target: Path) -> None:
    fetch(Download(server.url, target), patience=QUICK)
    note = target.with_name("model.pth.sha256")
    assert note.read_text(encoding="utf-8") == f"{SHA256}  model.pth\n"


def test_file_put_there_by_hand_is_used_and_recorded(server: FileServer, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(CONTENT)
    fetch(Download(server.url, target))
    assert not server.requests
    assert SHA256 in target.with_name("model.pth.sha256").read_text(encoding="utf-8")


@pytest.mark.parametrize("pinned", [SHA256, None], ids=["pinned", "recorded"])
def test_file_that_changed_since_is_refused_and_kept(
    server: FileServer, target: Path, pinned: str | None
) -> None:
    fetch(Download(server.url, target, pinned))
    target.write_bytes(OTHER)
    with pytest.raises(WeightsError, match=f"expected sha256 {SHA256}, got .*; delete the file"):
        fetch(Download(server.url, target, pinned))
    assert target.read_bytes() == OTHER
    assert len(server.requests) == 1


def test_published_file_that_changed_is_refused_until_the_record_goes(
    server: FileServer, target: Path
) -> None:
    fetch(Download(server.url, target))
    target.unlink()
    server.content, server.etag = OTHER, '"v2"'
    note = target.with_name("model.pth.sha256")
    with pytest.raises(WeightsError, match=f"delete {note} to accept the change"):
        fetch(Download(server.url, target))
    assert not target.exists()
    note.unlink()
    fetch(Download(server.url, target))
    assert target.read_bytes() == OTHER


def test_secrets_of_the_address_are_sent_and_never_shown(
    server: FileServer, target: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.faults = deque([Fault(status=503), Fault(status=404)])
    url = f"http://someone:hunter2@{server.address}/model.pth?token=abc123#frag"
    with caplog.at_level(logging.DEBUG, "detector"), pytest.raises(WeightsError) as caught:
        fetch(Download(url, target), patience=QUICK)
    assert server.requests[0]["Authorization"].startswith("Basic ")
    for secret in ("hunter2", "someone", "abc123"):
        assert secret not in str(caught.value)
        assert secret not in "".join(
            record.getMessage() for record in caplog.records if record.name != "httpx"
        )
    assert "hunter2" not in caplog.text


def test_two_threads_at_once_fetch_once(server: FileServer, target: Path) -> None:
    together = threading.Barrier(2)
    paths: list[Path] = []

    def fetch_it() -> None:
        together.wait(timeout=10)
        paths.append(fetch(Download(server.url, target, SHA256), patience=QUICK))

    threads = [threading.Thread(target=fetch_it, name=f"fetch {n}") for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert paths == [target, target]
    assert len(server.requests) == 1


def test_waiting_for_another_process_has_an_end(server: FileServer, target: Path) -> None:
    server.faults = deque([Fault(stall=True)])
    first = threading.Thread(
        target=lambda: fetch(
            Download(server.url, target), patience=Patience(backoff_s=0.0, timeout_s=1.0)
        ),
        name="first fetch",
    )
    first.start()
    while not server.requests:  # then the first holds the lock
        first.join(timeout=0.01)
    with pytest.raises(WeightsError, match=r"another process has been fetching them for 0.1 s"):
        fetch(Download(server.url, target), patience=Patience(lock_s=0.1))
    first.join(timeout=30)
    assert target.read_bytes() == CONTENT


def test_cache_that_cannot_be_written_is_one_line(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(WeightsError, match="choose another cache folder"):
        fetch(Download(server.url, tmp_path / "file" / "model.pth"))


def test_no_attempt_is_refused(server: FileServer, target: Path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        fetch(Download(server.url, target), patience=Patience(attempts=0))


def _companions(target: Path) -> set[str]:
    """What else lies in the cache folder after a pinned download."""
    return {path.name for path in target.parent.iterdir()} - {target.name}
