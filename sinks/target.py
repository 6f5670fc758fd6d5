"""Where a run's outputs go, and that nothing a person has is lost by it."""

from __future__ import annotations

import glob
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sinks.picture_file import is_picture
from streamer.errors import SinkError


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a run reads, resolved.

    Attributes:
        files: every file.
        picture_folders: where a folder, a glob or a picture begins: pictures are written under
            the names they have from there.
    """

    files: frozenset[Path]
    picture_folders: frozenset[Path]


def find_inputs(specs: Iterable[str]) -> Inputs:
    """Every file that `--source` specs name; folders and globs are searched."""
    files: set[Path] = set()
    folders: set[Path] = set()
    for spec in specs:
        root, found = _search(spec)
        here = {path.resolve() for path in found if path.is_file()}
        files |= here
        if any(is_picture(path) for path in here):
            folders.add(root.resolve())
    return Inputs(frozenset(files), frozenset(folders))


def check_targets(targets: Sequence[Path], inputs: Inputs, *, overwrite: bool) -> None:
    """Refuse to write a file twice, over an input, or over what exists unless that is allowed.

    Args:
        targets: the files to be written.
        inputs: the files to be read.
        overwrite: what exists may be replaced; inputs never.

    Raises:
        SinkError: one of these would happen.
    """
    seen: set[Path] = set()
    for target in targets:
        resolved = target.resolve()
        if resolved in seen:
            raise SinkError(f"{target}: two sinks would write it; give each a path of its own")
        seen.add(resolved)
        if resolved in inputs.files:
            raise SinkError(f"{target}: a source would be replaced; choose another output")
        for path in (target, config_beside(target)):
            if path.exists() and not overwrite:
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
    if folder.resolve() in inputs.picture_folders:
        raise SinkError(f"{folder}: source pictures would be replaced; choose another output")


def new_folder(parent: Path, name: str, *, overwrite: bool) -> Path:
    """`parent/name`, or with -2, -3, ... if that exists and may not be written into; not made."""
    folder, number = parent / name, 2
    while folder.exists() and not overwrite:
        folder, number = parent / f"{name}-{number}", number + 1
    return folder


def config_beside(target: Path) -> Path:
    """Where the configuration that made `target` is stored.

    >>> config_beside(Path("runs/clip.mp4")).name
    'clip.config.yaml'
    """
    return target.with_name(f"{target.stem}.config.yaml")


@contextmanager
def _making(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SinkError(f"{folder}: cannot be made: {reason}; choose another folder") from error


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
