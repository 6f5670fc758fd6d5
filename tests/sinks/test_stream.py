"""Pictures reach a peer that listens; one that does not costs only what it does not get."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from sinks.stream import StreamConfig, StreamSink, stream_addresses
from streamer.errors import SinkError
from streamer.picture import BgrPicture
from tests.sinks.results import STREAM, boxes, results

LIVE = replace(STREAM, width=96, height=64, is_live=True)
EVERY = 1001
WAIT_S = 20.0


def _free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class _Peer:
    """FFmpeg, listening; keeps the times and sizes of what comes."""

    def __init__(self, url: str, options: dict[str, str], wanted: int) -> None:
        self.seconds: list[Fraction] = []
        self.sizes: set[tuple[int, int]] = set()
        self.codec = ""
        self._url, self._options, self._wanted = url, options, wanted
        self.has_enough = threading.Event()
        self._thread = threading.Thread(target=self._read, name="peer")
        self._thread.start()

    def _read(self) -> None:
        try:
            with av.open(self._url, options=self._options, timeout=WAIT_S) as container:
                self.codec = container.streams.video[0].codec_context.name
                for frame in container.decode(video=0):
                    assert frame.pts is not None
                    assert frame.time_base is not None
                    self.seconds.append(frame.pts * frame.time_base)
                    self.sizes.add((frame.width, frame.height))
                    if len(self.seconds) >= self._wanted:
                        return
        except (av.FFmpegError, OSError):
            pass  # it left, as peers do
        finally:
            self.has_enough.set()

    def join(self) -> None:
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()


@contextmanager
def _peer(url: str, options: dict[str, str], wanted: int) -> Iterator[_Peer]:
    peer = _Peer(url, options, wanted)
    try:
        yield peer
    finally:
        peer.join()


def _push(sink: StreamSink, count: int, until: threading.Event) -> None:
    """At the pace of a camera, until the peer has enough."""
    found = boxes((10, 10, 60, 50))
    for result in results(range(0, count * EVERY, EVERY), stream=LIVE, detections=found):
        sink.write(result)
        if until.wait(0.01):
            return


@pytest.mark.parametrize("scheme", ["rtmp", "rtsp", "udp", "tcp"])
def test_a_peer_gets_the_pictures(scheme: str) -> None:
    port = _free_port(socket.SOCK_DGRAM if scheme == "udp" else socket.SOCK_STREAM)
    url = f"{scheme}://127.0.0.1:{port}" + ("/live/gate" if scheme in {"rtmp", "rtsp"} else "")
    listening = {
        "rtmp": {"listen": "1", "timeout": "10"},
        "rtsp": {"rtsp_flags": "listen", "listen_timeout": "10"},
        "udp": {},
        "tcp": {"listen": "1"},
    }
    config = StreamConfig(timeout_s=3, retry_s=0.1, retry_most_s=0.2, keyframe_s=0.3)
    with _peer(url, listening[scheme], 20) as peer, StreamSink(url, ("car",), config) as sink:
        _push(sink, 1500, peer.has_enough)
    assert len(peer.seconds) >= 20
    assert peer.codec == "h264"
    assert peer.sizes == {(96, 64)}
    steps = [after - before for before, after in zip(peer.seconds, peer.seconds[1:], strict=False)]
    assert all(0.0 < step < 0.08 for step in steps[1:20])  # 33 or 34 ms each, none lost


def test_a_peer_that_is_away_costs_only_its_pictures(caplog: pytest.LogCaptureFixture) -> None:
    """Where its process took a while to start, each of its tries was told anew."""
    url = f"rtmp://operator:hunter2@127.0.0.1:{_free_port()}/live/gate"
    config = StreamConfig(timeout_s=1, retry_s=0.05, retry_most_s=0.1)
    start_s = time.monotonic()
    with caplog.at_level(logging.INFO), StreamSink(url, (), config) as sink:
        for result in results(range(0, 1500 * EVERY, EVERY), stream=LIVE):
            sink.write(result)
            time.sleep(0.01)  # a camera's pace
            if sink.connections > 2:
                break
    assert time.monotonic() - start_s < WAIT_S
    assert sink.connections > 2
    assert sink.lost > 0
    assert sink.sent + sink.lost == result.frame.index + 1
    assert "connection refused" in caplog.text
    assert "hunter2" not in caplog.text
    assert sum(record.levelno == logging.WARNING for record in caplog.records) == 2  # and the sum


def test_a_peer_that_comes_back_is_sent_to_again() -> None:
    url = f"tcp://127.0.0.1:{_free_port()}"
    config = StreamConfig(timeout_s=2, retry_s=0.05, retry_most_s=0.1, keyframe_s=0.2)
    with StreamSink(url, (), config) as sink:
        for _ in range(2):
            with _peer(url, {"listen": "1"}, 10) as peer:
                _push(sink, 1500, peer.has_enough)
                assert len(peer.seconds) >= 10  # and it leaves
    assert sink.connections >= 2


def test_a_peer_that_reads_nothing_holds_neither_the_run_nor_its_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # accepts, and never reads
        port = server.getsockname()[1]
        big = replace(LIVE, width=640, height=480)
        config = StreamConfig(crf=0, timeout_s=0.5, retry_s=0.1)
        start_s = time.monotonic()
        with StreamSink(f"tcp://127.0.0.1:{port}", (), config) as sink:
            for result in results(range(0, 400 * EVERY, EVERY), stream=big):
                sink.write(result)
                if sink.lost:
                    break
        assert time.monotonic() - start_s < WAIT_S
    assert sink.lost > 0


def test_the_end_of_the_run_does_not_wait_for_a_peer_that_reads_nothing() -> None:
    """Ctrl-C took as long as the peer's patience: nobody told the sink."""
    big = replace(LIVE, width=640, height=480)
    noise = np.random.default_rng(1)  # fills buffers
    (result,) = results([0], stream=big)
    with socket.create_server(("127.0.0.1", 0)) as server:  # accepts, and never reads
        url = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        sink = StreamSink(url, (), StreamConfig(crf=0, timeout_s=60))

        def send() -> None:
            with sink:
                for index in range(100):
                    picture = BgrPicture(noise.integers(0, 256, (480, 640, 3), np.uint8))
                    frame = replace(result.frame, pts=index * EVERY, picture=picture)
                    sink.write(replace(result, frame=frame))

        sending = threading.Thread(target=send)
        sending.start()
        sent = -1
        while sent < sink.sent or not sent:  # until a write is stuck
            sent = sink.sent
            time.sleep(0.7)
        sink.stop()
        sending.join(WAIT_S)
        assert not sending.is_alive()
    assert 0 < sent < 100


def test_a_recording_is_sent_at_its_own_pace() -> None:
    url = f"udp://127.0.0.1:{_free_port(socket.SOCK_DGRAM)}"
    with StreamSink(url, ()) as sink:
        start_s = time.monotonic()
        for result in results(range(0, 10 * EVERY, EVERY)):
            sink.write(result)
        took_s = time.monotonic() - start_s
    assert took_s >= 9 * 1001 / 30000 - 0.001
    assert sink.sent == 10


def test_a_protocol_that_ffmpeg_lacks_is_said_once_and_for_all() -> None:
    try:
        av.open("srt://127.0.0.1:9?timeout=1000", timeout=0.1)
    except av.ProtocolNotFoundError:
        pass
    except (av.FFmpegError, OSError):
        pytest.skip("this FFmpeg speaks srt")

    def send() -> None:
        with StreamSink("srt://:secret@127.0.0.1:9", ()) as sink:
            for result in results(range(0, 10_000 * EVERY, EVERY), stream=LIVE):
                sink.write(result)
                time.sleep(0.005)

    with pytest.raises(SinkError, match="cannot speak the protocol; use another") as caught:
        send()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "door", "http://host/x", "rtmp://", "file:///etc/passwd"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(SinkError, match="expected an address with rtmp"):
        StreamSink(url, ())


def test_secrets_are_in_no_name() -> None:
    sink = StreamSink("rtsp://me:hunter2@host/gate?token=abc", ())
    assert sink.name == "stream rtsp://me:***@host/gate?token=***"


def test_several_streams_need_several_addresses() -> None:
    with pytest.raises(SinkError, match=r"expected an address with \{stream\} for 2 streams"):
        stream_addresses("rtmp://me:hunter2@host/live", ["a", "b"])
    assert stream_addresses("rtmp://host/live", ["a"]) == {"a": "rtmp://host/live"}
