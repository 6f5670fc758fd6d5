from __future__ import annotations

import contextlib
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from streamer.errors import ChannelClosed, SourceError, SourceOpenError
from streamer.sources.network import NetworkSource, network_source
from streamer.sources.network_config import NetworkConfig, open_options
from streamer.sources.refusal import SourceRefusedError
from tests.streamer.clips import number_of, write_clip
from tests.streamer.live.rtmp_server import RtmpServer
from tests.streamer.live.servers import (
    BabblingPeer,
    DrippingPeer,
    EndlessPicturePeer,
    RtspServer,
    SilentPeer,
    WebServer,
    black_hole,
    free_port,
    needs_rtsp_server,
)
from tests.streamer.live.watching import Watcher

SECRET = "hunter2"
QUICK = NetworkConfig(connect_timeout_s=2, stall_timeout_s=1)
STOP_BOUND_S = 2.0  # what a person pressing Ctrl-C is promised


def open_error(url: str, config: NetworkConfig | None = None) -> SourceOpenError:
    with pytest.raises(SourceOpenError) as caught, NetworkSource(url, stream_id="a", config=config):
        pass
    shown = "".join(traceback.format_exception(caught.value))
    assert SECRET not in shown, "a traceback would give the password away"
    assert "\n" not in str(caught.value)
    return caught.value


class TestRtsp:
    @needs_rtsp_server
    @pytest.mark.parametrize(
        "options",
        [
            pytest.param(("--codec", "h264"), id="h264"),
            pytest.param(("--codec", "h264-slices"), id="h264 in several slices"),
            pytest.param(("--codec", "jpeg"), id="jpeg"),
            pytest.param(("--codec", "h264", "--rate", "2"), id="two pictures a second"),
        ],
    )
    def test_pictures_come_with_the_cameras_own_times(self, options: tuple[str, ...]) -> None:
        with RtspServer(*options) as server:
            source = NetworkSource(server.url(f"admin:{SECRET}@"), stream_id="door")
            with Watcher(source) as watcher:
                watcher.await_frames(4)
        info, frames = source.stream, watcher.frames
        assert (info.width, info.height, info.is_live) == (320, 240, True)
        assert info.name == f"rtsp://admin:***@127.0.0.1:{server.port}/cam"
        rate = 2 if "--rate" in options else 25
        steps = [(b.pts - a.pts) * a.time_base for a, b in pairwise(frames)]
        assert steps[:3] == pytest.approx([1 / rate] * 3, abs=0.002)

    @needs_rtsp_server
    def test_datagrams_where_asked_for(self) -> None:
        config = NetworkConfig(rtsp_transport="udp")
        with (
            RtspServer() as server,
            Watcher(NetworkSource(server.url(), stream_id="a", config=config)) as watcher,
        ):
            watcher.await_frames(10)

    @needs_rtsp_server
    def test_a_wrong_password_is_said_and_not_shown(self) -> None:
        with RtspServer("--password", "right") as server:
            error = open_error(server.url(f"admin:{SECRET}@"))
            bare = open_error(server.url())
            with Watcher(NetworkSource(server.url("admin:right@"), stream_id="a")) as watcher:
                watcher.await_frames(1)
        assert isinstance(error, SourceRefusedError)
        assert "the user name or password is wrong (401)" in str(error)
        assert "asks for a user name and password" in str(bare)

    @needs_rtsp_server
    def test_a_wrong_path_is_said(self) -> None:
        with RtspServer() as server:
            assert "not found (404)" in str(open_error(server.url() + "era"))


class TestHttp:
    @pytest.mark.parametrize("rate_hz", [25, 1])
    def test_mjpeg_is_timed_by_arrival(self, rate_hz: float) -> None:
        with WebServer(rate_hz=rate_hz) as server:
            source = NetworkSource(server.url(), stream_id="a", config=QUICK)
            with Watcher(source) as watcher:
                watcher.await_frames(4)
            assert source.stream.is_live
            assert source.stream.rate is None
        frames = watcher.frames
        numbers = [number_of(frame.bgr()) for frame in frames]
        assert numbers == list(range(numbers[0], numbers[0] + len(frames)))
        span_s = (frames[3].captured_ns - frames[0].captured_ns) / 1e9
        assert frames[3].time_s - frames[0].time_s == pytest.approx(span_s, abs=0.001)

    def test_the_picture_may_change_its_size(self) -> None:
        with WebServer() as server, Watcher(NetworkSource(server.url(), stream_id="a")) as watcher:
            watcher.await_frames(2)
            server.size_wh = (128, 96)
            watcher.await_frames(10)
        last = watcher.frames[-1]
        assert (last.width, last.stream.width, last.bgr().shape) == (128, 128, (96, 128, 3))
        assert watcher.frames[0].stream.width == 64

    def test_a_recording_over_http_is_whole_and_ends(self, tmp_path: Path) -> None:
        write_clip(tmp_path / "clip.mp4", [40 * k for k in range(20)])
        with WebServer(tmp_path) as server:
            source = network_source(server.url("clip.mp4"), stream_id="a")
            with source:
                frames = list(source)
                assert not source.stream.is_live
        assert [number_of(frame.bgr()) for frame in frames] == list(range(20))
        assert server.connections < 5

    def test_hls_is_played_at_its_own_pace_and_ends_where_it_says(self, tmp_path: Path) -> None:
        write_hls(tmp_path, frame_count=50, segment_s=1)
        with WebServer(tmp_path) as server:
            source = network_source(server.url("live.m3u8"), stream_id="a")
            start_s = time.monotonic()
            with source:
                frames = list(source)
        assert [number_of(frame.bgr()) % 32 for frame in frames] == [k % 32 for k in range(50)]
        assert time.monotonic() - start_s > 1.9  # 50 frames at 25 Hz

    def test_hls_is_known_by_what_it_is_and_not_by_its_address(self, tmp_path: Path) -> None:
        """Behind a redirection it came in bursts, of which a live stream shows the last frame."""
        write_hls(tmp_path, frame_count=25, segment_s=1)
        with WebServer(tmp_path) as server:
            source = network_source(server.url("moved?to=/live.m3u8"), stream_id="a")
            with source:
                assert source.stream.is_live, "played at its own pace"

    def test_live_hls_waits_for_more_until_stopped(self, tmp_path: Path) -> None:
        write_hls(tmp_path, frame_count=50, segment_s=1)
        playlist = tmp_path / "live.m3u8"
        playlist.write_text(playlist.read_text().replace("#EXT-X-ENDLIST\n", ""))
        with WebServer(tmp_path) as server:
            source = network_source(server.url("live.m3u8"), stream_id="a")
            with Watcher(source) as watcher:
                watcher.await_frames(45)
                assert source.stream.is_live
                time.sleep(0.5)  # into the wait for a segment that does not come
                assert watcher.stop() < STOP_BOUND_S
        assert watcher.error is None

    def test_a_password_is_used_and_a_wrong_one_named(self) -> None:
        with WebServer(password="right") as server:
            with Watcher(
                NetworkSource(server.url(credentials="admin:right@"), stream_id="a")
            ) as watcher:
                watcher.await_frames(2)
            error = open_error(server.url(credentials=f"admin:{SECRET}@"))
        assert isinstance(error, SourceRefusedError)
        assert "the user name or password is wrong (401)" in str(error)

    def test_a_wrong_path_is_refused(self) -> None:
        with WebServer() as server:
            error = open_error(server.url("nothing", credentials=f"admin:{SECRET}@"))
        assert isinstance(error, SourceRefusedError)
        assert "not found (404)" in str(error)


class TestOtherProtocols:
    def test_mpeg_ts_over_udp(self) -> None:
        port = free_port(socket.SOCK_DGRAM)
        stopped = threading.Event()
        url = f"udp://127.0.0.1:{port}?pkt_size=1316"
        sender = threading.Thread(target=publish, args=(url, stopped))
        sender.start()
        try:
            with Watcher(NetworkSource(f"udp://127.0.0.1:{port}", stream_id="a")) as watcher:
                watcher.await_frames(5)
        finally:
            stopped.set()
            sender.join()

    def test_rtmp(self) -> None:
        with RtmpServer() as server:
            source = NetworkSource(server.url(), stream_id="a")
            with Watcher(source) as watcher:
                watcher.await_frames(5)
        steps = [b.time_s - a.time_s for a, b in pairwise(watcher.frames)]
        assert steps == pytest.approx([0.04] * len(steps), abs=0.002)
        assert source.stream.is_live

    def test_srt_is_refused_where_the_library_lacks_it(self) -> None:
        error = open_error("srt://127.0.0.1:9000", QUICK)
        if not isinstance(error, SourceRefusedError):
            pytest.skip("this FFmpeg carries srt")
        assert "built without srt" in str(error)


class TestErrors:
    def test_nobody_listens(self) -> None:
        error = open_error(f"rtsp://admin:{SECRET}@127.0.0.1:{free_port()}/cam")
        assert "refused" in str(error)

    def test_a_name_that_does_not_resolve(self) -> None:
        error = open_error(f"rtsp://admin:{SECRET}@no-such-camera.invalid/cam")
        assert "the name 'no-such-camera.invalid' does not resolve" in str(error)

    def test_a_picture_that_is_never_over_is_none(self) -> None:
        """FFmpeg opens what has come when it is interrupted, and gives that up at the next read."""
        with EndlessPicturePeer() as peer:
            error = open_error(f"http://admin:{SECRET}@127.0.0.1:{peer.port}/cam", QUICK)
        assert "no picture came within 2 s" in str(error)

    @pytest.mark.parametrize("sign", ["/", "?", "#"])
    def test_a_password_that_ends_the_host_is_told_how_to_be_written(self, sign: str) -> None:
        error = open_error(f"rtsp://admin:{SECRET}{sign}{SECRET}@127.0.0.1/cam")
        assert isinstance(error, SourceRefusedError)
        assert "written as %2F" in str(error)

    def test_a_password_may_hold_a_bracket(self) -> None:
        error = open_error(f"http://admin:{SECRET}[@127.0.0.1:{free_port()}/cam")
        assert "refused" in str(error)

    @pytest.mark.parametrize("scheme", ["rtsp", "http", "rtmp"])
    def test_noise_is_no_video(self, scheme: str) -> None:
        with BabblingPeer() as peer:
            open_error(f"{scheme}://admin:{SECRET}@127.0.0.1:{peer.port}/cam", QUICK)

    @pytest.mark.parametrize("peer_class", [SilentPeer, DrippingPeer])
    @pytest.mark.parametrize("scheme", ["rtsp", "http", "rtmp"])
    def test_a_peer_that_does_not_get_anywhere_times_out(
        self, scheme: str, peer_class: type[SilentPeer]
    ) -> None:
        with peer_class() as peer:
            config = NetworkConfig(connect_timeout_s=0.7)
            error = open_error(f"{scheme}://admin:{SECRET}@127.0.0.1:{peer.port}/cam", config)
        assert "no answer within 0.7 s" in str(error)

    @pytest.mark.parametrize(
        ("url", "words"),
        [
            pytest.param("clip.mp4", "expected one of rtsp://", id="a file"),
            pytest.param("gopher://a/b", "expected one of rtsp://", id="an odd protocol"),
        ],
    )
    def test_what_is_no_address_is_refused(self, url: str, words: str) -> None:
        with pytest.raises(SourceRefusedError, match=words):
            network_source(url, stream_id="a")

    def test_a_host_is_needed(self) -> None:
        assert "expected a host" in str(open_error("rtsp:///cam"))

    def test_silence_in_the_middle_is_a_time_out(self) -> None:
        with (
            WebServer(rate_hz=20) as server,
            Watcher(NetworkSource(server.url(), stream_id="a", config=QUICK)) as watcher,
        ):
            watcher.await_frames(10)
            server.rate_hz = 0.05
            watcher.await_end()
            server.stopped.set()
        assert "no frame for" in str(watcher.error)


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    with SilentPeer() as peer:
        yield peer.port


@contextlib.contextmanager
def dripping_port() -> Iterator[int]:
    with DrippingPeer() as peer:
        yield peer.port


class TestStop:
    @pytest.mark.parametrize("scheme", ["rtsp", "rtmp", "http"])
    @pytest.mark.parametrize(
        "port",
        [
            pytest.param(black_hole, id="in a connect that hangs"),
            pytest.param(silent_port, id="at a peer that never answers"),
            pytest.param(dripping_port, id="at a peer that drips"),
        ],
    )
    def test_opening_ends_at_once(
        self, scheme: str, port: type[contextlib.AbstractContextManager[int]]
    ) -> None:
        with port() as number:
            url = f"{scheme}://127.0.0.1:{number}/cam"
            source = NetworkSource(url, stream_id="a", config=NetworkConfig(connect_timeout_s=25))
            with Watcher(source) as watcher:
                time.sleep(0.3)  # until it hangs; nothing tells when
                assert watcher.stop() < STOP_BOUND_S
                assert watcher.error is None

    def test_a_read_that_waits_ends_at_once(self) -> None:
        with WebServer(rate_hz=0.1) as server:
            config = NetworkConfig(connect_timeout_s=25)
            with Watcher(NetworkSource(server.url(), stream_id="a", config=config)) as watcher:
                time.sleep(0.3)
                assert watcher.stop() < STOP_BOUND_S
                server.stopped.set()

    def test_a_source_that_was_stopped_does_not_open(self) -> None:
        with WebServer() as server:
            source = NetworkSource(server.url(), stream_id="a")
            source.stop()
            with pytest.raises(ChannelClosed), source:
                pass

    def test_other_readers_in_the_process_are_left_alone(self, tmp_path: Path) -> None:
        """The clock inside PyAV leaps for the stopped thread only."""
        with SilentPeer() as peer, WebServer(rate_hz=50) as server:
            url = f"rtsp://127.0.0.1:{peer.port}/cam"
            with Watcher(NetworkSource(server.url(), stream_id="a")) as healthy:
                with Watcher(NetworkSource(url, stream_id="b")) as hanging:
                    healthy.await_frames(3)
                    hanging.stop()
                healthy.await_frames(10)
            assert healthy.error is None


@pytest.mark.parametrize("field", ["connect_timeout_s", "stall_timeout_s", "stall_intervals"])
def test_no_patience_at_all_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match=f"{field}: expected more than 0, got 0"):
        NetworkConfig(**{field: 0})  # type: ignore[arg-type]  # the point


def test_the_transport_is_passed_on() -> None:
    config = NetworkConfig(rtsp_transport="udp")
    assert open_options("rtsp://a/b", config)["rtsp_transport"] == "udp"
    assert "rtsp_transport" not in open_options("http://a/b", config)
    with pytest.raises(ValueError, match="expected one of tcp, udp"):
        NetworkConfig(rtsp_transport="pigeon")  # type: ignore[arg-type]  # the point


def publish(url: str, stopped: threading.Event) -> None:
    """Send pictures as an MPEG transport stream until stopped."""
    with contextlib.suppress(av.FFmpegError, OSError), contextlib.ExitStack() as stack:
        output = stack.enter_context(av.open(url, "w", format="mpegts"))
        video = output.add_stream("libx264", rate=25, options={"tune": "zerolatency", "g": "5"})
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        number = 0
        while not stopped.wait(0.04):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(video.encode(frame))
            number += 1


def write_hls(folder: Path, *, frame_count: int, segment_s: int) -> None:
    write_clip(folder / "all.ts", [40 * k for k in range(frame_count)])
    with (
        av.open(str(folder / "all.ts")) as source,
        av.open(
            str(folder / "live.m3u8"),
            "w",
            format="hls",
            options={"hls_time": str(segment_s), "hls_list_size": "0"},
        ) as target,
    ):
        video = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = video
                target.mux(packet)


def test_stream_ends_are_failures_for_cameras() -> None:
    with WebServer() as server, Watcher(NetworkSource(server.url(), stream_id="a")) as watcher:
        watcher.await_frames(2)
        server.stopped.set()
        watcher.await_end()
    assert isinstance(watcher.error, SourceError)
