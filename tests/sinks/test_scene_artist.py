"""Counts, zones and reasons can be seen on the picture, at any scale."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from analytics.region import LineConfig, ZoneConfig
from analytics.scene_config import SceneConfig
from analytics.watch import Watch
from detector.detections import Detections
from sinks.annotate import Annotator, Style
from sinks.canvas import BgrCanvas, Stamp
from sinks.palette import colour_of
from streamer.picture import BgrArray
from streamer.result import Result
from tests.analytics.paths_seen import engine, path, result

NAMES = ("person", "car")
YELLOW, BLUE, RED = (0, 220, 255), (255, 200, 0), (60, 60, 255)
SCENE = SceneConfig(
    lines=(LineConfig("gate", (50.0, 40.0), (50.0, 100.0)),),
    zones=(ZoneConfig("yard", ((70.0, 60.0), (99.0, 60.0), (99.0, 99.0), (70.0, 99.0))),),
)


def _walk(to: int = 9, scene: SceneConfig = SCENE) -> Iterator[Result[Detections]]:
    watch = Watch(engine(scene))
    places = [(8.0 + 10 * step, 80.0) for step in range(to)]
    for index, seen in enumerate(path(places)):
        yield watch.update(result(seen, index=index))


def _drawn(given: Result[Detections], style: Style | None = None, scale: int = 1) -> BgrArray:
    pixels = np.zeros((102 * scale, 102 * scale, 3), np.uint8)
    drawing = Style(labels=False) if style is None else style
    Annotator(NAMES, drawing).draw_result(BgrCanvas(pixels), given, (scale, scale))
    return pixels


def _has(pixels: BgrArray, colour: tuple[int, int, int]) -> bool:
    return bool((pixels == colour).all(axis=2).any())


@pytest.mark.parametrize("scale", [1, 3])
def test_lines_zones_and_traces_are_where_they_were_drawn(scale: int) -> None:
    pixels = _drawn(list(_walk())[-1], scale=scale)
    line = pixels[88 * scale : 98 * scale, 48 * scale : 53 * scale]
    assert _has(line, YELLOW)
    assert not _has(pixels[: 30 * scale], YELLOW)
    assert _has(pixels[70 * scale : 90 * scale, 68 * scale : 72 * scale], BLUE)
    assert _has(pixels[78 * scale : 83 * scale, 8 * scale : 17 * scale], colour_of(1))


def test_nothing_of_the_scene_is_drawn_where_nobody_wants_it() -> None:
    pixels = _drawn(list(_walk())[-1], Style(labels=False, scene=False))
    assert not _has(pixels, YELLOW)
    assert not _has(pixels, BLUE)


def test_a_count_is_explained_for_three_seconds_where_wanted() -> None:
    explain = Style(labels=False, explain=True)
    annotator = Annotator(NAMES, explain)

    def picture(given: Result[Detections]) -> BgrArray:
        pixels = np.zeros((102, 102, 3), np.uint8)
        annotator.draw_result(BgrCanvas(pixels), given)
        return pixels

    white = [_has(picture(each), (255, 255, 255)) for each in _walk()]
    assert white == [False] * 5 + [True] * 4  # the sixth place, x = 58, is beyond the line
    assert not _has(_drawn(list(_walk())[5]), (255, 255, 255))


def test_a_loiterer_s_clock_turns_red() -> None:
    yard = SceneConfig(
        zones=(
            ZoneConfig(
                "yard", ((2.0, 60.0), (99.0, 60.0), (99.0, 99.0), (2.0, 99.0)), loiter_s=0.3
            ),
        )
    )
    first, *_, last = list(_walk(scene=yard))
    assert not _has(_drawn(first), RED)
    assert _has(_drawn(last), RED)


class _Noting(BgrCanvas):
    """Keeps where words were put."""

    def __init__(self, pixels: BgrArray) -> None:
        super().__init__(pixels)
        self.places: list[tuple[int, int, int, int]] = []

    def put(self, stamp: Stamp, left: int, top: int) -> None:
        height, width = stamp[0].shape[:2]
        self.places.append((left, top, left + width, top + height))
        super().put(stamp, left, top)


def test_no_words_cover_others() -> None:
    """Of two lines with one middle only the second one's counts could be read."""
    crossed = SceneConfig(
        lines=(
            LineConfig("gate", (50.0, 60.0), (50.0, 100.0)),
            LineConfig("exit", (10.0, 80.0), (90.0, 80.0)),
        ),
        zones=(*SCENE.zones, ZoneConfig("road", ((2.0, 60.0), (99.0, 60.0), (99.0, 99.0)))),
    )
    annotator = Annotator(NAMES, Style(explain=True))
    for each in _walk(scene=crossed):
        canvas = _Noting(np.zeros((408, 408, 3), np.uint8))
        annotator.draw_result(canvas, each, (4, 4))
        assert len(canvas.places) >= 2 * 3 + 2 * 3  # the words of two lines and two zones
        for k, (left, top, right, bottom) in enumerate(canvas.places):
            for other in canvas.places[:k]:
                across = left < other[2] and other[0] < right
                assert not (across and top < other[3] and other[1] < bottom)
