"""Heat lies where feet were, over the picture of its stream."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from analytics.watch import Watch
from sinks.events.heat import HeatmapSink
from streamer.errors import SinkError
from streamer.picture import BgrArray
from streamer.result import StreamEnd
from tests.analytics.paths_seen import engine, path, result
from tests.sinks.events.test_database import SCENE


def _stay(folder: Path, *, says_end: bool = True) -> None:
    """One person at x = 25, y = 75 for a second, in an otherwise black picture."""
    watch = Watch(engine(SCENE))
    with HeatmapSink(folder, overwrite=False) as sink:
        given = [
            watch.update(result(seen, index=index))
            for index, seen in enumerate(path([(25.0, 75.0)] * 10))
        ]
        for each in given:
            sink.write(each)
        if says_end:
            sink.end_stream(StreamEnd(given[-1].frame.stream, tuple(watch.finish())))


def _read(file: Path) -> BgrArray:
    pixels = cv2.imread(str(file))
    assert pixels is not None
    return np.asarray(pixels, np.uint8)


@pytest.mark.parametrize("says_end", [True, False], ids=["stream over", "run over"])
@pytest.mark.parametrize("kind", ["passages", "dwell"])
def test_heat_is_where_the_feet_were(kind: str, *, says_end: bool, tmp_path: Path) -> None:
    _stay(tmp_path, says_end=says_end)
    pixels = _read(tmp_path / f"door_{kind}.png")
    assert pixels.shape == (101, 101, 3)
    assert pixels[75, 25, 2] > 150  # red
    assert not pixels[:50].any()
    assert not pixels[:, 60:].any()


def test_what_exists_is_kept(tmp_path: Path) -> None:
    (tmp_path / "door_passages.png").write_text("mine")
    with pytest.raises(SinkError, match="exists; allow overwriting"):
        _stay(tmp_path)
    assert (tmp_path / "door_passages.png").read_text() == "mine"


def test_a_scene_without_heat_is_told_how_to_have_it(tmp_path: Path) -> None:
    with (
        pytest.raises(SinkError, match=r"set scene\.heatmap"),
        HeatmapSink(tmp_path, overwrite=False) as sink,
    ):
        sink.write(result((0.0, {1: (5.0, 5.0)})))
