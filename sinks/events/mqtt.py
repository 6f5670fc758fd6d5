"""Events published to an MQTT broker, and whether we are there to publish any."""

from __future__ import annotations

import re
import ssl
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from sinks.events.delivery import Unreachable
from sinks.events.mqtt_config import MqttConfig
from sinks.events.spool import Spooled
from sinks.events.trust import trust
from streamer.errors import SinkError
from streamer.redact import redact

ONLINE, OFFLINE = b"online", b"offline"

_PORTS = {"mqtt": 1883, "mqtts": 8883}  # IANA
_WILDCARD = re.compile(r"[+#]")  # no topic may have one
_AT_LEAST_ONCE = 1  # QoS


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker is and what is published there.

    Attributes:
        host: name or number.
        port: TCP.
        is_secret: over TLS.
        user: or None.
        password: or None.
        topic: what all topics begin with.
    """

    host: str
    port: int
    is_secret: bool
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    topic: str = "streamer"


def parse_broker(url: str) -> Broker:
    """The broker meant by `mqtt[s]://[user:password@]host[:port][/topic]`.

    >>> parse_broker("mqtts://host/site/north").topic
    'site/north'

    Raises:
        SinkError: the address will not do.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    topic = unquote(parts.path).strip("/")
    is_known = parts.scheme in _PORTS and parts.hostname and not {*"?#"} & {*url}
    if not is_known or _WILDCARD.search(topic) or "\0" in topic:
        raise SinkError(
            "sink mqtt: expected mqtt:// or mqtts://[user:password@]host[:port][/topic], got "
            f"{redact(url)!r}"
        )
    return Broker(
        host=parts.hostname or "",
        port=_PORTS[parts.scheme] if port is None else port,
        is_secret=parts.scheme == "mqtts",
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        topic=topic or "streamer",
    )


class MqttCourier:
    """Publishes each record under `TOPIC/events/STREAM`, and waits for the broker to have it.

    `TOPIC/status` is retained: "online" while we are connected, "offline" afterwards, also where
    the connection was lost or the process was killed: that is our last will.

    Args:
        url: of the broker.
        config: how.

    Raises:
        SinkError: the address or the certificates will not do.
    """

    def __init__(self, url: str, config: MqttConfig) -> None:
        # Called, in a thread of the client, when the connection is gone.
        self.on_lost: Callable[[], None] = lambda: None
        self._broker = parse_broker(url)
        self._config = config
        self._trusted = trust(config.ca_file) if self._broker.is_secret else None
        self._link: _Link | None = None
        self._is_cut = False

    def connect(self) -> None:
        """Be connected, and say so.

        Raises:
            Unreachable: the broker is away or does not let us in.
        """
        if self._is_cut:
            raise Unreachable("the run has ended")
        if self._link is not None and self._link.is_lost:
            self._link.hang_up()
            self._link = None
        if self._link is None:
            link = _Link(self._broker, self._config, self._trusted, self.on_lost)
            try:
                link.open()
            except Unreachable:
                link.hang_up()
                raise
            self._link = link

    def deliver(self, record: Spooled) -> None:
        """Publish one record.

        Raises:
            Unreachable: the broker has not acknowledged it.
        """
        if self._link is None:
            raise Unreachable("not connected")
        stream = _WILDCARD.sub("_", record.stream_id)
        try:
            self._link.publish(f"{self._broker.topic}/events/{stream}", record.body)
        except Unreachable:
            # Else the client would send it again by itself, beside our own next try.
            self._link.hang_up()
            self._link = None
            raise

    def cut(self) -> None:
        """End waiting for the broker, and connect no more; any thread."""
        self._is_cut = True
        link = self._link
        if link is not None:
            link.give_up()

    def close(self) -> None:
        """Say that we are gone."""
        link, self._link = self._link, None
        if link is not None:
            link.say_goodbye()


class _Link:
    """One connection; the client's own thread keeps it alive."""

    def __init__(
        self,
        broker: Broker,
        config: MqttConfig,
        trusted: ssl.SSLContext | None,
        on_lost: Callable[[], None],
    ) -> None:
        self._status = f"{broker.topic}/status"
        self._broker = broker
        self._timeout_s = config.delivery.timeout_s
        self._keepalive_s = config.keepalive_s
        self._on_lost = on_lost
        self._changed = threading.Condition()
        self._is_welcome = False
        self._acknowledged: set[int] = set()
        self._reason: str | None = None
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"streamer-{uuid.uuid4().hex[:12]}",
            protocol=MQTTv311,
            reconnect_on_failure=False,  # a new link is made instead, with nothing left over
        )
        client.connect_timeout = config.delivery.connect_s
        client.will_set(self._status, OFFLINE, qos=_AT_LEAST_ONCE, retain=True)
        if broker.user is not None:
            client.username_pw_set(broker.user, broker.password)
        if trusted is not None:
            trusted.sslsocket_class = _Handshaking
            client.tls_set_context(trusted)
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_publish = self._published
        self._client = client

    @property
    def is_lost(self) -> bool:
        """The broker or the network has ended it."""
        return self._reason is not None

    def open(self) -> None:
        """Connect and be welcomed; raises Unreachable."""
        try:
            self._client.connect(self._broker.host, self._broker.port, keepalive=self._keepalive_s)
        except (OSError, ValueError) as error:
            raise Unreachable(f"no connection: {error}") from error
        self._client.loop_start()
        self._wait(lambda: self._is_welcome)
        self.publish(self._status, ONLINE, retain=True)

    def publish(self, topic: str, body: bytes, *, retain: bool = False) -> None:
        """Return once the broker has it; raises Unreachable."""
        sent = self._client.publish(topic, body, qos=_AT_LEAST_ONCE, retain=retain)
        self._wait(lambda: sent.mid in self._acknowledged)
        with self._changed:
            self._acknowledged.discard(sent.mid)

    def say_goodbye(self) -> None:
        """Tell that we are gone, if anybody is there to hear it, and hang up."""
        with suppress(Unreachable):  # then the will says it
            if not self.is_lost:
                self.publish(self._status, OFFLINE, retain=True)
        self.hang_up()

    def hang_up(self) -> None:
        """Close the connection and end the client's thread."""
        self._client.disconnect()
        self._client.loop_stop()
        connection = self._client.socket()
        if connection is not None:  # nobody has answered, so paho still waits for that
            connection.close()
        # Nothing holds the client in a circle then: paho closes what it wakes itself with only
        # when it is finalised.
        self._client.on_connect = self._client.on_disconnect = self._client.on_publish = None

    def give_up(self) -> None:
        """End waiting; any thread."""
        self._lose("the run has ended")

    def _wait(self, is_so: Callable[[], bool]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: is_so() or self.is_lost, self._timeout_s)
            if not is_so():
                raise Unreachable(self._reason or f"no answer for {self._timeout_s:g} s")

    def _lose(self, reason: str) -> None:
        with self._changed:
            self._reason = self._reason or reason
            self._changed.notify_all()

    def _connected(
        self,
        client: Client,  # noqa: ARG002 - the form of paho's callbacks, here and below
        userdata: object,  # noqa: ARG002
        flags: ConnectFlags,  # noqa: ARG002
        reason: ReasonCode,
        properties: Properties | None,  # noqa: ARG002
    ) -> None:
        if reason.is_failure:
            self._lose(f"the broker refuses the connection: {str(reason).lower()}")
            return
        with self._changed:
            self._is_welcome = True
            self._changed.notify_all()

    def _disconnected(
        self,
        client: Client,  # noqa: ARG002
        userdata: object,  # noqa: ARG002
        flags: DisconnectFlags,  # noqa: ARG002
        reason: ReasonCode,
        properties: Properties | None,  # noqa: ARG002
    ) -> None:
        self._lose(f"the connection is lost: {str(reason).lower()}")
        self._on_lost()

    def _published(
        self,
        client: Client,  # noqa: ARG002
        userdata: object,  # noqa: ARG002
        mid: int,
        reason: ReasonCode,  # noqa: ARG002
        properties: Properties,  # noqa: ARG002
    ) -> None:
        with self._changed:
            self._acknowledged.add(mid)
            self._changed.notify_all()


class _Handshaking(ssl.SSLSocket):
    """Closes itself where the peer is not trusted, which paho 2.2 leaves undone."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - ssl's form
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise
