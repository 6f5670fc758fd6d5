from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.web.access import is_loopback
from sinks.web.address import parse_address
from sinks.web.config import WebConfig
from sinks.web.sink import OverlayPageSink, WebSink
from streamer.errors import SinkError
from tests.sinks.web.serving import TOKEN


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        pytest.param("8080", "127.0.0.1", 8080, id="port"),
        pytest.param("0", "127.0.0.1", 0, id="any port"),
        pytest.param("localhost:80", "localhost", 80, id="name"),
        pytest.param("0.0.0.0:8080", "0.0.0.0", 8080, id="wildcard"),
        pytest.param("[::1]:65535", "::1", 65535, id="IPv6"),
    ],
)
def test_an_address_is_a_port_with_or_without_a_host(text: str, host: str, port: int) -> None:
    address = parse_address(text)
    assert (address.host, address.port) == (host, port)
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "text", ["", ":", "host", "65536", "-1", "a:b", "::1:80", "http://a:80", "a b:80", "1:2:3", "٣"]
)
def test_anything_else_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(SinkError, match=r"sink web: expected PORT or HOST:PORT, got .*; such as"):
        WebSink(text, ())


@given(st.text())
def test_no_text_is_taken_for_loopback_that_is_not(text: str) -> None:
    if is_loopback(text) and text.lower() != "localhost":
        assert text.startswith("127.") or text.count(":") >= 2


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.7:0", "example.org:0"])
@pytest.mark.parametrize("kind", [WebSink, OverlayPageSink])
def test_an_address_others_can_reach_needs_a_token_of_ones_own(
    address: str, kind: type[WebSink]
) -> None:
    with pytest.raises(SinkError, match=f"expected a token, got none; set {kind.kind}.token"):
        kind(address, ())
    kind(address, (), config=WebConfig(token=TOKEN))


def test_a_wildcard_with_a_token_serves_under_the_name_of_the_machine() -> None:
    with WebSink("0.0.0.0:0", (), config=WebConfig(token=TOKEN)) as sink:
        assert sink.url.startswith(f"http://{socket.gethostname()}:")


def test_a_port_that_is_taken_is_one_line() -> None:
    with WebSink("0", ()) as first:
        port = first.url.rpartition(":")[2].partition("/")[0]
        with pytest.raises(SinkError, match=r"cannot listen: address already in use; choose"):
            WebSink(port, ()).__enter__()


def test_every_run_has_a_token_of_its_own() -> None:
    tokens = {WebSink("0", ()).url.partition("token=")[2] for _ in range(50)}
    assert len(tokens) == 50
    assert min(map(len, tokens)) == 32  # 24 bytes in base64: 192 bits


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"token": "short"}, id="short token"),
        pytest.param({"token": "sixteen signs & more"}, id="token with a blank"),
        pytest.param({"fps": 0}, id="fps"),
        pytest.param({"fps": float("nan")}, id="fps nan"),
        pytest.param({"width": 10}, id="width"),
        pytest.param({"quality": 101}, id="quality"),
        pytest.param({"share": 0}, id="share"),
        pytest.param({"viewers": 0}, id="viewers"),
        pytest.param({"stall_s": 0}, id="stall"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(settings: dict[str, float]) -> None:
    name = next(iter(settings))
    with pytest.raises(ValueError, match=f"^{name}: expected") as caught:
        WebConfig(**settings)  # type: ignore[arg-type]  # what a file may hold
    assert "sixteen signs & more" not in str(caught.value)
