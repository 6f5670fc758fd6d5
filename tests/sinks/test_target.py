"""Outputs never cost a person anything."""

from __future__ import annotations

import os
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
    pictures = frozenset({Path("a.jpg")})
    assert folder == Inputs(frozenset({clip, photo, deep}), pictures)
    assert find_inputs([str(tmp_path / "p" / "*.jpg")]) == Inputs(frozenset({photo}), pictures)
    assert find_inputs([str(tmp_path / "*.mp4")]).pictures == frozenset()


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


def test_what_a_list_of_sources_names_is_no_target(tmp_path: Path) -> None:
    clip, listing = tmp_path / "a.mp4", tmp_path / "doors.txt"
    touch(clip)
    listing.write_text(f"{clip}\nrtsp://door/1\n")
    inputs = find_inputs([str(listing)])
    assert inputs.files == {clip, listing}
    with pytest.raises(SinkError, match="a source would be replaced"):
        check_targets([clip], inputs, overwrite=True)


def test_what_a_target_is_called_meanwhile_is_no_input(tmp_path: Path) -> None:
    left = tmp_path / "a.partial.mp4"
    touch(left)
    with pytest.raises(SinkError, match=r"a\.partial\.mp4: a source would be replaced"):
        check_targets([tmp_path / "a.mp4"], find_inputs([str(left)]), overwrite=True)


def test_what_a_killed_run_has_left_is_kept_unless_it_may_go(tmp_path: Path) -> None:
    touch(tmp_path / "a.partial.mp4")
    with pytest.raises(SinkError, match=r"a\.partial\.mp4: exists; pass --overwrite"):
        check_targets([tmp_path / "a.mp4"], NONE, overwrite=False)
    check_targets([tmp_path / "a.mp4"], NONE, overwrite=True)


@pytest.mark.parametrize("other", ["a.partial.mp4", "a.config.yaml"])
def test_a_target_that_another_one_needs_is_refused(tmp_path: Path, other: str) -> None:
    with pytest.raises(SinkError, match="two sinks would write it"):
        check_targets([tmp_path / "a.mp4", tmp_path / other], NONE, overwrite=True)
    with pytest.raises(SinkError, match="two sinks would write it"):
        check_targets([tmp_path / other, tmp_path / "a.mp4"], NONE, overwrite=True)


def test_targets_of_one_name_share_their_configuration(tmp_path: Path) -> None:
    check_targets([tmp_path / "a.mp4", tmp_path / "a.jsonl"], NONE, overwrite=False)


@pytest.mark.parametrize("folder", [".", "/"])
def test_a_folder_is_no_target(folder: str) -> None:
    with pytest.raises(SinkError, match="expected the name of a file, got a folder's"):
        check_targets([Path(folder)], NONE, overwrite=True)


def test_a_name_that_no_file_can_have_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="file name too long; choose another output"):
        check_targets([tmp_path / f"{'a' * 250}.mp4"], NONE, overwrite=False)
    with pytest.raises(SinkError, match="file name too long"):
        new_folder(tmp_path, "a" * 300, overwrite=False)


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    touch(tmp_path / "runs")
    with pytest.raises(SinkError, match=r"runs/x: cannot be made: .*runs is a file"):
        check_targets([tmp_path / "runs" / "x" / "a.mp4"], NONE, overwrite=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_folder_that_is_closed_is_refused(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with pytest.raises(SinkError, match="closed/x: cannot be written: permission denied"):
        check_targets([closed / "x" / "a.mp4"], NONE, overwrite=True)


def test_one_target_for_two_sinks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="two sinks would write it"):
        check_targets([tmp_path / "a", tmp_path / "b" / ".." / "a"], NONE, overwrite=True)


def test_pictures_are_not_written_where_they_came_from(tmp_path: Path) -> None:
    touch(tmp_path / "p" / "a.jpg")
    inputs = find_inputs([str(tmp_path / "p")])
    check_picture_folder(tmp_path / "out", inputs)
    with pytest.raises(SinkError, match="source pictures would be replaced"):
        check_picture_folder(tmp_path / "p", inputs)


def test_pictures_do_not_replace_others_that_are_read(tmp_path: Path) -> None:
    touch(tmp_path / "p" / "a.jpg", tmp_path / "p" / "q" / "a.jpg")
    inputs = find_inputs([str(tmp_path / "p" / "**" / "*.jpg")])
    with pytest.raises(SinkError, match="source pictures would be replaced"):
        check_picture_folder(tmp_path / "p" / "q", inputs)
    check_picture_folder(tmp_path / "p" / "r", inputs)


def test_a_new_folder_has_a_name_that_is_free(tmp_path: Path) -> None:
    assert new_folder(tmp_path, "a", overwrite=False) == tmp_path / "a"
    (tmp_path / "a").mkdir()
    (tmp_path / "a-2").mkdir()
    assert new_folder(tmp_path, "a", overwrite=False) == tmp_path / "a-3"
    assert new_folder(tmp_path, "a", overwrite=True) == tmp_path / "a"
