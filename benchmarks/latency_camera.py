"""Cameras whose pictures carry the moment they were made, over RTSP; H.264 without look-ahead.

Run from the repository root by the system's own Python, which has GStreamer's bindings:
`/usr/bin/python3 -m benchmarks.latency_camera --cameras 8`. Prints its port once it listens, then
serves /cam0, /cam1, ... until it is killed. Cameras tick evenly spread over a frame interval.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time

import gi  # type: ignore[import-not-found]  # the system's, not this environment's

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import (  # type: ignore[import-not-found]  # noqa: E402 - versions come first
    GLib,
    Gst,
    GstRtspServer,
)

from benchmarks import barcode  # noqa: E402 - after the versions

WIDTH, HEIGHT = barcode.WIDTH, 368
GREY_PLANES = bytes([128]) * (WIDTH * HEIGHT // 2)
LAUNCH = (
    "( appsrc name=lens is-live=true do-timestamp=true format=time max-buffers=2 "
    "caps=video/x-raw,format=I420,width={width},height={height},framerate={rate}/1 "
    "! x264enc tune=zerolatency speed-preset=ultrafast threads=1 bitrate=2000 key-int-max={rate} "
    "! rtph264pay name=pay0 config-interval=1 pt=96 )"
)


class Camera:
    """Makes a picture at every tick while somebody looks on.

    Args:
        rate: pictures a second.
        phase: of its ticks, as a share of their interval.
    """

    def __init__(self, rate: int, phase: float) -> None:
        self._interval_s = 1 / rate
        self._phase_s = phase * self._interval_s
        self._stopped = threading.Event()

    def look_through(self, _factory: object, media: GstRtspServer.RTSPMedia) -> None:
        """Called by the server when a media is made for its first client."""
        lens = media.get_element().get_by_name_recurse_up("lens")
        self._stopped.set()  # of an earlier media
        self._stopped = threading.Event()
        threading.Thread(target=self._run, args=(lens, self._stopped), daemon=True).start()

    def _run(self, lens: Gst.Element, stopped: threading.Event) -> None:
        ticks = int(time.monotonic() / self._interval_s)
        while not stopped.is_set():
            ticks += 1
            time.sleep(max(0.0, ticks * self._interval_s + self._phase_s - time.monotonic()))
            below = _wall(ticks)  # drawn before the moment is noted
            planes = barcode.draw(time.monotonic_ns()) + below + GREY_PLANES
            if lens.emit("push-buffer", Gst.Buffer.new_wrapped(planes)) is Gst.FlowReturn.FLUSHING:
                time.sleep(self._interval_s)


def _wall(number: int) -> bytes:
    """Luma of the rest of the picture: stripes that move, so that there is something to code."""
    shift = number * 4 % WIDTH
    stripes = bytes(40 + (x * 5 // 8) % 160 for x in range(WIDTH))
    return (stripes[shift:] + stripes[:shift]) * (HEIGHT - barcode.HEIGHT)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, default=1)
    parser.add_argument("--rate", type=int, default=25, help="pictures a second")
    options = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    for number in range(options.cameras):
        camera = Camera(options.rate, number / options.cameras)
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(LAUNCH.format(width=WIDTH, height=HEIGHT, rate=options.rate))
        factory.set_shared(True)
        factory.connect("media-configure", camera.look_through)
        server.get_mount_points().add_factory(f"/cam{number}", factory)
    if not server.attach(None):
        raise SystemExit("cannot listen")
    sys.stdout.write(f"{server.get_bound_port()}\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
