from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from train.errors import CheckpointError
from train.occupied import occupied


def test_folder_of_a_running_training_is_refused_until_it_is_killed(tmp_path: Path) -> None:
    ours, theirs = multiprocessing.Pipe()
    other = multiprocessing.get_context("spawn").Process(target=_hold, args=(tmp_path, theirs))
    other.start()
    try:
        assert ours.recv() == "has it"
        with pytest.raises(CheckpointError, match="another training is writing to it"):
            _enter(tmp_path)
    finally:
        other.kill()
        other.join()
    _enter(tmp_path)
    _enter(tmp_path)


def test_folder_is_made_and_one_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    _enter(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="cannot be written to: File exists; choose another"):
        _enter(tmp_path / "file")


def _enter(folder: Path) -> None:
    with occupied(folder):
        pass


def _hold(folder: Path, tells: Connection) -> None:
    """The target of another process: has the folder until it is killed."""
    with occupied(folder):
        tells.send("has it")
        tells.recv()
