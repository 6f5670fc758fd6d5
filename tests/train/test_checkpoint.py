from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from train.checkpoint import read_checkpoint, remove_leftovers, write_checkpoint
from train.errors import CheckpointError

CONTENT = {"format": 1, "state_dict": {"w": torch.arange(3.0)}, "epoch": 2}


def test_checkpoint_comes_back_as_it_went(tmp_path: Path) -> None:
    path = tmp_path / "new" / "last.pth"
    write_checkpoint(path, CONTENT)
    content = read_checkpoint(path)
    assert content["epoch"] == 2
    assert torch.equal(content["state_dict"]["w"], torch.arange(3.0))
    assert [entry.name for entry in path.parent.iterdir()] == ["last.pth"]


def test_full_disk_is_one_clear_line_and_keeps_the_checkpoint_before(tmp_path: Path) -> None:
    """No file may grow beyond 64 KiB here, which the system reports as it does a full disk."""
    path = tmp_path / "last.pth"
    write_checkpoint(path, CONTENT)
    large = {**CONTENT, "state_dict": {"w": torch.zeros(1 << 20)}}
    with _largest_file(1 << 16), pytest.raises(CheckpointError) as raised:
        write_checkpoint(path, large)
    assert "cannot be written: File too large; free some space and continue with --resume" in str(
        raised.value
    )
    assert "\n" not in str(raised.value)
    assert read_checkpoint(path)["epoch"] == 2
    assert [entry.name for entry in tmp_path.iterdir()] == ["last.pth"]


def test_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match=r"cannot be written: (Not a directory|File exists)"):
        write_checkpoint(tmp_path / "file" / "last.pth", CONTENT)


@pytest.mark.parametrize("kept", [0, 10, 500, -100])
def test_cut_file_is_refused(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "last.pth"
    write_checkpoint(path, CONTENT)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match="a damaged file or one of another kind"):
        read_checkpoint(path)


def test_format_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "last.pth"
    write_checkpoint(path, {**CONTENT, "format": 99})
    with pytest.raises(CheckpointError, match="expected format 1, got 99"):
        read_checkpoint(path)


def test_what_killed_processes_left_is_removed(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "last.pth", CONTENT)
    (tmp_path / ".last.pth.123.partial").write_bytes(b"half")
    remove_leftovers(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["last.pth"]


@contextmanager
def _largest_file(size: int) -> Iterator[None]:
    """Lets this process write no file beyond `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # else it ends the process
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
