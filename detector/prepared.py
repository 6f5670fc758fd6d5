"""Networks as ONNX files in the user's cache folder: written once, checked on every use.

Beside `<fingerprint>.onnx` lie:
    .onnx.lock       held by whoever writes, so that two processes do not both do
    .onnx.sha256     of the whole file, written last
    .onnx.<mark>     a runtime has been compared with torch on this file
"""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import filelock
import platformdirs
import torch
from torch import nn

from detector import onnx_graph
from detector.errors import DetectorError
from detector.network import PointNetwork
from detector.onnx_graph import GraphForm, load_onnx, write_onnx

logger = logging.getLogger(__name__)

_LOCK_S = 600.0  # most time to wait for another process that writes the same file


@dataclass(frozen=True, slots=True)
class PreparedNetwork:
    """A network as an ONNX file (`GraphForm()`: NHWC float32 in, heads out, any size).

    Attributes:
        path: of the file.
    """

    path: Path

    def has(self, mark: str) -> bool:
        """Whether `mark` was left on this very file."""
        return self._mark(mark).exists()

    def leave(self, mark: str) -> None:
        """Leave `mark`; without it the same work is done again, so failing to is no failure."""
        try:
            self._mark(mark).touch()
        except OSError as error:
            logger.info("%s: %s", self._mark(mark), error)

    def _mark(self, mark: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{mark}")


def prepare(network: PointNetwork, *, folder: Path | None, name: str) -> PreparedNetwork:
    """The network's file; blocks while it is written.

    Args:
        network: float32, on the CPU, in evaluation mode.
        folder: None for the user's cache folder.
        name: of the runtime that wants it, for messages.

    Raises:
        DetectorError: the package `onnx` is absent, or the file cannot be written.
    """
    folder = folder or Path(platformdirs.user_cache_dir("streamer", appauthor=False)) / "models"
    path = folder / f"{fingerprint(network)}.onnx"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(path.with_name(f"{path.name}.lock"), timeout=_LOCK_S):
            if not _is_whole(path):
                _write(network, path, name)
    except filelock.Timeout as error:
        raise DetectorError(
            f"runtime {name!r}: another process has been writing {path} for {_LOCK_S:g} s; wait "
            "for it or end it"
        ) from error
    except OSError as error:
        raise DetectorError(
            f"runtime {name!r}: expected to write {path}, got {error.strerror or error}; free "
            "some space or use --runtime torch"
        ) from error
    return PreparedNetwork(path)


def fingerprint(network: nn.Module) -> str:
    """24 hexadecimal digits of everything that the file depends on.

    Weights, layers, the code that defines them, the exporter and its version: a change of any asks
    for another file.
    """
    digest = hashlib.sha256()
    for part in (torch.__version__, repr(network), *_sources(network)):
        digest.update(part.encode() + b"\0")
    for key, tensor in network.state_dict().items():
        digest.update(f"{key} {list(tensor.shape)} {tensor.dtype}".encode() + b"\0")
        digest.update(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()[:24]


def _sources(network: nn.Module) -> Iterator[str]:
    """The code of every module that a layer's class comes from, and of the exporter."""
    names = {type(module).__module__ for module in network.modules()}
    for name in (onnx_graph.__name__, *sorted(names)):
        file = getattr(sys.modules.get(name), "__file__", None)
        if file is not None and not name.startswith("torch."):  # its version says it
            yield Path(file).read_text(encoding="utf-8")


def _is_whole(path: Path) -> bool:
    stated = path.with_name(f"{path.name}.sha256")
    return path.is_file() and stated.is_file() and stated.read_text() == _sha256(path)


def _write(network: PointNetwork, path: Path, name: str) -> None:
    load_onnx()  # before anything is said
    logger.warning("runtime %s: preparing the network, once: %s", name, path)
    partial = path.with_name(f"{path.name}.partial")
    write_onnx(network, GraphForm(), partial)
    for stale in path.parent.glob(f"{path.name}.*checked"):
        stale.unlink()
    sha256 = _sha256(partial)
    partial.replace(path)
    path.with_name(f"{path.name}.sha256").write_text(sha256)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
