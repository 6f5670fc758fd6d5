"""Where a run's outputs go, and that nothing a person has is lost by it."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from pathlib import Path

from sinks.picture_file import is_picture
from streamer.errors import SinkError

CONFIG_SUFFIX = ".config.yaml"


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
    return target.with_name(f"{target.stem}{CONFIG_SUFFIX}")


def files_of(specs: Iterable[str]) -> list[Path]:
    """Every file that `--source` specs name, resolved; folders and globs are searched."""
    found: list[Path] = []
    for spec in specs:
        path = Path(spec)
        if path.is_dir():
            found += path.rglob("*")
        elif path.exists():
            found.append(path)
        else:
            found += map(Path, glob.glob(spec, recursive=True))  # noqa: PTH207 - absolute ones too
    return [path.resolve() for path in found if path.is_file()]


def check_targets(targets: Sequence[Path], inputs: Sequence[Path], *, overwrite: bool) -> None:
    """Refuse to write a file twice, over an input, or over what exists unless that is allowed.

    Args:
        targets: the files to be written; pictures may go beside them under their own names.
        inputs: the files to be read, resolved.
        overwrite: what exists may be replaced; inputs never.

    Raises:
        SinkError: one of these would happen.
    """
    seen: set[Path] = set()
    for target in targets:
        if target.resolve() in seen:
            raise SinkError(f"{target}: two sinks would write it; give each a path of its own")
        seen.add(target.resolve())
        if _replaces(target, inputs):
            raise SinkError(f"{target}: a source would be replaced; choose another --output")
        for path in (target, config_beside(target)):
            if path.exists() and not overwrite:
                raise SinkError(f"{path}: exists; pass --overwrite or choose another --output")


def _replaces(target: Path, inputs: Sequence[Path]) -> bool:
    folder = target.parent.resolve()
    return any(
        path == target.resolve() or (is_picture(path) and path.is_relative_to(folder))
        for path in inputs
    )
