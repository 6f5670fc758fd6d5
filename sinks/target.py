"""Where a run's outputs go, and that nothing a person has is lost by it."""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sinks.partial import partial_path, unwritable
from sinks.picture_file import is_picture
from streamer.errors import SinkError
from streamer.sources.listing import is_listing, read_listing


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a run reads, resolved.

    Attributes:
        files: every file.
        pictures: the names under which its pictures are written, seen from where their folder,
            glob or picture begins.
    """

    files: frozenset[Path]
    pictures: frozenset[Path]


def find_inputs(specs: Iterable[str]) -> Inputs:
    """Every file that `--source` specs name; lists are read, folders and globs searched."""
    files: set[Path] = set()
    pictures: set[Path] = set()
    for spec in _with_listed(specs):
        root, found = _search(spec)
        here = [path for path in found if path.is_file()]
        files.update(path.resolve() for path in here)
        pictures.update(path.relative_to(root) for path in here if is_picture(path))
    return Inputs(frozenset(files), frozenset(pictures))


def check_targets(
    targets: Sequence[Path], inputs: Inputs, *, overwrite: bool, grown: Collection[Path] = ()
) -> None:
    """Refuse to write a file twice, over an input, or over what exists unless that is allowed.

    That goes for what lies beside a target too: the configuration, and the file while it grows.

    Args:
        targets: the files to be written.
        inputs: the files to be read.
        overwrite: what exists may be replaced; inputs never.
        grown: those of the targets that may be there, for they are only added to.

    Raises:
        SinkError: one of these would happen.
    """
    kept = {
        path for target in grown for path in (target, partial_path(target), config_beside(target))
    }
    own = [path for target in targets for path in (target, partial_path(target))]
    configs = {config_beside(target).resolve(): config_beside(target) for target in targets}
    seen = set(configs)
    for path in own:
        if path.resolve() in seen:
            raise SinkError(f"{path}: two sinks would write it; give each a path of its own")
        seen.add(path.resolve())
    for folder in {target.parent for target in targets}:
        _check_room(folder)
    for path in (*own, *configs.values()):
        if path.resolve() in inputs.files:
            raise SinkError(f"{path}: a source would be replaced; choose another output")
        if exists(path) and path not in kept and not overwrite:
            raise SinkError(f"{path}: exists; pass --overwrite or choose another output")


def make_room(target: Path, *, overwrite: bool) -> None:
    """Make the folder of a file that is about to be written.

    Raises:
        SinkError: the file exists and may not be replaced, or its folder cannot be made.
    """
    if target.is_dir():
        raise SinkError(f"{target}: expected a file, got a folder; choose another name")
    if target.exists() and not overwrite:
        raise SinkError(f"{target}: exists; allow overwriting or choose another output")
    make_folder(target.parent)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, where they are not there.

    Raises:
        SinkError: it cannot be made.
    """
    with _making(folder):
        folder.mkdir(parents=True, exist_ok=True)


def make_hidden_folder(parent: Path, prefix: str) -> Path:
    """A new folder in `parent`, whose name begins with `prefix` and which nobody else has.

    Raises:
        SinkError: it cannot be made.
    """
    with _making(parent):
        return Path(tempfile.mkdtemp(prefix=prefix, dir=parent))


def check_picture_folder(folder: Path, inputs: Inputs) -> None:
    """Refuse to write pictures, which keep their names, where they came from.

    Raises:
        SinkError: they would replace their sources.
    """
    whole = folder.resolve()
    if any(whole / name in inputs.files for name in inputs.pictures):
        raise SinkError(f"{folder}: source pictures would be replaced; choose another output")


def new_folder(parent: Path, name: str, *, overwrite: bool) -> Path:
    """`parent/name`, or with -2, -3, ... if that exists and may not be written into; not made."""
    folder, number = parent / name, 2
    while exists(folder) and not overwrite:
        folder, number = parent / f"{name}-{number}", number + 1
    return folder


def config_beside(target: Path) -> Path:
    """Where the configuration that made `target` is stored.

    >>> config_beside(Path("runs/clip.mp4")).name
    'clip.config.yaml'
    """
    whole = target.is_dir()  # the last dot of a folder, as of 127.0.0.1, begins no suffix
    return target.with_name(f"{target.name if whole else target.stem}.config.yaml")


def exists(path: Path) -> bool:
    """Whether there is something of this name.

    Raises:
        SinkError: there can be nothing.
    """
    try:
        return path.exists()
    except OSError as error:  # a name too long, or a folder that is closed to us
        raise unwritable(path, error) from error


def _check_room(folder: Path) -> None:
    """Refuse a folder that cannot be made or written; nothing is made."""
    there = next((path for path in (folder, *folder.parents) if exists(path)), folder)
    if not there.is_dir():
        raise SinkError(f"{folder}: cannot be made: {there} is a file; choose another folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise SinkError(f"{folder}: cannot be written: permission denied; choose another folder")


@contextmanager
def _making(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SinkError(f"{folder}: cannot be made: {reason}; choose another folder") from error


def _with_listed(specs: Iterable[str]) -> Iterator[str]:
    """The specs, and those within the lists that they name."""
    for spec in specs:
        yield spec
        if is_listing(spec) and Path(spec).is_file():
            yield from (entry.spec for entry in read_listing(Path(spec)))


def _search(spec: str) -> tuple[Path, Iterable[Path]]:
    """Where a spec begins, and what it names."""
    path = Path(spec)
    if path.is_dir():
        return path, path.rglob("*")
    if path.exists() or not glob.has_magic(spec):
        return path.parent, [path]
    plain = next(index for index, part in enumerate(path.parts) if glob.has_magic(part))
    found = glob.glob(spec, recursive=True)  # noqa: PTH207 - patterns may be absolute
    return Path(*path.parts[:plain]), map(Path, found)


@contextmanager
def no_empty_folder(folder: Path) -> Iterator[None]:
    """Folders that are made meanwhile, and into which nothing comes, are taken away again."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    finally:
        with suppress(OSError):  # not empty, or never made
            for path in new:
                path.rmdir()
