"""Picture files that are read: whole, cut off, of another size, and smaller than they are."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.train.data_sets import GOOD, coco_box, coco_config, textured
from train.data.config import DataConfig
from train.data.folder import FolderSamples
from train.data.picture import Reduction, is_cut_off, read_picture
from train.data.table import build_samples, open_folder
from train.errors import SampleError


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_a_picture_that_is_cut_off_is_an_error(tmp_path: Path, suffix: str, share: float) -> None:
    whole = cv2.imencode(suffix, textured(200, 100))[1].tobytes()
    path = tmp_path / f"a{suffix}"
    path.write_bytes(whole)
    assert read_picture(path).shape == (100, 200, 3)
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(SampleError, match=rf"a{suffix}': cut off after \d+ bytes"):
        read_picture(path)


def test_the_end_of_a_thumbnail_is_not_taken_for_that_of_the_picture() -> None:
    whole = cv2.imencode(".jpg", textured(64, 64))[1].tobytes()
    thumbnail = cv2.imencode(".jpg", textured(16, 16))[1].tobytes()
    header = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    nested = whole[:2] + header + whole[2:]
    assert not is_cut_off(nested)
    assert not is_cut_off(nested + b"trailing bytes of a camera")
    assert is_cut_off(nested[:-40])


@pytest.mark.parametrize(
    ("content", "text"),
    [
        pytest.param(None, "No such file", id="missing"),
        pytest.param(b"", "can be decoded", id="empty"),
        pytest.param(b"<html>not found</html>", "can be decoded", id="a web page"),
    ],
)
def test_a_file_that_is_no_picture_is_an_error(
    tmp_path: Path, content: bytes | None, text: str
) -> None:
    path = tmp_path / "a.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SampleError, match=text):
        read_picture(path)


def test_a_picture_of_another_size_than_labelled_is_an_error(tmp_path: Path) -> None:
    samples = build_samples(coco_config(tmp_path, GOOD))
    cv2.imwrite(str(tmp_path / "a.png"), textured(48, 64))
    with pytest.raises(SampleError, match="labelled as 64 x 48 px, but it is 48 x 64"):
        samples.read(0)


def test_labels_shrink_with_a_picture_that_is_decoded_smaller(tmp_path: Path) -> None:
    samples, _ = open_folder(coco_config(tmp_path, GOOD))
    half = samples.read(1, reduction=2)
    assert half.picture.shape == (30, 20, 3)
    assert half.boxes_xyxy.tolist() == [[0, 0, 20, 30]]


@pytest.mark.parametrize("reduction", [2, 4, 8])
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.bmp"])
def test_boxes_stay_on_their_objects_in_an_odd_picture_read_smaller(
    tmp_path: Path, name: str, reduction: Reduction
) -> None:
    """97 px are 13 cells of 8, of which the last holds one: sides do not shrink evenly."""
    picture = np.zeros((65, 97, 3), np.uint8)
    picture[40:64, 80:96] = 255
    cv2.imwrite(str(tmp_path / name), picture)
    data = {
        "images": [{"id": 1, "file_name": name, "width": 97, "height": 65}],
        "categories": [{"id": 1, "name": "box"}],
        "annotations": [coco_box(1, 1, 80, 40, 16, 24)],
    }
    (tmp_path / "labels.json").write_text(json.dumps(data))
    samples = build_samples(DataConfig("coco", tmp_path / "labels.json", tmp_path))
    assert isinstance(samples, FolderSamples)
    sample = samples.read(0, reduction)
    assert (sample.boxes_xyxy * reduction).tolist() == [[80, 40, 96, 64]]
    grey = sample.picture[:, :, 0].astype(float)
    rows, columns = np.indices(grey.shape) + 0.5  # the middles of pixels
    middle = [float((grey * place).sum() / grey.sum()) * reduction for place in (columns, rows)]
    assert middle == pytest.approx([88, 52], abs=0.5)  # what compression adds
