"""Pictures come one by one, upright, under their own names; a broken one costs only itself."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from streamer.contract import Source
from streamer.errors import SourceError, SourceOpenError
from streamer.frame import Frame
from streamer.sources.inlets import open_inlets


def sources_of(specs: list[str]) -> list[Source]:
    return [inlet.source for inlet in open_inlets(specs)]


def save(path: Path, level: int, size_wh: tuple[int, int] = (8, 6)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((size_wh[1], size_wh[0], 3), level, np.uint8)
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())


def read(spec: Path | str) -> list[Frame]:
    (source,) = sources_of([str(spec)])
    with source:
        return list(source)


def test_folder_gives_its_pictures_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name, level in (("b.png", 20), ("a.png", 10), ("deep/c.png", 30)):
        save(tmp_path / name, level)
    (tmp_path / "notes.txt").write_text("not a picture")
    frames = read(tmp_path)

    assert [(f.name, int(f.bgr()[0, 0, 0])) for f in frames] == [
        ("a.png", 10),
        ("b.png", 20),
        ("deep/c.png", 30),
    ]
    assert [f.pts for f in frames] == [0, 1, 2]


def test_every_picture_keeps_its_own_size(tmp_path: Path) -> None:
    save(tmp_path / "a.png", 0, (8, 6))
    save(tmp_path / "b.png", 0, (5, 7))

    assert [(f.width, f.height, f.stream.width) for f in read(tmp_path)] == [(8, 6, 8), (5, 7, 5)]


def test_glob_and_single_picture_work(tmp_path: Path) -> None:
    save(tmp_path / "one.png", 1)
    save(tmp_path / "two.bmp", 2)

    assert [f.name for f in read(tmp_path / "*.bmp")] == ["two.bmp"]
    assert [f.name for f in read(tmp_path / "one.png")] == ["one.png"]


def test_names_with_accents_and_brackets_are_read(tmp_path: Path) -> None:
    save(tmp_path / "été [1].png", 9)

    assert [f.name for f in read(tmp_path / "été [1].png")] == ["été [1].png"]


def test_broken_picture_is_named_after_the_rest_was_delivered(tmp_path: Path) -> None:
    save(tmp_path / "a.png", 1)
    (tmp_path / "b.png").write_bytes(b"broken")
    (tmp_path / "c.png").write_bytes(b"")
    save(tmp_path / "d.png", 4)
    (source,) = sources_of([str(tmp_path)])
    with source:
        frames = iter(source)
        names = [next(frames).name, next(frames).name]
        with pytest.raises(SourceError, match=r"2 of 4 pictures.*b\.png.*c\.png"):
            next(frames)

    assert names == ["a.png", "d.png"]


def test_nothing_but_broken_pictures_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "b.png").write_bytes(b"broken")
    with pytest.raises(SourceOpenError, match="none that can be read"):
        read(tmp_path / "b.png")
