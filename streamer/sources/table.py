"""What a person writes after --source, and the source it names."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from streamer.contract import Source
from streamer.errors import SourceOpenError, SourceSpecError
from streamer.redact import redact
from streamer.sources.camera import CameraSource
from streamer.sources.file import FileSource
from streamer.sources.hardware import HardwareChoice
from streamer.sources.images import IMAGE_SUFFIXES, ImagesSource
from streamer.sources.input_config import InputConfig
from streamer.sources.listing import Listed, is_listing, read_listing
from streamer.sources.network import network_source
from streamer.sources.network_config import SCHEMES, is_network, scheme_of
from streamer.sources.reconnect import Reconnecting
from streamer.sources.refusal import host_of
from streamer.sources.screen import ScreenSource, parse_screen
from streamer.sources.stdin import StdinSource
from streamer.sources.synthetic import SyntheticConfig, SyntheticSource

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts"}
    | {".wmv", ".flv", ".3gp", ".ogv", ".vob"}
)


@dataclass(frozen=True, slots=True)
class NamedSource:
    """A source to be made once its stream id is known.

    Attributes:
        stem: what the id is made from.
        make: a fresh source for an id.
        is_live: the world does not wait for us.
        missing: the path, where nothing is there; it may appear until the source is opened.
        is_recording: a file with an end, that can wait until others are read.
    """

    stem: str
    make: Callable[[str], Source]
    is_live: bool = False
    missing: Path | None = None
    is_recording: bool = False


def find_sources(spec: str, config: InputConfig) -> list[NamedSource]:
    """What a person means by `spec`; nothing is opened.

    Args:
        spec: a file, a picture, a folder, a glob, a list of sources, an address, or a key of
            SOURCES with its text behind a colon. The pictures of a folder or glob are one stream;
            each of its recordings is its own.
        config: how network streams and cameras are opened.

    Raises:
        SourceOpenError: a spec that names nothing.
        SourceSpecError: a spec that makes no sense.
    """
    if not spec.strip():  # of a variable that is not set; as a path it would be all that is here
        raise SourceSpecError(
            f"source {spec!r}: expected a file, folder, glob, camera or address, got nothing"
        )
    try:
        return _find(spec, config)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SourceOpenError(
            f"source '{redact(spec)}': cannot be searched for: {reason}; check the path"
        ) from error


def _find(spec: str, config: InputConfig) -> list[NamedSource]:
    if is_listing(spec) and Path(spec).is_file():
        return [named for entry in read_listing(Path(spec)) for named in _listed(entry, config)]
    if is_network(spec):
        return [_network(spec, config)]
    if "://" in spec:
        raise SourceSpecError(
            f"source '{redact(spec)}': expected one of "
            f"{', '.join(f'{scheme}://' for scheme in SCHEMES)}; correct the address"
        )
    kind, _, text = spec.partition(":")
    if kind in SOURCES:
        return [SOURCES[kind](text, config)]
    return _resolve_path(spec, config)


def _listed(entry: Listed, config: InputConfig) -> list[NamedSource]:
    try:
        found = find_sources(entry.spec, config)
    except SourceOpenError as error:
        raise type(error)(f"{entry.where}: {error}") from error
    if entry.name is None:
        return found
    return [replace(named, stem=entry.name) for named in found]


def _network(url: str, config: InputConfig) -> NamedSource:
    shown = redact(url)  # ids become names of files; the query is left out altogether
    try:
        parts = urlsplit(shown)
        parts.port  # noqa: B018 - which raises where it is none
    except ValueError as error:
        raise SourceSpecError(
            f"source '{shown}': expected scheme://user:password@host:port/path, got an invalid "
            "host or port; correct the address"
        ) from error
    path = PurePosixPath(parts.path)
    is_recording = scheme_of(url).startswith("http") and path.suffix.lower() in VIDEO_SUFFIXES
    return NamedSource(
        "-".join(filter(None, (host_of(shown), path.stem))),
        lambda stream_id: network_source(
            url, stream_id=stream_id, config=config.network, policy=config.reconnect
        ),
        is_live=not is_recording,
    )


def _webcam(which: str, config: InputConfig) -> NamedSource:
    policy = replace(config.reconnect, is_first_failure_final=True)  # what is not there stays away

    def make(stream_id: str) -> Source:
        return Reconnecting(
            lambda: CameraSource(which, stream_id=stream_id, wanted=config.camera),
            stream_id=stream_id,
            policy=policy,
        )

    return NamedSource("webcam", make, is_live=True)


def _screen(text: str, _config: InputConfig) -> NamedSource:
    area = parse_screen(text)
    return NamedSource(
        "screen", lambda stream_id: ScreenSource(area, stream_id=stream_id), is_live=True
    )


def _stdin(text: str, _config: InputConfig) -> NamedSource:
    if text:
        raise SourceSpecError(f"source '-:{text}': expected '-' alone; leave the rest out")
    return NamedSource("stdin", lambda stream_id: StdinSource(stream_id=stream_id))


def _resolve_path(spec: str, config: InputConfig) -> list[NamedSource]:
    path = Path(spec)
    if path.is_dir():
        found = sorted(item for item in path.rglob("*") if item.is_file())
        shown = [item for item in found if not _is_hidden(item.relative_to(path))]
        return _resolve_files(spec, path, shown, config)
    if not path.exists() and glob.has_magic(spec):
        found = sorted(Path(item) for item in glob.glob(spec, recursive=True))  # noqa: PTH207 - patterns may be absolute
        root = _root_of_glob(spec)
        return _resolve_files(spec, root, [item for item in found if item.is_file()], config)
    is_picture = path.suffix.lower() in IMAGE_SUFFIXES
    named = (
        _images(path.stem, spec, path.parent, [path]) if is_picture else _recording(path, config)
    )
    return [named if path.exists() else replace(named, missing=path)]


def _resolve_files(
    spec: str, root: Path, found: Sequence[Path], config: InputConfig
) -> list[NamedSource]:
    pictures = [item for item in found if item.suffix.lower() in IMAGE_SUFFIXES]
    recordings = [item for item in found if item.suffix.lower() in VIDEO_SUFFIXES]
    if not pictures and not recordings:
        raise SourceOpenError(f"source '{spec}': expected pictures or recordings, got none there")
    streams = [_recording(item, config) for item in recordings]
    if pictures:
        streams.append(_images(root.resolve().name or "images", spec, root, pictures))
    return streams


def _is_hidden(path: Path) -> bool:
    """Neither `*` nor a file manager would name it."""
    return any(part.startswith(".") for part in path.parts)


def _root_of_glob(spec: str) -> Path:
    """The folder before the first part with a wildcard."""
    parts = Path(spec).parts
    plain = next((i for i, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return Path(*parts[:plain])


def _recording(path: Path, config: InputConfig) -> NamedSource:
    if path.is_fifo() or path.is_char_device():  # may keep its reader waiting
        return NamedSource(path.stem, lambda stream_id: StdinSource(stream_id=stream_id, path=path))
    hardware = HardwareChoice(path, config.decode)
    return NamedSource(
        path.stem,
        lambda stream_id: FileSource(path, stream_id=stream_id, hardware=hardware),
        is_recording=True,
    )


def _images(stem: str, name: str, root: Path, paths: Sequence[Path]) -> NamedSource:
    return NamedSource(
        stem, lambda stream_id: ImagesSource(paths, root=root, name=name, stream_id=stream_id)
    )


def _synthetic(options: str, _config: InputConfig) -> NamedSource:
    scene = _parse_synthetic(options)
    return NamedSource("synthetic", lambda stream_id: SyntheticSource(scene, stream_id=stream_id))


def _parse_synthetic(options: str) -> SyntheticConfig:
    """`key=value,...` as a SyntheticConfig; values are numbers, or `none`."""
    known = {field.name: field.type for field in fields(SyntheticConfig)}
    values: dict[str, object] = {}
    for pair in filter(None, options.split(",")):
        key, _, text = pair.partition("=")
        if key not in known:
            raise SourceSpecError(
                f"source 'synthetic:{options}': expected one of {', '.join(known)}, got {key!r}"
            )
        try:
            values[key] = _number(text)
        except (ValueError, ZeroDivisionError) as error:
            raise SourceSpecError(
                f"source 'synthetic:{options}': {key}: expected a number or none, got {text!r}"
            ) from error
    try:
        return SyntheticConfig(**values)  # type: ignore[arg-type]  # it checks them itself
    except (TypeError, ValueError) as error:
        raise SourceSpecError(f"source 'synthetic:{options}': {error}") from error


def _number(text: str) -> int | float | Fraction | None:
    if text == "none":
        return None
    if "/" in text:
        return Fraction(text)
    return int(text) if re.fullmatch(r"-?\d+", text) else float(text)


SOURCES: dict[str, Callable[[str, InputConfig], NamedSource]] = {
    "webcam": _webcam,
    "screen": _screen,
    "-": _stdin,
    "synthetic": _synthetic,
}
