"""A broker gets everything once and in order, and knows whether we are there."""

from __future__ import annotations

import logging
import subprocess
import threading
from pathlib import Path

import pytest

pytest.importorskip("paho.mqtt.client", reason="needs pip install -e '.[mqtt]'")

from sinks.events.delivery import DeliveryConfig
from sinks.events.mqtt import MqttCourier, parse_broker
from sinks.events.mqtt_config import MqttConfig
from sinks.events.sending import SendingSink
from streamer.errors import SinkError
from tests.sinks.events.broker import MOSQUITTO, Listener, Mosquitto, Wire
from tests.sinks.events.receiver import free_port, quick, result_with, wait_for_trouble

needs_broker = pytest.mark.skipif(MOSQUITTO is None, reason="needs mosquitto")
STATUS = "site/status"
EVENTS = "site/events/door"


def sink(url: str | int, delivery: DeliveryConfig, ca_file: Path | None = None) -> SendingSink:
    address = url if isinstance(url, str) else f"mqtt://127.0.0.1:{url}/site"
    courier = MqttCourier(address, MqttConfig(ca_file=ca_file, delivery=delivery))
    sending = SendingSink("mqtt", address, courier, delivery)
    courier.on_lost = sending.wake
    return sending


@needs_broker
def test_who_listens_hears_that_we_come_what_happens_and_that_we_go(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker, Listener(broker.port) as listener:
        with sink(broker.port, quick(tmp_path)) as sending:
            assert listener.next() == (STATUS, "online")
            sending.write(result_with())
            sending.write(result_with(1, 2))
            sending.write(result_with(3))
        heard = [listener.next() for _ in range(4)]
    assert heard == [*[(EVENTS, f"door:{number}") for number in (1, 2, 3)], (STATUS, "offline")]
    assert not [each for each in threading.enumerate() if "mqtt" in each.name]


@needs_broker
def test_who_comes_later_still_learns_whether_we_are_there(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker:
        with Listener(broker.port) as listener, sink(broker.port, quick(tmp_path)):
            assert listener.next() == (STATUS, "online")
            with Listener(broker.port) as late:
                assert late.next() == (STATUS, "online")
        with Listener(broker.port) as later:
            assert later.next() == (STATUS, "offline")


@needs_broker
def test_a_cut_connection_is_our_last_will_and_we_come_back_by_ourselves(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path) as broker,
        Listener(broker.port) as listener,
        Wire(broker.port) as wire,
        sink(wire.port, quick(tmp_path)) as sending,
    ):
        assert listener.next() == (STATUS, "online")
        wire.cut()
        assert listener.next() == (STATUS, "offline")
        assert listener.next() == (STATUS, "online")
        sending.write(result_with(1))
        assert listener.next() == (EVENTS, "door:1")


@needs_broker
def test_a_broker_that_was_down_gets_everything_when_it_is_back(tmp_path: Path) -> None:
    port = free_port()
    with sink(port, quick(tmp_path)) as sending:
        for number in range(3):
            sending.write(result_with(number))
        with Mosquitto(tmp_path, port=port), Listener(port) as listener:
            heard: list[str] = []
            while len(heard) < 3:
                topic, text = listener.next()
                heard += [text] * (topic == EVENTS)
    assert heard == ["door:0", "door:1", "door:2"]


@needs_broker
def test_a_broker_that_answers_nothing_costs_nothing(tmp_path: Path) -> None:
    with (
        Mosquitto(tmp_path) as broker,
        Listener(broker.port) as listener,
        sink(broker.port, quick(tmp_path, timeout_s=0.2)) as sending,
    ):
        assert listener.next() == (STATUS, "online")
        broker.pause()
        for number in range(5):
            sending.write(result_with(number))
        wait_for_trouble(sending)
        broker.go_on()
        heard: list[str] = []
        while "door:4" not in heard:
            topic, text = listener.next()
            heard += [text] * (topic == EVENTS)
    # What was on its way when nothing was acknowledged may come twice: that is QoS 1.
    assert list(dict.fromkeys(heard)) == [f"door:{number}" for number in range(5)]


@needs_broker
def test_what_a_run_leaves_unsent_goes_out_first_with_the_next(tmp_path: Path) -> None:
    port = free_port()
    with sink(port, quick(tmp_path, end_s=0.0)) as sending:
        sending.write(result_with(1, 2))
    with Mosquitto(tmp_path, port=port), Listener(port) as listener:
        with sink(port, quick(tmp_path)) as sending:
            sending.write(result_with(3))
        heard = [listener.next() for _ in range(5)]
    assert [text for topic, text in heard if topic == EVENTS] == ["door:1", "door:2", "door:3"]


@needs_broker
def test_a_password_opens_the_broker_and_is_told_nowhere(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    keys = tmp_path / "passwords"
    keys.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", str(keys), "me", "geheim"], check=True)
    lines = ("allow_anonymous false", f"password_file {keys}", "user root")
    with (
        Mosquitto(tmp_path, *lines) as broker,
        Listener(broker.port, user="me", password="geheim") as listener,
    ):
        wrong = f"mqtt://me:geheim2@127.0.0.1:{broker.port}/site"
        with sink(wrong, quick(tmp_path, end_s=0.0)) as refused:
            refused.write(result_with(1))
            wait_for_trouble(refused)
        right = f"mqtt://me:geheim@127.0.0.1:{broker.port}/site"
        with sink(right, quick(tmp_path)) as sending:
            assert listener.next() == (STATUS, "online")
            assert listener.next() == (EVENTS, "door:1")
    assert "the broker refuses the connection: not authorized" in caplog.text
    assert "geheim" not in caplog.text + sending.name


@needs_broker
def test_only_a_trusted_certificate_gets_an_event(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    options = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    options += f" -addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {certificate}"
    subprocess.run(["openssl", *options.split()], check=True, capture_output=True)
    lines = ("allow_anonymous true", f"certfile {certificate}", f"keyfile {key}", "user root")
    with Mosquitto(tmp_path, *lines) as broker:
        url = f"mqtts://127.0.0.1:{broker.port}/site"
        with sink(url, quick(tmp_path, end_s=0.0)) as sending:
            sending.write(result_with(1))
            assert "certificate verify failed" in wait_for_trouble(sending)
        assert "1 waiting for the next run" in caplog.text
        caplog.clear()
        with sink(url, quick(tmp_path), ca_file=certificate):
            pass
        assert not caplog.text


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("", id="nothing"),
        pytest.param("broker", id="no scheme"),
        pytest.param("http://me:geheim@broker/", id="another scheme"),
        pytest.param("mqtt://", id="no host"),
        pytest.param("mqtt://me:geheim@broker:door/", id="no port"),
        pytest.param("mqtt://broker/site/#", id="wildcard"),
        pytest.param("mqtt://broker/site/+/x", id="another wildcard"),
    ],
)
def test_what_is_no_broker_is_one_line_without_secrets(url: str) -> None:
    with pytest.raises(SinkError, match=r"^sink mqtt: expected mqtt:// or mqtts://") as told:
        parse_broker(url)
    assert "geheim" not in str(told.value)


def test_a_broker_is_named_by_its_address() -> None:
    broker = parse_broker("mqtts://me:a%40b@host/site/north/")
    assert (broker.host, broker.port, broker.is_secret) == ("host", 8883, True)
    assert (broker.user, broker.password, broker.topic) == ("me", "a@b", "site/north")
    assert parse_broker("mqtt://host").port == 1883
    assert "a@b" not in repr(broker)
