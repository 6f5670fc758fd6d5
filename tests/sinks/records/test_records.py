"""Records read back with the tools they are meant for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analytics.mot_text import read_boxes
from detector.detections import Detections
from sinks.kind import SinkContext, SinkSpec
from sinks.records.coco import CocoSink
from sinks.records.mot import MotSink
from sinks.records.yolo import YoloSink, label_lines
from sinks.table import build_sinks
from streamer.errors import SinkError
from tests.sinks.results import boxes, full_disk, results

FOUND = boxes((10.5, 20, 30, 40), (-4, 0, 16, 60), track_id=np.array([7, 3], np.int64))
NAMES = ("person", "a\ncar")


def test_tracks_read_back_as_they_were(tmp_path: Path) -> None:
    with MotSink(tmp_path / "gate.txt", overwrite=False) as sink:
        for result in results([0, 1001, 2002], detections=FOUND):
            sink.write(result)
    read = read_boxes(tmp_path / "gate.txt", 3, has_classes=True)
    for frame in read:
        assert frame.track_id is not None
        assert dict(zip(frame.track_id.tolist(), frame.xyxy.tolist(), strict=True)) == {
            7: [10.5, 20.0, 30.0, 40.0],
            3: [-4.0, 0.0, 16.0, 60.0],
        }
        assert sorted(frame.class_id.tolist()) == [0, 1]


def test_boxes_without_tracks_are_a_detectors(tmp_path: Path) -> None:
    with MotSink(tmp_path / "gate.txt", overwrite=False) as sink:
        for result in results([0], detections=replace(FOUND, track_id=None)):
            sink.write(result)
    (frame,) = read_boxes(tmp_path / "gate.txt", 1, has_classes=True)
    assert frame.track_id is None
    assert frame.score.tolist() == pytest.approx([0.9, 0.5])


def test_a_file_for_coco_reads_back_with_its_own_tool(tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco", reason="needs pip install -e '.[train]'")
    target = tmp_path / "new" / "coco.json"
    with CocoSink(target, NAMES, overwrite=False) as sink:
        for result in results([0, 1001], detections=FOUND):
            sink.write(result)
        assert not target.exists()
    truth = coco.COCO(str(target))
    assert [truth.loadCats(number)[0]["name"] for number in (1, 2)] == list(NAMES)
    first, second = truth.loadImgs(truth.getImgIds())
    assert (first["file_name"], second["file_name"]) == ("gate/000000.jpg", "gate/000001.jpg")
    assert (first["width"], first["height"]) == (64, 48)
    notes = truth.loadAnns(truth.getAnnIds(imgIds=[2]))
    assert [note["bbox"] for note in notes] == [[10.5, 20, 19.5, 20], [-4, 0, 20, 60]]
    assert [(note["category_id"], note["track_id"]) for note in notes] == [(1, 7), (2, 3)]
    assert [path.name for path in target.parent.iterdir()] == ["coco.json"]


def test_a_run_that_fails_still_leaves_a_whole_file(tmp_path: Path) -> None:
    def run() -> None:
        with CocoSink(tmp_path / "coco.json", NAMES, overwrite=False) as sink:
            sink.write(next(results([0], detections=FOUND)))
            raise RuntimeError("device lost")

    with pytest.raises(RuntimeError, match="device lost"):
        run()
    assert len(json.loads((tmp_path / "coco.json").read_text())["annotations"]) == 2


def test_a_run_without_a_frame_leaves_a_file_without_images(tmp_path: Path) -> None:
    with CocoSink(tmp_path / "coco.json", NAMES, overwrite=False):
        pass
    written = json.loads((tmp_path / "coco.json").read_text())
    assert (written["images"], written["annotations"]) == ([], [])


def test_every_frame_has_a_label_and_the_classes_lie_beside(tmp_path: Path) -> None:
    found, none = results([0], detections=FOUND), results([0])
    picture = next(found)
    named = replace(picture, frame=replace(picture.frame, name="../far/cat.jpg"))
    with YoloSink(tmp_path, NAMES, overwrite=False) as sink:
        sink.write(next(none))
        sink.write(named)
    assert (tmp_path / "classes.txt").read_text() == "person\na car\n"
    assert (tmp_path / "gate" / "000000.txt").read_text() == ""
    # (10.5 + 30) / 2 / 64, 30 / 48, 19.5 / 64, 20 / 48; then cut to 0, 0, 16, 48
    assert (tmp_path / "gate" / "far" / "cat.txt").read_text().splitlines() == [
        "0 0.316406 0.625000 0.304688 0.416667",
        "1 0.125000 0.500000 0.250000 1.000000",
    ]


@pytest.mark.parametrize(
    "xyxy",
    [
        pytest.param((100.0, 0.0, 120.0, 20.0), id="beside the picture"),
        pytest.param((10.0, 10.0, 10.0, 20.0), id="no width"),
        pytest.param((float("nan"), 0.0, 10.0, 20.0), id="not a number"),
    ],
)
def test_what_is_not_in_the_picture_has_no_label(xyxy: tuple[float, ...]) -> None:
    found = Detections(np.array([xyxy], np.float32), np.ones(1, np.float32), np.zeros(1, np.int32))
    assert label_lines(found, 64, 48) == []


@pytest.mark.parametrize("overwrite", [False, True])
def test_pictures_of_one_name_have_a_label_each(tmp_path: Path, overwrite: bool) -> None:
    found = boxes((0, 0, 32, 24))
    with YoloSink(tmp_path, ("person",), overwrite=overwrite) as sink:
        for result, name in zip(results([0, 1]), ("a.jpg", "a.png"), strict=True):
            detections = found if name == "a.png" else Detections.empty()
            sink.write(
                replace(result, frame=replace(result.frame, name=name), detections=detections)
            )
    labels = {path.name: path.read_text() for path in (tmp_path / "gate").iterdir()}
    assert labels == {"a.txt": "", "a.png.txt": "0 0.250000 0.250000 0.500000 0.500000\n"}


def test_a_full_disk_leaves_no_label_that_says_there_is_nothing(tmp_path: Path) -> None:
    with (
        YoloSink(tmp_path, ("person",), overwrite=False) as sink,
        full_disk(10),
        pytest.raises(SinkError, match="cannot be written"),
    ):
        sink.write(next(results([0], detections=boxes((0, 0, 32, 24)))))
    assert not list((tmp_path / "gate").iterdir())


def test_a_picture_whose_name_is_no_text_is_in_the_file(tmp_path: Path) -> None:
    (result,) = results([0])
    with CocoSink(tmp_path / "c.json", (), overwrite=False) as sink:
        sink.write(replace(result, frame=replace(result.frame, name="bad\udcff.jpg")))
    told = json.loads((tmp_path / "c.json").read_text())
    assert told["images"][0]["file_name"] == "bad\udcff.jpg"


@pytest.mark.parametrize("kind", ["mot", "coco", "yolo"])
def test_what_exists_is_kept_unless_that_is_allowed(tmp_path: Path, kind: str) -> None:
    for is_allowed in (True, False):
        context = SinkContext(tmp_path, ["gate"], NAMES, overwrite=is_allowed)
        (built,) = build_sinks(SinkSpec(kind), context)
        if is_allowed:
            with built.sink as sink:
                sink.write(next(results([0], detections=FOUND)))
            continue
        with pytest.raises(SinkError, match="exists; allow overwriting"):
            built.sink.__enter__()


def test_several_streams_need_a_folder(tmp_path: Path) -> None:
    context = SinkContext(tmp_path, ["gate", "yard"], NAMES)
    sinks = build_sinks(SinkSpec("mot", str(tmp_path / "out")), context)
    assert [(built.stream_id, built.sink.name) for built in sinks] == [
        ("gate", f"mot {tmp_path}/out/gate.txt"),
        ("yard", f"mot {tmp_path}/out/yard.txt"),
    ]
    with pytest.raises(SinkError, match="sink mot: expected a folder for 2 streams"):
        build_sinks(SinkSpec("mot", "one.txt"), context)
