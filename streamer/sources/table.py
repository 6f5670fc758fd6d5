"""What a person writes after --source, and the source it names."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path

from streamer.contract import Source
from streamer.errors import SourceOpenError, SourceSpecError
from streamer.sources.file import FileSource
from streamer.sources.images import IMAGE_SUFFIXES, ImagesSource
from streamer.sources.synthetic import SyntheticConfig, SyntheticSource

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts"}
    | {".wmv", ".flv", ".3gp", ".ogv", ".vob"}
)
UNSAFE_IN_FILE_NAMES = re.compile(r'[\x00-\x1f/\\:*?"<>|]+')
LONGEST_ID = 100  # characters; file systems allow 255 bytes, suffixes included


@dataclass(frozen=True, slots=True)
class _Named:
    """A source to be made once its stream id is known."""

    stem: str
    make: Callable[[str], Source]


def open_sources(specs: Sequence[str]) -> list[Source]:
    """One source a stream, with distinct ids; nothing is opened until entered.

    Args:
        specs: each a file, a picture, a folder, a glob, or `synthetic[:key=value,...]`. The
            pictures of a folder or glob are one stream; each of its recordings is its own.

    Raises:
        SourceOpenError: a spec that names nothing.
        SourceSpecError: a spec that makes no sense.
    """
    sources: list[Source] = []
    taken: set[str] = set()
    for spec in specs:
        for named in _resolve(spec):
            stream_id = _unique(named.stem, taken)
            taken.add(stream_id)
            sources.append(named.make(stream_id))
    return sources


def _resolve(spec: str) -> list[_Named]:
    scheme = spec.partition(":")[0]
    if scheme in SOURCES:
        return SOURCES[scheme](spec.partition(":")[2])
    if "://" in spec:
        raise SourceOpenError(
            f"source scheme {scheme!r}: expected a file, a folder, a glob or "
            f"{', '.join(sorted(SOURCES))}; streams from the network are not read yet"
        )
    return _resolve_path(spec)


def _resolve_path(spec: str) -> list[_Named]:
    path = Path(spec)
    if path.is_dir():
        found = sorted(item for item in path.rglob("*") if item.is_file())
        return _resolve_files(spec, path, found)
    if not path.exists() and glob.has_magic(spec):
        found = sorted(Path(item) for item in glob.glob(spec, recursive=True))  # noqa: PTH207
        root = _root_of_glob(spec)
        return _resolve_files(spec, root, [item for item in found if item.is_file()])
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return [_images(path.stem, spec, path.parent, [path])]
    return [_recording(path)]


def _resolve_files(spec: str, root: Path, found: Sequence[Path]) -> list[_Named]:
    pictures = [item for item in found if item.suffix.lower() in IMAGE_SUFFIXES]
    recordings = [item for item in found if item.suffix.lower() in VIDEO_SUFFIXES]
    if not pictures and not recordings:
        raise SourceOpenError(f"source '{spec}': expected pictures or recordings, got none there")
    streams = [_recording(item) for item in recordings]
    if pictures:
        streams.append(_images(root.resolve().name or "images", spec, root, pictures))
    return streams


def _root_of_glob(spec: str) -> Path:
    """The folder before the first part with a wildcard."""
    parts = Path(spec).parts
    plain = next((i for i, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return Path(*parts[:plain])


def _recording(path: Path) -> _Named:
    return _Named(path.stem, lambda stream_id: FileSource(path, stream_id=stream_id))


def _images(stem: str, name: str, root: Path, paths: Sequence[Path]) -> _Named:
    return _Named(
        stem, lambda stream_id: ImagesSource(paths, root=root, name=name, stream_id=stream_id)
    )


def _synthetic(options: str) -> list[_Named]:
    config = _parse_synthetic(options)
    return [_Named("synthetic", lambda stream_id: SyntheticSource(config, stream_id=stream_id))]


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


def _unique(stem: str, taken: set[str]) -> str:
    base = UNSAFE_IN_FILE_NAMES.sub("_", stem).strip(". ")[:LONGEST_ID] or "stream"
    name, number = base, 2
    while name in taken:
        name, number = f"{base}-{number}", number + 1
    return name


SOURCES: dict[str, Callable[[str], list[_Named]]] = {
    "synthetic": _synthetic,
}
