"""The fault battery: what real peers do to a stream, and how soon it is back (`pytest -s`)."""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from streamer.feed import Inlet
from streamer.outlet import Outlet
from streamer.pipeline import Pipeline
from streamer.sources.network import network_source
from streamer.sources.network_config import NetworkConfig
from tests.streamer.live.servers import (
    DrippingPeer,
    Proxy,
    RtspServer,
    SilentPeer,
    WebServer,
    free_port,
    needs_rtsp_server,
)
from tests.streamer.live.watching import Watcher, assert_one_line_of_time
from tests.streamer.parts import IndexStage, ListSink

CONFIG = NetworkConfig(connect_timeout_s=3, stall_timeout_s=1)


def tell(case: str, recovery_s: float) -> float:
    sys.stdout.write(f"\n{case:<45} back after {recovery_s:5.2f} s")
    return recovery_s


@needs_rtsp_server
class TestRtsp:
    @pytest.mark.parametrize(
        ("options", "check"),
        [
            pytest.param((), (320, "same"), id="as it was"),
            pytest.param(("--width", "640", "--height", "480"), (640, "larger"), id="larger"),
            pytest.param(("--codec", "jpeg"), (320, "another codec"), id="another codec"),
        ],
    )
    def test_a_killed_server_that_returns(
        self, options: Sequence[str], check: tuple[int, str]
    ) -> None:
        width, _ = check
        with RtspServer() as server:
            source = network_source(server.url(), stream_id="a", config=CONFIG)
            with Watcher(source) as watcher:
                watcher.await_frames(5)
                server.kill()
                time.sleep(1)
                server.start(*(options or ("--codec", "h264")))
                back_ns = time.monotonic_ns()  # it has said that it listens
                tell(f"rtsp, restarted {check[1]}", watcher.await_frame_after(back_ns))
                watcher.await_frames(3)
        assert_one_line_of_time(watcher.frames)
        assert (watcher.frames[-1].width, watcher.frames[-1].stream.width) == (width, width)
        assert source.health.snapshot().reconnects == 1

    def test_a_cut_connection(self) -> None:
        with RtspServer() as server, Proxy(server.port) as proxy:
            source = network_source(server.url(port=proxy.port), stream_id="a", config=CONFIG)
            with Watcher(source) as watcher:
                watcher.await_frames(5)
                cut_ns = time.monotonic_ns()
                proxy.cut()
                while not source.health.snapshot().reconnects:
                    watcher.await_frames(1)
                watcher.await_frames(3)
        after_ns = [f.captured_ns for f in watcher.frames if f.captured_ns > cut_ns]
        gaps_ns = [b - a for a, b in pairwise([cut_ns, *after_ns])]
        tell("rtsp, connection cut", max(gaps_ns) / 1e9)
        assert_one_line_of_time(watcher.frames)

    def test_a_connection_that_freezes(self) -> None:
        with RtspServer() as server, Proxy(server.port) as proxy:
            source = network_source(server.url(port=proxy.port), stream_id="a", config=CONFIG)
            with Watcher(source) as watcher:
                watcher.await_frames(5)
                proxy.is_frozen = True
                frozen_ns = time.monotonic_ns()
                while source.health.snapshot().state != "retrying":
                    time.sleep(0.02)
                assert "no frame for" in (source.health.snapshot().error or "")
                proxy.is_frozen = False
                proxy.cut()
                back_ns = time.monotonic_ns()
                tell("rtsp, frozen, then free", watcher.await_frame_after(back_ns))
        waited_s = (back_ns - frozen_ns) / 1e9
        assert waited_s > CONFIG.stall_timeout_s * 0.9
        assert_one_line_of_time(watcher.frames)

    def test_noise_in_the_middle(self) -> None:
        noise = np.random.default_rng(3).integers(0, 256, 3000, np.uint8).tobytes()
        with RtspServer() as server, Proxy(server.port) as proxy:
            source = network_source(server.url(port=proxy.port), stream_id="a", config=CONFIG)
            with Watcher(source) as watcher:
                watcher.await_frames(5)
                proxy.noise = noise
                while proxy.noise:
                    watcher.await_frames(1)
                spoilt_ns = time.monotonic_ns()
                tell("rtsp, noise in the middle", watcher.await_frame_after(spoilt_ns))
                watcher.await_frames(10)
        assert [frame.index for frame in watcher.frames] == list(range(len(watcher.frames)))

    def test_the_median_recovery_is_quick(self) -> None:
        """Bounds are three times what is promised, for the machine may be busy."""
        times_s = []
        with RtspServer() as server:
            source = network_source(server.url(), stream_id="a", config=CONFIG)
            with Watcher(source) as watcher:
                for down_s in (0.3, 0.7, 1.1):
                    watcher.await_frames(3)
                    server.kill()
                    time.sleep(down_s)
                    server.start()
                    back_ns = time.monotonic_ns()
                    recovery_s = watcher.await_frame_after(back_ns)
                    times_s.append(tell(f"rtsp, down for {down_s} s", recovery_s))
        tell("median", statistics.median(times_s))
        assert statistics.median(times_s) < 1.5


def test_a_web_camera_that_returns() -> None:
    with WebServer() as server:
        source = network_source(server.url(), stream_id="a", config=CONFIG)
        watcher = Watcher(source)
        with watcher:
            watcher.await_frames(5)
            server.__exit__(None, None, None)
            time.sleep(0.5)
            with WebServer(port=server.port, size_wh=(96, 64)):
                back_ns = time.monotonic_ns()
                tell("http, restarted larger", watcher.await_frame_after(back_ns))
                watcher.await_frames(3)
                watcher.stop()
    assert_one_line_of_time(watcher.frames)
    assert watcher.frames[-1].width == 96


@pytest.mark.parametrize("peer_class", [SilentPeer, DrippingPeer])
def test_a_peer_that_gets_nowhere_is_left_for_another_try(peer_class: type[SilentPeer]) -> None:
    config = NetworkConfig(connect_timeout_s=0.5)
    with peer_class() as peer:
        source = network_source(f"rtsp://127.0.0.1:{peer.port}/cam", stream_id="a", config=config)
        with Watcher(source) as watcher:
            while source.health.snapshot().state != "retrying":
                time.sleep(0.02)
            watcher.stop()
    assert "no answer within 0.5 s" in (source.health.snapshot().error or "")


@needs_rtsp_server
def test_three_bad_streams_of_eight_cost_the_others_no_frame() -> None:
    config = NetworkConfig(connect_timeout_s=0.7, stall_timeout_s=1)
    with (
        RtspServer("--rate", "10", "--unshared") as server,  # a shared one may abort: gst bug
        RtspServer("--rate", "10") as cut_off,
        SilentPeer() as silent,
        Proxy(cut_off.port) as proxy,
    ):
        urls = {f"good{k}": server.url() for k in range(5)}
        urls["silent"] = f"rtsp://127.0.0.1:{silent.port}/cam"
        urls["absent"] = f"rtsp://127.0.0.1:{free_port()}/cam"
        urls["broken"] = cut_off.url(port=proxy.port)
        sources = {
            name: network_source(url, stream_id=name, config=config) for name, url in urls.items()
        }
        sink = ListSink()
        pipeline = Pipeline(
            [Inlet(source) for source in sources.values()], IndexStage(), [Outlet(sink)]
        )
        runner = threading.Thread(target=pipeline.run)
        runner.start()
        for _ in range(4):
            time.sleep(1)
            proxy.cut()
        start_s = time.monotonic()
        pipeline.stop()
        runner.join()
        ended_s = time.monotonic() - start_s
    assert ended_s < 2
    for name in list(urls)[:5]:
        frames = [result.frame for result in sink.results if result.frame.stream_id == name]
        assert len(frames) >= 20
        span_s = frames[-1].time_s - frames[0].time_s
        assert len(frames) == round(span_s * 10) + 1, "a frame is missing"
        assert sources[name].health.snapshot().reconnects == 0
    assert sources["broken"].health.snapshot().reconnects >= 1
    assert sources["silent"].health.snapshot().error is not None
    assert "refused" in (sources["absent"].health.snapshot().error or "")
