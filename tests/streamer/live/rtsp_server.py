"""An RTSP server for tests, run by the system's own Python, which has GStreamer's bindings.

Prints the port once it listens, then serves moving pictures until it is killed.
"""

from __future__ import annotations

import argparse
import sys

import gi  # type: ignore[import-not-found]  # the system's, not this environment's

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import (  # type: ignore[import-not-found]  # noqa: E402 - versions come first
    GLib,
    Gst,
    GstRtspServer,
)

ENCODERS = {
    "h264": (
        "x264enc tune=zerolatency speed-preset=ultrafast threads=1 key-int-max={gop} "
        "! rtph264pay name=pay0 config-interval=1 pt=96"
    ),
    "h264-slices": (
        "x264enc tune=zerolatency speed-preset=ultrafast sliced-threads=true threads=3 "
        "key-int-max={gop} ! rtph264pay name=pay0 config-interval=1 pt=96"
    ),
    "h265": (
        "x265enc tune=zerolatency speed-preset=ultrafast key-int-max={gop} "
        "option-string=pools=none:frame-threads=1:log-level=0 "
        "! rtph265pay name=pay0 config-interval=1 pt=96"
    ),
    "jpeg": "jpegenc ! rtpjpegpay name=pay0 pt=26",
}


def main() -> None:
    args = _parse()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(args.port))
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(_launch(args))
    factory.set_shared(not args.unshared)
    if args.password:
        _ask_password(server, factory, args.user, args.password)
    server.get_mount_points().add_factory("/cam", factory)
    if not server.attach(None):
        raise SystemExit(f"cannot listen on port {args.port}")
    sys.stdout.write(f"{server.get_bound_port()}\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--height", type=int, default=240)
    parser.add_argument("--rate", default="25", help="frames a second, as N or N/D")
    parser.add_argument("--gop", type=int, default=25)
    parser.add_argument("--codec", choices=sorted(ENCODERS), default="h264")
    parser.add_argument("--user", default="admin")
    parser.add_argument("--password")
    parser.add_argument(
        "--unshared", action="store_true", help="a pipeline a viewer: safe with viewers at once"
    )
    parser.add_argument("--buffers", type=int, default=-1, help="frames before the end")
    return parser.parse_args()


def _launch(args: argparse.Namespace) -> str:
    rate = args.rate if "/" in args.rate else f"{args.rate}/1"
    caps = f"video/x-raw,format=I420,width={args.width},height={args.height},framerate={rate}"
    encoder = ENCODERS[args.codec].format(gop=args.gop)
    source = f"videotestsrc is-live=true pattern=ball num-buffers={args.buffers}"
    return f"( {source} ! {caps} ! {encoder} )"


def _ask_password(
    server: GstRtspServer.RTSPServer,
    factory: GstRtspServer.RTSPMediaFactory,
    user: str,
    password: str,
) -> None:
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("viewer", "media.factory.access", True)
    permissions.add_permission_for_role("viewer", "media.factory.construct", True)
    factory.set_permissions(permissions)


if __name__ == "__main__":
    main()
