"""The command line as a user meets it: exit codes, files, and one line for what went wrong."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

import run
from configs.document import read
from configs.loader import load
from detector.failure import DONE, MODEL, NO_SOURCE, STREAM_FAILED, UNEXPECTED, USAGE
from streamer.frame import Frame
from tests.paths import ROOT
from tests.small_runs import FIVE, frames_of


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def go(*arguments: str) -> int:
    return run.main(["--detector", "none", *arguments])


class Failing:
    """A detector that finds nothing, and dies at the third frame."""

    class_names = ("thing",)
    max_batch = 1
    depth = 1

    def __init__(self, config: object) -> None:
        from detector.config import DetectorConfig
        from detector.none import NoneDetector

        assert isinstance(config, DetectorConfig)
        self._inner = NoneDetector(config)
        self.times = self._inner.times
        self._count = 0

    def __enter__(self) -> Failing:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, frames: list[Frame]) -> object:
        self._count += 1
        if self._count == 3:
            raise RuntimeError("rtsp://door:geheim@camera/ is on fire")
        return self._inner.submit(frames)

    def collect(self, ticket: object) -> object:
        return self._inner.collect(ticket)


def test_a_recording_becomes_an_annotated_file_beside_its_configuration(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert go("--source", FIVE) == DONE
    output = Path("runs/detect/synthetic/synthetic.mp4")
    assert frames_of(output) == 5
    shown = capsys.readouterr()
    assert f"wrote {output}" in shown.out.splitlines()
    assert "frames 5/5 100%" in shown.err
    assert "decode" in shown.out


def test_the_stored_configuration_runs_again() -> None:
    assert go("--source", FIVE, "--output", "a", "--conf", "0.7", "--limit", "2") == DONE
    stored = Path("a/synthetic.config.yaml")
    config = load(run.RunConfig, read(stored))
    assert config.detector.score_threshold == 0.7
    assert run.main(["--config", str(stored), "--output", "b"]) == DONE
    assert frames_of(Path("b/synthetic.mp4")) == 2
    assert load(run.RunConfig, read(Path("b/synthetic.config.yaml"))).limit == 2


def test_a_second_run_takes_a_new_folder_unless_told_to_overwrite() -> None:
    assert [go("--source", FIVE, *more) for more in ([], [], ["--overwrite"])] == [DONE] * 3
    assert sorted(path.name for path in Path("runs/detect").iterdir()) == [
        "synthetic",
        "synthetic-2",
    ]


def test_several_sources_give_an_output_each() -> None:
    assert go("--source", FIVE, "--source", FIVE, "--output", "o") == DONE
    assert frames_of(Path("o/synthetic.mp4")) == frames_of(Path("o/synthetic-2.mp4")) == 5


def test_lines_of_json_name_the_stream_first_and_every_frame(tmp_path: Path) -> None:
    assert go("--source", FIVE, "--sink", "jsonl:boxes.jsonl", "--sink", "null") == DONE
    lines = [json.loads(line) for line in Path("boxes.jsonl").read_text().splitlines()]
    assert lines[0]["stream"]["stream_id"] == "synthetic"
    assert [line["index"] for line in lines[1:]] == [0, 1, 2, 3, 4]
    assert Path("boxes.config.yaml").exists()
    assert not Path("runs").exists()


def test_pictures_are_written_as_pictures() -> None:
    Path("in").mkdir()
    cv2.imwrite("in/a.png", np.full((48, 64, 3), 200, np.uint8))
    assert go("--source", "in", "--output", "o") == DONE
    assert sorted(path.name for path in Path("o").iterdir()) == ["a.png", "in.config.yaml"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param([], USAGE, "--source: expected", id="no source"),
        pytest.param(["--sorce", "x"], USAGE, "did you mean '--source'?", id="misspelt option"),
        pytest.param(["--source", FIVE, "--conf", "2"], USAGE, "--conf: ", id="bad number"),
        pytest.param(["--config", "gone.yaml"], USAGE, "gone.yaml: cannot", id="no config"),
        pytest.param(
            ["--source", FIVE, "--set", "detector.imgs=1"],
            USAGE,
            "detector.imgs: unknown key; did you mean 'imgsz'?",
            id="misspelt key",
        ),
        pytest.param(
            ["--source", FIVE, "--sink", "fiel"], USAGE, "did you mean 'file'?", id="no sink"
        ),
        pytest.param(
            ["--source", FIVE, "--sink", "null:x"], USAGE, "expected no path", id="sink path"
        ),
        pytest.param(
            ["--source", FIVE, "--sink", "jsonl:a", "--sink", "jsonl:a"],
            USAGE,
            "two sinks would write it",
            id="two sinks, one file",
        ),
        pytest.param(
            ["--source", FIVE, "--sink", "jsonl:a", "--append", "--overwrite"],
            USAGE,
            "append: expected it or overwrite, got both; leave one out",
            id="add and replace",
        ),
        pytest.param(
            ["--source", FIVE, "--sink", "file:a.mp4", "--append"],
            USAGE,
            "append: a.mp4 cannot be added to; the sinks jsonl, events, csv and sqlite can",
            id="nothing to add to",
        ),
        pytest.param(
            ["--source", FIVE, "--append", "--sink", "jsonl:a.txt", "--sink", "mot:a.txt"],
            USAGE,
            "two sinks would write it",
            id="added to and written",
        ),
        pytest.param(
            ["--source", FIVE, "--sink", "heatmap"], USAGE, "needs scene.heatmap", id="no heat"
        ),
        pytest.param(
            ["--source", FIVE, "--output", f"{__file__}/x"], USAGE, "is a file", id="no folder"
        ),
        pytest.param(
            ["--source", FIVE, "--detector", "hardnet58"],
            USAGE,
            "did you mean 'hardnet85'?",
            id="no detector",
        ),
        pytest.param(["--source", "gone.mp4"], NO_SOURCE, "gone.mp4", id="no file"),
        pytest.param(["--source", "gopher://x"], USAGE, "gopher", id="no scheme"),
        pytest.param(
            ["--source", FIVE, "--detector", "hardnet85", "--weights", "gone.pth"],
            MODEL,
            "gone.pth",
            id="no weights",
        ),
        pytest.param(
            ["--source", FIVE, "--detector", "gone.module:Class"],
            MODEL,
            "gone.module",
            id="no module",
        ),
    ],
)
def test_what_cannot_be_done_is_one_line_and_an_exit_code(
    arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert go(*arguments) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = shown.err.splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert list(Path().iterdir()) == []


def test_a_stream_that_fails_on_the_way_is_kept_and_reported(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("in").mkdir()
    cv2.imwrite("in/a.png", np.full((48, 64, 3), 200, np.uint8))
    Path("in/b.png").write_text("no picture")
    assert go("--source", "in", "--output", "o") == STREAM_FAILED
    assert Path("o/a.png").exists()
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert len(errors) == 1
    assert "b.png" in errors[0]


def test_one_missing_source_of_two_is_no_reason_to_stop() -> None:
    assert go("--source", FIVE, "--source", "gone.mp4", "--output", "o") == STREAM_FAILED
    assert frames_of(Path("o/synthetic.mp4")) == 5


@pytest.mark.parametrize("verbose", [[], ["--verbose"]], ids=["quiet", "verbose"])
def test_an_unexpected_failure_is_a_line_and_a_traceback_only_on_demand(
    verbose: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    detector = ["--detector", f"{__name__}:Failing"]
    assert go("--source", FIVE, "--output", "o", *detector, *verbose) == UNEXPECTED
    shown = capsys.readouterr()
    assert "error: unexpected RuntimeError: rtsp://door:***@camera/ is on fire" in shown.err
    assert ("Traceback" in shown.err) == bool(verbose)
    assert "geheim" not in shown.out + shown.err
    assert frames_of(Path("o/synthetic.mp4")) == 2  # what was done before is kept whole


def test_an_existing_output_is_refused_before_any_work() -> None:
    Path("o").mkdir()
    Path("o/synthetic.mp4").write_text("precious")
    assert go("--source", FIVE, "--output", "o") == USAGE
    assert Path("o/synthetic.mp4").read_text() == "precious"


def test_a_source_is_never_replaced_by_its_own_output() -> None:
    assert go("--source", FIVE, "--output", "o") == DONE
    before = Path("o/synthetic.mp4").read_bytes()
    assert go("--source", "o/synthetic.mp4", "--output", "o", "--overwrite") == USAGE
    assert Path("o/synthetic.mp4").read_bytes() == before


def test_the_printed_configuration_has_no_secrets_and_loads_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = "rtsp://door:geheim@camera/1?token=geheim"
    assert go("--source", source, "--imgsz", "512", "--print-config") == DONE
    text = capsys.readouterr().out
    assert "geheim" not in text
    Path("a.yaml").write_text(text)
    config = load(run.RunConfig, read(Path("a.yaml")))
    assert config.sources == ("rtsp://door:***@camera/1?token=***",)
    assert config.detector.imgsz == "512"


def test_the_demo_configuration_is_valid() -> None:
    config = load(run.RunConfig, read(ROOT / "configs" / "demo.yaml"))
    assert config.detector.name == "fchardnet70"
    assert "knows drawn scenes only" in config.style.note


def test_a_recorder_may_be_started_again() -> None:
    """It refused the folder that it had made, so after a crash no supervisor could restart it."""
    for count in (1, 2):
        assert go("--source", FIVE, "--sink", "segments:cctv") == DONE
        assert len(list(Path("cctv/synthetic").glob("*.mp4"))) == count


APPENDED = ("--sink", "sqlite", "--sink", "events", "--sink", "csv", "--sink", "jsonl")


def test_a_supervised_run_goes_on_with_its_files() -> None:
    """systemd started it again, and it ended at once, for its own event files were there."""
    scene = ["--source", "synthetic:seed=1,frames=60,width=320,height=180"]
    line = "scene.lines=[{name: gate, start: [0.5, 0], end: [0.5, 1], unit: share}]"
    detector = ["--detector", "tests.truth_detector:Truthful", "--set", line]
    whole = Path("runs/detect/synthetic/events.jsonl")
    for _ in range(2):
        assert go(*scene, *detector, *APPENDED, "--append") == DONE
    with whole.open("ab") as file:
        file.write(b'{"event_id": "synthetic:1", "pha')  # as kill -9 leaves it
    assert go(*scene, *detector, *APPENDED, "--append") == DONE

    ids = [json.loads(line)["event_id"] for line in whole.read_text().splitlines()]
    assert len(ids) >= 3
    assert len(ids) % 3 == 0
    assert len(set(ids)) == len(ids)  # crossings: one record an event
    numbers = [each.split(":")[::2] for each in ids]
    assert numbers == numbers[: len(ids) // 3] * 3
    rows = whole.with_suffix(".csv").read_text().splitlines()
    assert [row.partition(",")[0] for row in rows] == ["event_id", *ids]
    with closing(sqlite3.connect(whole.with_suffix(".sqlite"))) as database:
        found = database.execute("SELECT event_id FROM events ORDER BY sequence").fetchall()
    assert [name for (name,) in found] == ids
    frames = whole.with_name("detections.jsonl").read_text().splitlines()
    assert len(frames) == 3 * 61
    assert sorted(path.name for path in Path("runs/detect").iterdir()) == ["synthetic"]


@pytest.mark.parametrize("sink", ["events", "csv", "sqlite", "jsonl"])
def test_what_is_not_ours_is_not_added_to_and_no_work_is_done(
    sink: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The weights were loaded and the camera opened before it was found out."""
    Path("notes.txt").write_text("mine\n")
    weights = ["--detector", "hardnet85", "--weights", "gone.pth"]
    assert go("--source", FIVE, *weights, "--sink", f"{sink}:notes.txt", "--append") == USAGE
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: notes.txt: cannot be added to: expected")
    assert Path("notes.txt").read_text() == "mine\n"


def test_what_cannot_be_added_to_is_kept_where_others_are() -> None:
    sinks = ["--sink", "jsonl:a.jsonl", "--sink", "file:a.mp4", "--append"]
    assert go("--source", FIVE, *sinks) == DONE
    before = Path("a.jsonl").read_bytes()
    assert go("--source", FIVE, *sinks) == USAGE
    assert Path("a.jsonl").read_bytes() == before
    assert frames_of(Path("a.mp4")) == 5


def test_a_page_is_told_where_it_is(capfd: pytest.CaptureFixture[str]) -> None:
    assert go("--source", FIVE, "--sink", "web:0") == DONE
    assert re.search(r"open http://127\.0\.0\.1:[1-9]\d+/\?token=", capfd.readouterr().err)


def test_a_page_that_cannot_be_is_told_before_the_run(capfd: pytest.CaptureFixture[str]) -> None:
    """The run went on for nobody, below a link to the program that has the port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert go("--source", FIVE, "--sink", "web:0", "--sink", f"overlay:{port}") == USAGE
    told = capfd.readouterr().err
    assert f"error: overlay 127.0.0.1:{port}: cannot listen: address already in use" in told
    assert "open http" not in told


def test_tracks_of_a_drawn_scene_keep_their_ids(tmp_path: Path) -> None:
    lines = tmp_path / "boxes.jsonl"
    detector = ["--detector", "tests.truth_detector:Truthful"]
    scene = ["--source", "synthetic:frames=50,seed=1,width=320,height=180"]
    assert go(*scene, *detector, "--tracker", "ocsort", "--sink", f"jsonl:{lines}") == DONE
    frames = [json.loads(line) for line in lines.read_text().splitlines()[1:]]
    ids = [[found["track_id"] for found in frame["detections"]] for frame in frames]

    assert all(len(set(each)) == len(each) for each in ids)
    assert all(number > 0 for each in ids for number in each)
    assert len({number for each in ids for number in each}) < 2 * max(map(len, ids))
    assert set(ids[20]) & set(ids[40])
