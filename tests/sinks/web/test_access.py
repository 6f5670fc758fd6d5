from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from sinks.web.config import WebConfig
from sinks.web.sink import OverlayPageSink, WebSink
from tests.sinks.web.serving import TOKEN, base, client, port_of, raw, serving

PATHS = (
    "/",
    "/page.js",
    "/style.css",
    "/overlay",
    "/metrics",
    "/api/streams",
    "/api/streams/gate",
    "/api/stats",
    "/live",
    "/streams/gate.mjpeg",
    "/nothing/here",
)
SECRETS = ("gate", "person", "streamer_", "<html", "import", "font")


@pytest.fixture(scope="module")
def sink() -> Iterator[WebSink]:
    with serving() as sink:
        yield sink


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param({"Authorization": "Bearer wrong"}, id="wrong bearer"),
        pytest.param({"Authorization": f"Basic {TOKEN}"}, id="wrong scheme"),
        pytest.param({"Authorization": f"Bearer {TOKEN[:-1]}"}, id="cut short"),
        pytest.param({"Authorization": f"Bearer {TOKEN}x"}, id="too long"),
        pytest.param({"Cookie": f"token={TOKEN}"}, id="token as foreign cookie"),
    ],
)
def test_without_the_token_nothing_is_served_and_no_path_can_be_told(
    sink: WebSink, path: str, headers: dict[str, str]
) -> None:
    if "Cookie" in headers:  # even under the right name: the cookie is not the token
        headers = {"Cookie": f"streamer_{port_of(sink)}={TOKEN}"}
    answer = httpx.get(base(sink) + path, headers=headers)
    assert answer.status_code == 401
    assert answer.text == (
        "token missing or wrong; open the link that the run printed when it started\n"
    )
    assert not any(secret in answer.text for secret in SECRETS)


def test_a_token_that_is_no_text_serves_nothing(sink: WebSink) -> None:
    answer = raw(sink, b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \xff\r\n\r\n")
    assert answer.split(b" ", 2)[1] in (b"400", b"401")


def test_a_wrong_token_in_the_address_serves_nothing_and_sets_no_cookie(sink: WebSink) -> None:
    answer = httpx.get(f"{base(sink)}/?token=wrong-token-of-16-signs")
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


def test_the_first_visit_leaves_a_cookie_that_opens_the_rest_and_is_not_the_token(
    sink: WebSink,
) -> None:
    with httpx.Client() as browser:
        first = browser.get(sink.url)
        cookie = first.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert TOKEN not in cookie
        assert browser.get(f"{base(sink)}/api/streams").status_code == 200
        assert "set-cookie" not in browser.get(f"{base(sink)}/api/streams").headers
        assert first.headers["referrer-policy"] == "no-referrer"


def test_a_cookie_of_another_server_on_this_machine_does_not_fit(sink: WebSink) -> None:
    with serving(WebConfig(token="another-token-of-16")) as other, httpx.Client() as browser:
        browser.get(other.url)
        value = browser.cookies[f"streamer_{port_of(other)}"]
        browser.cookies.set(f"streamer_{port_of(sink)}", value)
        assert browser.get(f"{base(sink)}/api/streams").status_code == 401


@pytest.mark.parametrize("path", PATHS[:8])
def test_a_bearer_sees_everything(sink: WebSink, path: str) -> None:
    with client(sink) as http:
        assert http.get(path).status_code == 200


def test_health_says_ok_to_anybody_and_no_more(sink: WebSink) -> None:
    answer = httpx.get(f"{base(sink)}/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")
    assert answer.headers["server"] == "streamer"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "",
        "[::1].evil",
        "127.0.0.1@evil.example",
    ],
)
@pytest.mark.parametrize("path", ["/healthz", "/api/streams"])
def test_a_foreign_name_that_points_here_is_not_served(sink: WebSink, host: str, path: str) -> None:
    """DNS rebinding: the browser sends the name of the page that attacks."""
    with client(sink) as http:
        answer = http.get(path, headers={"Host": host.format(port=port_of(sink))})
    assert answer.status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9", "127.0.0.1:{port}", "[::1]:1"])
def test_loopback_is_served_under_all_its_names_and_through_tunnels(
    sink: WebSink, host: str
) -> None:
    with client(sink) as http:
        headers = {"Host": host.format(port=port_of(sink))}
        assert http.get("/api/streams", headers=headers).status_code == 200


def test_a_page_of_another_origin_cannot_read_or_connect(sink: WebSink) -> None:
    with client(sink) as http:
        for path in ("/api/streams", "/live"):
            assert http.get(path, headers={"Origin": "http://evil.example"}).status_code == 403


TRICKS = (
    "/../../../../etc/passwd",
    "/..%2f..%2f..%2fetc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/....//....//etc/passwd",
    "//etc/passwd",
    "/static/../../run.py",
    "/page.js/../../server.py",
    "/page.js%00.html",
    "/index.html",
    "/static/index.html",
    "/server.py",
    "/__init__.py",
    "/streams/..%2f..%2fetc%2fpasswd.mjpeg",
    "/api/streams/..%2f..%2f..%2fetc%2fpasswd",
    "/api/streams/%2fetc%2fpasswd",
    "/\\..\\..\\windows\\win.ini",
    "/~root",
    "http://127.0.0.1/etc/passwd",
    "file:///etc/passwd",
)


@pytest.mark.parametrize("target", TRICKS)
def test_no_path_leads_to_a_file_of_the_machine(sink: WebSink, target: str) -> None:
    request = (
        f"GET {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
        "Connection: close\r\n\r\n"
    )
    answer = raw(sink, request.encode())
    assert re.match(rb"HTTP/1\.[01] (404|400|421) ", answer), answer[:200]
    assert b"root:" not in answer
    assert b"import" not in answer


def _get(more: str) -> bytes:
    return f"GET /api/stats HTTP/1.1\r\nHost: localhost\r\n{more}\r\n".encode()


@pytest.mark.parametrize(
    ("request_bytes", "statuses"),
    [
        pytest.param(
            f"GET /{'a' * 100_000} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(),
            (400, 414),
            id="long path",
        ),
        pytest.param(_get(f"X: {'a' * 100_000}\r\n"), (400, 431), id="long header"),
        pytest.param(
            _get("".join(f"X{k}: a\r\n" for k in range(5000))), (400, 431), id="many headers"
        ),
        pytest.param(
            _get(f"Authorization: Bearer {TOKEN}\r\nContent-Length: 9999999999\r\n"),
            (413,),
            id="huge body announced",
        ),
        pytest.param(
            _get(
                f"Authorization: Bearer {TOKEN}\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "5\r\naaaaa\r\n" * 10_000
            ),
            (400, 413),
            id="body without end",
        ),
        pytest.param(
            f"POST /api/stats HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
            "Content-Length: 3\r\n\r\nabc".encode(),
            (405,),
            id="post",
        ),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00" * 50, (400,), id="TLS to a plain port"),
        pytest.param(b"GARBAGE\r\n\r\n", (400,), id="garbage"),
    ],
)
def test_an_oversized_or_malformed_request_is_refused_and_the_rest_goes_on(
    sink: WebSink,
    request_bytes: bytes,
    statuses: tuple[int, ...],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        answer = raw(sink, request_bytes)
    # A server that stops reading may be heard closing before its answer is.
    assert not answer or int(answer.split(b" ", 2)[1]) in statuses
    assert not caplog.records  # strangers cannot fill the log
    with client(sink) as http:
        assert http.get("/api/stats").status_code == 200


def test_the_token_is_never_logged(sink: WebSink, caplog: pytest.LogCaptureFixture) -> None:
    with ExitStack() as heard:
        for logger in ("sinks", "analytics", "aiohttp"):
            heard.enter_context(caplog.at_level(logging.DEBUG, logger))
        httpx.get(sink.url)
        raw(sink, f"GET /?token={TOKEN} HTTP/9.9\r\n\r\n".encode())
        raw(sink, f"GET /?token={TOKEN}\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    ours = [record for record in caplog.records if not record.name.startswith("httpx")]
    assert not any(TOKEN in logging.Formatter().format(record) for record in ours)


def test_the_overlay_server_has_no_page_of_pictures() -> None:
    with serving(kind=OverlayPageSink) as sink, client(sink) as http:
        assert "canvas" in http.get("/").text
        assert http.get("/page.js").status_code == 404
