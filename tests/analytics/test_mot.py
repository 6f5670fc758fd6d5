from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from analytics.mot import main
from analytics.mot_text import MotError, read_boxes, read_sequence, tracks_text
from analytics.tracking.tracker import TRACKERS
from detector.detections import Detections
from tests.paths import ROOT, SHARED, needs_shared

INI = """[Sequence]
name=Street
imDir=img1
frameRate=29.97
seqLength=40
imWidth=640
imHeight=480
imExt=.jpg
"""
KITTI = ("data", "mot", "MOT15", "KITTI-17")


@pytest.fixture
def street(tmp_path: Path) -> Path:
    """A folder with a sequence of two people."""
    (tmp_path / "seqinfo.ini").write_text(INI)
    lines = [
        f"{frame},-1,{left + 2 * frame}.25,100,40.5,120.125,{score},-1,-1,-1\n"
        for frame in range(1, 41)
        for left, score in ((300, 0.75), (10, 0.9))
    ]
    (tmp_path / "det.txt").write_text("".join(lines))
    return tmp_path


def _arguments(folder: Path, **changes: str) -> list[str]:
    values = {
        "detections": str(folder / "det.txt"),
        "seqinfo": str(folder / "seqinfo.ini"),
        "tracker": "ocsort",
        "out": str(folder / "tracks.txt"),
        **changes,
    }
    return [word for key, value in values.items() for word in (f"--{key}", value)]


def test_sequence_is_read_with_its_exact_rate(street: Path) -> None:
    sequence = read_sequence(street / "seqinfo.ini")
    assert (sequence.name, sequence.rate, sequence.length) == ("Street", 29.97, 40)
    assert (sequence.width, sequence.height) == (640, 480)


def test_boxes_are_read_a_frame_best_first(street: Path) -> None:
    frames = read_boxes(street / "det.txt", 40)
    assert len(frames) == 40
    np.testing.assert_array_equal(
        frames[0].xyxy, np.array([[12.25, 100, 52.75, 220.125], [302.25, 100, 342.75, 220.125]])
    )
    assert frames[0].score.tolist() == [np.float32(0.9), 0.75]
    assert frames[0].track_id is None


@pytest.mark.parametrize("name", sorted(TRACKERS))
def test_command_writes_a_line_for_each_tracked_box(street: Path, name: str) -> None:
    assert main(_arguments(street, tracker=name)) == 0
    lines = (street / "tracks.txt").read_text().splitlines()
    assert len(lines) == 80
    assert lines[:2] == [
        "1,1,12.250,100.000,40.500,120.125,1,-1,-1,-1",
        "1,2,302.250,100.000,40.500,120.125,1,-1,-1,-1",
    ]
    assert {line.split(",")[1] for line in lines} == {"1", "2"}


def test_what_is_written_reads_back_the_same(street: Path) -> None:
    main(_arguments(street))
    text = (street / "tracks.txt").read_text()
    assert tracks_text(read_boxes(street / "tracks.txt", 40)) == text


def test_classes_are_read_and_written_where_asked_for(street: Path) -> None:
    lines = (street / "det.txt").read_text().replace("0.9,-1", "0.9,7").replace("75,-1", "75,1")
    (street / "det.txt").write_text(lines)
    assert main([*_arguments(street), "--classes"]) == 0
    rows = [line.split(",") for line in (street / "tracks.txt").read_text().splitlines()]
    assert {(row[1], row[7]) for row in rows} == {("1", "7"), ("2", "1")}


def test_no_detections_give_no_tracks(street: Path) -> None:
    (street / "det.txt").write_text("\n")
    assert main(_arguments(street)) == 0
    assert (street / "tracks.txt").read_text() == ""


def test_boxes_without_ids_are_not_written() -> None:
    one = Detections(np.ones((1, 4), np.float32), np.ones(1, np.float32), np.zeros(1, np.int32))
    assert tracks_text([Detections.empty()]) == ""
    with pytest.raises(ValueError, match="frame 1: expected track ids, got none"):
        tracks_text([one])


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("det.txt", "1,-1,5,5", "det.txt line 1: expected 7 or more values with commas, got 4"),
        ("det.txt", "\n1,-1,5,5,a,9,1", "det.txt line 2: expected numbers, got '1,-1,5,5,a,9,1'"),
        ("det.txt", "41,-1,5,5,5,5,1", "det.txt line 1: frame: expected 1..40, got 41"),
        ("det.txt", "0,-1,5,5,5,5,1", "det.txt line 1: frame: expected 1..40, got 0"),
        ("det.txt", "1.5,-1,5,5,5,5,1", "det.txt line 1: frame: expected 1..40, got 1.5"),
        ("det.txt", "1,-1,5,5,5,5,nan", "det.txt line 1: expected numbers"),
        ("seqinfo.ini", "", "seqinfo.ini: expected a section [Sequence], got []"),
        ("seqinfo.ini", "boo", "seqinfo.ini: expected an INI file"),
        ("seqinfo.ini", INI.replace("29.97", "fast"), "frameRate: expected a number above 0"),
        ("seqinfo.ini", INI.replace("29.97", "0"), "frameRate: expected a number above 0"),
        ("seqinfo.ini", INI.replace("seqLength=40", ""), "missing seqLength"),
        ("seqinfo.ini", INI.replace("=40", "=4.5"), "seqLength: expected a whole number, got 4.5"),
    ],
)
def test_wrong_file_is_one_line_and_2(
    street: Path, capsys: pytest.CaptureFixture[str], file: str, text: str, message: str
) -> None:
    (street / file).write_text(text)
    assert main(_arguments(street)) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1
    assert not (street / "tracks.txt").exists()


@pytest.mark.parametrize("key", ["detections", "seqinfo", "out"])
def test_file_that_cannot_be_used_is_one_line_and_2(
    street: Path, capsys: pytest.CaptureFixture[str], key: str
) -> None:
    assert main(_arguments(street, **{key: str(street / "absent" / "x")})) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_picture_instead_of_text_is_refused(street: Path) -> None:
    (street / "det.txt").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(MotError, match="expected text"):
        read_boxes(street / "det.txt", 40)


def test_class_column_without_a_class_is_refused(street: Path) -> None:
    with pytest.raises(MotError, match="line 1: class: expected a whole number from 1, got -1"):
        read_boxes(street / "det.txt", 40, has_classes=True)


def test_unknown_tracker_ends_with_2(street: Path) -> None:
    assert main(_arguments(street, tracker="magic")) == 2


@needs_shared(*KITTI)
def test_command_runs_from_a_shell(tmp_path: Path) -> None:
    folder = SHARED.joinpath(*KITTI)
    command = [sys.executable, "-m", "analytics.mot", "--tracker", "bytetrack"]
    command += ["--detections", str(folder / "det" / "det_sort_frcnn.txt")]
    command += ["--seqinfo", str(folder / "seqinfo.ini"), "--out", str(tmp_path / "tracks.txt")]
    done = subprocess.run(
        command,
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len((tmp_path / "tracks.txt").read_text().splitlines()) > 400  # of 592 boxes
