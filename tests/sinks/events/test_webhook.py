"""A receiver that is away, fails or is slow gets everything once it is back, in order, once."""

from __future__ import annotations

import base64
import logging
import socket
import subprocess
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from sinks.events.delivery import DeliveryConfig
from sinks.events.sending import SendingSink
from sinks.events.webhook import WebhookConfig, WebhookCourier
from streamer.errors import SinkError
from tests.sinks.events.receiver import (
    Drip,
    Hold,
    Receiver,
    free_port,
    quick,
    result_with,
    wait_for_trouble,
)


def sink(address: str | int, delivery: DeliveryConfig, **more: object) -> SendingSink:
    url = address if isinstance(address, str) else f"http://127.0.0.1:{address}/hook"
    config = WebhookConfig(delivery=delivery, **more)  # type: ignore[arg-type]  # a test's few
    return SendingSink("webhook", url, WebhookCourier(url, config), delivery)


def test_an_event_is_posted_with_its_picture_and_a_key_of_its_own(tmp_path: Path) -> None:
    with Receiver() as receiver:
        with sink(receiver.port, quick(tmp_path)) as sending:
            sending.write(result_with())
            sending.write(result_with(1, 2))
        first, second = receiver.accepted
    assert (first.path, first.headers["Content-Type"]) == ("/hook", "application/json")
    assert [first.body[part] for part in ("event_id", "rule", "kind")] == [
        "door:1",
        "gate",
        "crossing",
    ]
    jpeg = first.body["jpeg"]
    assert isinstance(jpeg, str)
    assert base64.b64decode(jpeg)[:2] == b"\xff\xd8"
    assert first.key == first.body["record_id"]
    assert first.key != second.key


@pytest.mark.parametrize(
    "script",
    [
        pytest.param([], id="well"),
        pytest.param([500] * 3, id="500"),
        pytest.param([None, 503, None], id="no answer"),
        pytest.param([204, 429, 204, 404, 401, 308, 204, 502], id="now and then"),
    ],
)
def test_a_failing_receiver_gets_everything_once_and_in_order(
    tmp_path: Path, script: list[int | Hold | Drip | None]
) -> None:
    with Receiver(script) as receiver:
        with sink(receiver.port, quick(tmp_path)) as sending:
            for number in range(6):
                sending.write(result_with(number))
        assert receiver.events == [f"door:{number}" for number in range(6)]
        assert len(receiver.requests) == 6 + sum(1 for answer in script if answer != 204)
        tries: dict[str, set[object]] = {}
        for request in receiver.requests:
            tries.setdefault(request.key, set()).add(request.event_id)
    assert all(len(events) == 1 for events in tries.values())  # a key is one event's at every try


def test_a_receiver_that_was_down_gets_everything_when_it_is_back(tmp_path: Path) -> None:
    port = free_port()
    with sink(port, quick(tmp_path)) as sending:
        for number in range(3):
            sending.write(result_with(number))
        with Receiver(port=port) as receiver:
            receiver.wait_for(3)
        sending.write(result_with(3))
        with Receiver(port=port) as again:
            again.wait_for(1)
    assert receiver.events + again.events == [f"door:{number}" for number in range(4)]


def test_a_slow_receiver_holds_up_nobody(tmp_path: Path) -> None:
    slow = Hold()
    with Receiver([slow]) as receiver, sink(receiver.port, quick(tmp_path)) as sending:
        sending.write(result_with(0))
        assert slow.reached.wait(60)
        for number in range(1, 50):
            sending.write(result_with(number))
        assert not receiver.accepted
        slow.released.set()
        receiver.wait_for(50)
        assert receiver.events == [f"door:{number}" for number in range(50)]


def test_an_answer_that_came_too_late_shows_as_the_same_key_twice(tmp_path: Path) -> None:
    late = Hold()
    with Receiver([late]) as receiver:
        with sink(receiver.port, quick(tmp_path, timeout_s=0.1)) as sending:
            sending.write(result_with(0))
            receiver.wait_for(1)
        late.released.set()
    assert len({request.key for request in receiver.requests}) == 1


def test_what_is_refused_is_dropped_and_told_and_the_next_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Receiver([204, 422]) as receiver:
        with sink(receiver.port, quick(tmp_path)) as sending:
            for number in range(3):
                sending.write(result_with(number))
        assert receiver.events == ["door:0", "door:2"]
    assert "is refused and dropped: answer 422" in caplog.text
    assert "2 events sent, 1 refused" in caplog.text


def test_what_a_run_leaves_unsent_goes_out_first_with_the_next(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    with sink(port, quick(tmp_path, end_s=0.0)) as sending:
        sending.write(result_with(1, 2))
    assert "0 events sent, 2 waiting for the next run" in caplog.text
    with Receiver(port=port) as receiver:
        with sink(port, quick(tmp_path)) as sending:
            sending.write(result_with(3))
        assert receiver.events == ["door:1", "door:2", "door:3"]
        with sink(port, quick(tmp_path)):
            pass
        assert len(receiver.requests) == 3


def test_a_receiver_that_never_ends_its_answer_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with Receiver([Drip()]) as receiver:
        with sink(receiver.port, quick(tmp_path, end_s=0.05, timeout_s=60.0)) as sending:
            sending.write(result_with(1))
            assert receiver.dripping.wait(60)
        assert not [each for each in threading.enumerate() if each.name.startswith("webhook")]


def test_the_end_waits_no_longer_than_it_may_for_an_answer(tmp_path: Path) -> None:
    never = Hold()
    with Receiver([never]) as receiver:
        with sink(receiver.port, quick(tmp_path, end_s=0.05, timeout_s=60.0)) as sending:
            sending.write(result_with(1))
            assert never.reached.wait(60)
        assert not receiver.accepted
        never.released.set()


def test_an_address_that_takes_no_connection_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = full.getsockname()[1]
        for _ in range(2):  # as many as the kernel takes for a server that takes none
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        delivery = quick(tmp_path, connect_s=0.1, timeout_s=600.0, end_s=0.05)
        with sink(port, delivery) as sending:
            sending.write(result_with(1))
            assert "timed out" in wait_for_trouble(sending)
    assert not [each for each in threading.enumerate() if each.name.startswith("webhook")]


def test_the_thread_has_the_receivers_name_without_its_password(tmp_path: Path) -> None:
    with Receiver() as receiver:
        url = f"http://door:geheim@127.0.0.1:{receiver.port}/?token=geheim"
        with sink(url, quick(tmp_path)) as sending:
            named = [each.name for each in threading.enumerate()]
            assert sending.name in named
            assert "geheim" not in sending.name
            sending.write(result_with(1))
        (request,) = receiver.accepted
    sent = base64.b64encode(b"door:geheim").decode()
    assert request.headers["Authorization"] == f"Basic {sent}"
    assert request.path == "/?token=geheim"
    assert not [path for path in tmp_path.iterdir() if b"geheim" in path.read_bytes()]


def test_no_password_is_told_when_nobody_answers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="sinks")
    url = f"http://door:geheim@127.0.0.1:{free_port()}/?token=geheim"
    with sink(url, quick(tmp_path, end_s=0.0), authorization="Bearer geheim") as sending:
        sending.write(result_with(1))
        wait_for_trouble(sending)
    assert "trying again" in caplog.text
    assert "geheim" not in caplog.text


@pytest.mark.parametrize("value", ["Bearer geheim\nX-Other: 1", "Bearer gehe\u00efm", " \n"])
def test_a_header_that_is_none_is_refused_before_the_run(value: str) -> None:
    """It was told in full, in the log, at every attempt; or it ended the thread that sends."""
    with pytest.raises(ValueError, match="authorization: expected one line of ASCII") as caught:
        WebhookConfig(authorization=value)
    assert "gehe" not in str(caught.value)


def test_a_header_from_a_file_may_end_its_line(tmp_path: Path) -> None:
    with Receiver() as receiver:
        with sink(receiver.port, quick(tmp_path), authorization="Bearer geheim\n") as sending:
            sending.write(result_with(1))
        assert receiver.accepted[0].headers["Authorization"] == "Bearer geheim"


def test_a_name_too_long_for_any_server_is_told_and_not_sent_to(tmp_path: Path) -> None:
    with sink(f"http://{'a' * 100}.invalid/", quick(tmp_path, end_s=0.0)) as sending:
        sending.write(result_with(1))
        assert "no answer" in wait_for_trouble(sending)


def test_a_changed_password_still_sends_what_waits(tmp_path: Path) -> None:
    port = free_port()
    with sink(f"http://me:old@127.0.0.1:{port}/", quick(tmp_path, end_s=0.0)) as sending:
        sending.write(result_with(1))
    with Receiver(port=port) as receiver, sink(f"http://me:new@127.0.0.1:{port}/", quick(tmp_path)):
        receiver.wait_for(1)


def test_only_a_trusted_certificate_gets_an_event(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pem = tmp_path / "own.pem"
    options = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    options += f" -addext subjectAltName=IP:127.0.0.1 -keyout {pem} -out {tmp_path}/certificate.pem"
    subprocess.run(["openssl", *options.split()], check=True, capture_output=True)
    certificate = (tmp_path / "certificate.pem").read_text()
    pem.write_text(pem.read_text() + certificate)
    with Receiver(certificate=pem) as receiver:
        url = f"https://127.0.0.1:{receiver.port}/"
        with sink(url, quick(tmp_path, end_s=0.0)) as sending:
            sending.write(result_with(1))
            assert "certificate verify failed" in wait_for_trouble(sending)
        assert not receiver.requests
        assert "certificate verify failed" in caplog.text
        with sink(url, quick(tmp_path), ca_file=tmp_path / "certificate.pem"):
            receiver.wait_for(1)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("", id="nothing"),
        pytest.param("ftp://door:geheim@host/", id="ftp"),
        pytest.param("https://", id="no host"),
        pytest.param("http://door:geheim@host:port/", id="no port"),
    ],
)
def test_what_is_no_web_address_is_one_line_without_secrets(url: str) -> None:
    with pytest.raises(
        SinkError, match=r"^sink webhook: expected an http or https address"
    ) as told:
        WebhookCourier(url, WebhookConfig())
    assert "geheim" not in str(told.value)


def test_what_is_no_certificate_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="expected certificates in PEM"):
        WebhookCourier("https://host/", WebhookConfig(ca_file=tmp_path / "missing.pem"))
