"""Outputs never cost a person anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from sinks.target import Inputs, check_picture_folder, check_targets, find_inputs, new_folder
from streamer.errors import SinkError

NONE = Inputs(frozenset(), frozenset())


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_inputs_of_nothing_are_none() -> None:
    assert find_inputs([]) == NONE


def test_inputs_are_files_folders_and_globs(tmp_path: Path) -> None:
    clip, photo, deep = tmp_path / "clip.mp4", tmp_path / "p" / "a.jpg", tmp_path / "p/q/b.avi"
    touch(clip, photo, deep, tmp_path / "other.mp4")
    folder = find_inputs([str(clip), str(tmp_path / "p"), "synthetic:frames=5"])
    assert folder == Inputs(frozenset({clip, photo, deep}), frozenset({tmp_path / "p"}))
    assert find_inputs([str(tmp_path / "p" / "*.jpg")]) == Inputs(
        frozenset({photo}), frozenset({tmp_path / "p"})
    )
    assert find_inputs([str(tmp_path / "*.mp4")]).picture_folders == frozenset()


def test_a_file_whose_name_looks_like_a_glob_is_itself(tmp_path: Path) -> None:
    odd = tmp_path / "a[1].mp4"
    touch(odd)
    assert find_inputs([str(odd)]).files == {odd}


def test_what_exists_is_kept_unless_it_may_go(tmp_path: Path) -> None:
    target = tmp_path / "a.mp4"
    check_targets([target], NONE, overwrite=False)
    touch(target)
    with pytest.raises(SinkError, match=r"a\.mp4: exists; pass --overwrite"):
        check_targets([target], NONE, overwrite=False)
    check_targets([target], NONE, overwrite=True)


def test_a_configuration_beside_the_target_is_kept_too(tmp_path: Path) -> None:
    touch(tmp_path / "a.config.yaml")
    with pytest.raises(SinkError, match=r"a\.config\.yaml: exists"):
        check_targets([tmp_path / "a.mp4"], NONE, overwrite=False)


def test_an_input_is_no_target_even_with_overwriting(tmp_path: Path) -> None:
    clip = tmp_path / "a.mp4"
    touch(clip)
    with pytest.raises(SinkError, match="a source would be replaced"):
        check_targets([tmp_path / "x" / ".." / "a.mp4"], find_inputs([str(clip)]), overwrite=True)


def test_one_target_for_two_sinks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="two sinks would write it"):
        check_targets([tmp_path / "a", tmp_path / "b" / ".." / "a"], NONE, overwrite=True)


def test_pictures_are_not_written_where_they_came_from(tmp_path: Path) -> None:
    touch(tmp_path / "p" / "a.jpg")
    inputs = find_inputs([str(tmp_path / "p")])
    check_picture_folder(tmp_path / "out", inputs)
    with pytest.raises(SinkError, match="source pictures would be replaced"):
        check_picture_folder(tmp_path / "p", inputs)


def test_a_new_folder_has_a_name_that_is_free(tmp_path: Path) -> None:
    assert new_folder(tmp_path, "a", overwrite=False) == tmp_path / "a"
    (tmp_path / "a").mkdir()
    (tmp_path / "a-2").mkdir()
    assert new_folder(tmp_path, "a", overwrite=False) == tmp_path / "a-3"
    assert new_folder(tmp_path, "a", overwrite=True) == tmp_path / "a"
