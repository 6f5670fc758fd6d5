"""One file over HTTP into a cache: resumed after a cut, checked, and whole or not there at all.

Beside `model.pth` lie, while needed:
    model.pth.lock        held by whoever fetches, so that two processes do not both write
    model.pth.partial     what has arrived so far
    model.pth.validator   the ETag or date that says which content the partial is of
    model.pth.sha256      the hash first seen, where none is pinned; compared on every later use
    model.pth.rejected    a download with the wrong hash, kept to be looked at, never used
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import filelock
import httpx

from detector.errors import WeightsError

Progress = Callable[[str, int, int | None], None]  # file name, bytes so far, bytes in all if known

logger = logging.getLogger(__name__)

_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})  # RFC 9110: may pass by themselves
_RANGE_NOT_SATISFIABLE = 416
_PARTIAL_CONTENT = 206


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a download is tried.

    Attributes:
        attempts: requests in all, at least 1; what arrived stays for the next call.
        backoff_s: pause after the first failure, doubled after each further one.
        timeout_s: most silence within a connection, and most time to make one.
        lock_s: most time to wait for another process that fetches the same file.
    """

    attempts: int = 5
    backoff_s: float = 0.5
    timeout_s: float = 20.0
    lock_s: float = 1800.0


@dataclass(frozen=True, slots=True)
class Download:
    """One file that is to be had.

    Attributes:
        url: http or https; user and password in it are sent, and never shown.
        path: where the file shall be.
        sha256: pinned, lower-case hexadecimal; None: recorded on first use.
    """

    url: str
    path: Path
    sha256: str | None = None

    @property
    def public_url(self) -> str:
        """The address without user, password, query and fragment."""
        return str(httpx.URL(self.url).copy_with(userinfo=b"", query=None, fragment=None))

    def beside(self, suffix: str) -> Path:
        """The file's companion, e.g. `model.pth.partial`."""
        return self.path.with_name(self.path.name + suffix)


class _Interrupted(Exception):
    """This attempt failed in a way that another may not."""


def fetch(
    download: Download, *, on_progress: Progress | None = None, patience: Patience | None = None
) -> Path:
    """The file's path, once it is there whole with the hash it must have; blocks.

    A file that is already there is only checked. Nothing is ever deleted that a person may want:
    a file with the wrong hash stays where it is, a download with the wrong hash becomes
    `.rejected`.

    Raises:
        WeightsError: no network, an HTTP error, a wrong hash, or a folder that cannot be written.
    """
    patience = patience or Patience()
    lock = filelock.FileLock(download.beside(".lock"), timeout=patience.lock_s)
    try:
        download.path.parent.mkdir(parents=True, exist_ok=True)
        with lock:
            if not download.path.exists():
                _receive_patiently(download, on_progress, patience)
                _check(download, download.beside(".partial"), _reject)
                download.beside(".partial").replace(download.path)
                download.beside(".validator").unlink(missing_ok=True)
            else:
                _check(download, download.path, _refuse)
    except filelock.Timeout as error:
        raise WeightsError(
            f"weights {download.path}: another process has been fetching them for "
            f"{patience.lock_s:g} s; wait for it or end it"
        ) from error
    except OSError as error:
        raise WeightsError(
            f"weights {download.path}: expected to write them there, got "
            f"{error.strerror or error}; choose another cache folder or free some space"
        ) from error
    return download.path


def _receive_patiently(
    download: Download, on_progress: Progress | None, patience: Patience
) -> None:
    with _client(patience) as client:
        for attempt in range(1, patience.attempts + 1):
            try:
                return _receive(client, download, on_progress)
            except _Interrupted as error:
                if attempt == patience.attempts:
                    raise _by_hand(download, f"got {error}") from error.__cause__
                logger.info("%s: %s; trying again", download.path.name, error)
                time.sleep(patience.backoff_s * 2 ** (attempt - 1))
    raise ValueError(f"attempts: expected at least 1, got {patience.attempts!r}")


def _client(patience: Patience) -> httpx.Client:
    # identity: compressed bytes could neither be resumed nor counted against Content-Length
    return httpx.Client(
        timeout=patience.timeout_s,
        follow_redirects=True,
        headers={"Accept-Encoding": "identity"},
    )


def _receive(client: httpx.Client, download: Download, on_progress: Progress | None) -> None:
    """One request; the whole file lies in `.partial` afterwards.

    Raises:
        _Interrupted: another attempt may go on from here.
        WeightsError: no attempt would help.

    Source: RFC 9110, sections 13.1.5 (If-Range) and 14 (range requests).
    """
    url = httpx.URL(download.url)
    headers = _resume_headers(download)
    if on_progress is not None:
        have = download.beside(".partial").stat().st_size if headers else 0
        on_progress(download.path.name, have, None)
    try:
        with client.stream(
            "GET",
            url.copy_with(userinfo=b""),  # httpx logs addresses
            headers=headers,
            auth=(url.username, url.password) if url.userinfo else None,
        ) as response:
            _refuse_answer(response, download)
            _write(response, download, on_progress)
    except httpx.TransportError as error:
        raise _Interrupted(str(error) or type(error).__name__) from error
    except (httpx.TooManyRedirects, httpx.InvalidURL, httpx.DecodingError) as error:
        raise _by_hand(download, f"got {error}") from error


def _resume_headers(download: Download) -> dict[str, str]:
    partial, validator = download.beside(".partial"), download.beside(".validator")
    if not (partial.exists() and partial.stat().st_size and validator.exists()):
        return {}
    return {
        "Range": f"bytes={partial.stat().st_size}-",
        "If-Range": validator.read_text(encoding="latin-1"),
    }


def _refuse_answer(response: httpx.Response, download: Download) -> None:
    if response.is_success:
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise _by_hand(download, "got a web page")  # to log in, to consent, to say sorry
        return
    if response.status_code == _RANGE_NOT_SATISFIABLE:  # the partial is no beginning of this file
        download.beside(".validator").unlink(missing_ok=True)
        raise _Interrupted("HTTP 416: the server has fewer bytes than we")
    said = f"HTTP {response.status_code} {response.reason_phrase}".rstrip()
    if response.status_code in _TRANSIENT:
        raise _Interrupted(said)
    raise _by_hand(download, f"got {said}")


def _write(response: httpx.Response, download: Download, on_progress: Progress | None) -> None:
    done = _resumed_at(response, download)
    if not done:
        _remember_validator(response, download)
    length = response.headers.get("Content-Length", "")
    total = done + int(length) if length.isdecimal() else None
    with download.beside(".partial").open("ab" if done else "wb") as file:
        for piece in response.iter_bytes():
            file.write(piece)
            done += len(piece)
            if on_progress is not None:
                on_progress(download.path.name, done, total)
        file.flush()
        os.fsync(file.fileno())  # or a power cut leaves a hole under the final name
    if not done:
        raise _by_hand(download, "got an empty one")


def _resumed_at(response: httpx.Response, download: Download) -> int:
    """Bytes we keep: 0 where the server sends the file from its beginning."""
    if response.status_code != _PARTIAL_CONTENT:
        return 0
    have = download.beside(".partial").stat().st_size
    if not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
        download.beside(".validator").unlink(missing_ok=True)
        raise _Interrupted("a range that was not asked for")
    return have


def _remember_validator(response: httpx.Response, download: Download) -> None:
    """Note which content this is; without a strong validator the next attempt starts anew."""
    etag = response.headers.get("ETag", "")
    strong = "" if etag.startswith("W/") else etag
    validator = strong or response.headers.get("Last-Modified", "")
    note = download.beside(".validator")
    if validator and "Content-Encoding" not in response.headers:
        note.write_text(validator, encoding="latin-1")
    else:
        note.unlink(missing_ok=True)


def _by_hand(download: Download, what: str) -> WeightsError:
    return WeightsError(
        f"weights {download.public_url}: expected the file, {what}; fetch that address by hand "
        f"and put the file at {download.path}"
    )


def _check(
    download: Download, file: Path, mismatch: Callable[[Download, str, str], WeightsError]
) -> None:
    with file.open("rb") as stream:
        got = hashlib.file_digest(stream, "sha256").hexdigest()
    note = download.beside(".sha256")
    if download.sha256 is None and not note.exists():
        note.write_text(f"{got}  {download.path.name}\n", encoding="utf-8")  # as sha256sum has it
        return
    expected = download.sha256 or note.read_text(encoding="utf-8").partition(" ")[0].strip()
    if got != expected:
        raise mismatch(download, expected, got)


def _reject(download: Download, expected: str, got: str) -> WeightsError:
    rejected = download.beside(".rejected")
    download.beside(".partial").replace(rejected)
    download.beside(".validator").unlink(missing_ok=True)
    return WeightsError(
        f"weights {download.public_url}: expected sha256 {expected}, got {got}; "
        f"the file was kept as {rejected}{_accept(download)}"
    )


def _refuse(download: Download, expected: str, got: str) -> WeightsError:
    return WeightsError(
        f"weights {download.path}: expected sha256 {expected}, got {got}; "
        f"delete the file to download it again{_accept(download)}"
    )


def _accept(download: Download) -> str:
    if download.sha256 is not None:
        return ""
    return f", or delete {download.beside('.sha256')} to accept the change"
