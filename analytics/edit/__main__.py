"""Draw lines and zones on a picture of a source, and save them as YAML for `run.py --config`."""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sys
import webbrowser
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from analytics.edit.picture import open_subject
from analytics.edit.scene_file import SceneFile
from configs.errors import ConfigError
from configs.parser import CommandParser, fail
from streamer.errors import SourceError

try:
    from analytics.edit.access import editor_gate
    from analytics.edit.server import LOOPBACK, listen, serve
    from analytics.edit.site import Work, build_site
    from analytics.web.access import new_token
except ModuleNotFoundError as error:
    if error.name != "aiohttp":
        raise
    sys.exit("error: the editor needs aiohttp; pip install '.[web]'")


def main(arguments: list[str] | None = None) -> int:
    """Serve until Ctrl-C; 0, or 2 after one line on standard error."""
    try:
        options = _parser().read(sys.argv[1:] if arguments is None else arguments)
        work = _prepare(options)
        listening = _listen(options.port)
    except (SourceError, ConfigError) as error:
        return fail(str(error))
    except KeyboardInterrupt:  # a camera that does not answer
        return 0
    port, token, ticket = listening.getsockname()[1], new_token(), new_token()
    gate = editor_gate(token, ticket=ticket, port=port)
    address = f"http://{LOOPBACK}:{port}/?token="
    sys.stdout.write(f"edit {work.file.path} at {address}{token} (Ctrl-C ends)\n")
    sys.stdout.flush()
    if options.browser and _has_screen():
        webbrowser.open(address + ticket)
    with ThreadPoolExecutor(1, thread_name_prefix="pictures") as executor:
        site = build_site(work, gate, executor)
        try:
            asyncio.run(serve(site, listening, asyncio.Event()))
        except KeyboardInterrupt:  # the way it is meant to end
            return 0
    return 0


def _prepare(options: argparse.Namespace) -> Work:
    if not 0 <= options.port <= 65535:
        raise ConfigError("--port", f"expected 0..65535, got {options.port}")
    subject = open_subject(options.source, options.stream)
    stream_id = options.stream or subject.stream.stream_id
    path: Path = options.config or Path(f"{stream_id}.yaml")
    if not path.parent.is_dir():
        raise ConfigError("--config", f"expected a folder {str(path.parent)!r}, got none")
    file = SceneFile(path, stream_id)
    try:
        file.read()
    except ConfigError as error:
        raise ConfigError(str(path), str(error).removeprefix(f"{path}: ")) from error
    return Work(options.source, subject, file, stream_id, options.stream)


def _listen(port: int) -> socket.socket:
    try:
        return listen(port)
    except OSError as error:
        reason = os.strerror(error.errno or 0)  # Python's own words repeat the address
        raise ConfigError(
            f"--port {port}", f"cannot listen: {reason.lower()}; choose another"
        ) from error


def _parser() -> CommandParser:
    parser = CommandParser(
        "python -m analytics.edit",
        "Draw lines and zones on a picture of a source, and save them as YAML.",
    )
    parser.add_argument("source", help="clip.mp4, or any other source as for run.py --source")
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="YAML file to edit or make (default: STREAM.yaml)",
    )
    parser.add_argument(
        "--stream", metavar="ID", help="draw for this stream only (default: every stream)"
    )
    parser.add_argument(
        "--port", type=int, default=0, metavar="N", help="port to listen on (default: a free one)"
    )
    parser.add_argument(
        "--no-browser", dest="browser", action="store_false", help="only print the address"
    )
    return parser


def _has_screen() -> bool:
    """Without one, a browser would be one for terminals, and take this one over."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


if __name__ == "__main__":
    sys.exit(main())
