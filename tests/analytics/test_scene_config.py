"""What a person writes about lines and zones: read strictly, with errors that help."""

from __future__ import annotations

import numpy as np
import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from analytics.geometry import contains, project, solve_homography
from analytics.scene_config import SceneConfig
from configs.errors import ConfigError
from configs.loader import dump, load

WRITTEN = """
lines:
  - {name: gate, start: [0.5, 1], end: [0.5, 0], unit: share, classes: [person]}
zones:
  - name: room
    stream: door-2
    points: [[10, 10], [90, 10], [90, 90]]
    loiter_s: 20
    crowd_count: 5
grounds:
  - points: [[0, 0], [100, 0], [100, 100], [0, 100]]
    metres: [[0, 0], [4, 0], [4, 8], [0, 8]]
heatmap: {columns: 32}
"""


def test_yaml_becomes_the_tree_and_back() -> None:
    config = load(SceneConfig, yaml.safe_load(WRITTEN))
    assert load(SceneConfig, dump(config)) == config
    assert config.zones[0].crowd_count == 5
    assert config.streams == {"door-2"}


def test_each_stream_gets_its_own_and_everybodys() -> None:
    config = load(SceneConfig, yaml.safe_load(WRITTEN))
    assert [zone.name for zone in config.of_stream("door-2").zones] == ["room"]
    assert config.of_stream("door-1").zones == ()
    assert config.of_stream("door-1").lines == config.lines


LINE = {"name": "gate", "start": [10, 10], "end": [20, 20]}


@pytest.mark.parametrize(
    ("written", "message"),
    [
        pytest.param({"lines": [{**LINE, "end": [10, 10]}]}, r"lines\[0\].end", id="no length"),
        pytest.param({"lines": [{**LINE, "unit": "share"}]}, "0..1", id="pixels as shares"),
        pytest.param(
            {"lines": [{**LINE, "start": [0.5, 0], "end": [0.5, 1]}]},
            "unit: share",
            id="shares as pixels",
        ),
        pytest.param({"lines": [LINE, LINE]}, "'gate' twice", id="a name twice"),
        pytest.param({"lines": [{**LINE, "name": " "}]}, "letters", id="no name"),
        pytest.param({"lines": [{**LINE, "hysteresis": 2}]}, "hysteresis", id="hysteresis"),
        pytest.param(
            {"zones": [{"name": "a", "points": [[1, 1], [5, 5]]}]}, "3 corners", id="two corners"
        ),
        pytest.param(
            {"zones": [{"name": "a", "points": [[1, 1], [5, 5], [9, 9]]}]}, "area", id="no area"
        ),
        pytest.param(
            {
                "grounds": [
                    {
                        "points": [[0, 0], [1, 1], [2, 2], [0, 9]],
                        "metres": [[0, 0], [1, 0], [1, 1], [0, 1]],
                    }
                ]
            },
            "one line",
            id="ground on a line",
        ),
        pytest.param(
            {
                "grounds": [
                    {
                        "points": [[0, 0], [90, 0], [0, 90], [90, 90]],
                        "metres": [[0, 0], [9, 0], [9, 9], [0, 9]],
                    }
                ]
            },
            "same order around",
            id="ground twisted",
        ),
        pytest.param(
            {
                "grounds": [
                    {
                        "points": [[0, 0], [1, 0], [1, 1], [0, 1]],
                        "metres": [[0, 0], [9, 0], [9, 9], [0, 9]],
                    }
                ]
            },
            "unit: share",
            id="ground's shares as pixels",
        ),
        pytest.param({"update_s": 0}, "update_s", id="no time between updates"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    written: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        load(SceneConfig, written)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=7))
def test_inside_is_where_the_outline_winds_an_odd_number_of_times(
    corners: list[tuple[int, int]],
) -> None:
    """Against half-plane crossings counted upwards instead of to the right."""
    polygon = np.array(corners, np.float64)
    points = np.array([(x + 0.37, y + 0.53) for x in range(-1, 10) for y in range(-1, 10)])
    ends = np.roll(polygon, -1, axis=0)
    for point, inside in zip(points, contains(polygon, points), strict=True):
        above = 0
        for (x1, y1), (x2, y2) in zip(polygon, ends, strict=True):
            if (x1 > point[0]) != (x2 > point[0]):
                above += y1 + (point[0] - x1) * (y2 - y1) / (x2 - x1) > point[1]
        on_edge = np.abs(_area(point, polygon, ends)).min() < 1e-9
        assume(not on_edge)
        assert inside == bool(above % 2)


@given(st.lists(st.integers(-20, 20), min_size=8, max_size=8))
def test_a_homography_takes_its_four_places_where_they_belong(shifts: list[int]) -> None:
    real = np.array([(0.0, 0), (4, 0), (4, 10), (0, 10)])
    seen = np.array([(300.0, 200), (340, 200), (600, 350), (40, 350)])
    seen += np.array(shifts, np.float64).reshape(4, 2)
    try:
        matrix = solve_homography(seen, real)
    except ValueError:
        assume(False)
        return
    turns = np.sign(_area_of_corners(seen))
    assume(len(set(turns.tolist())) == 1)  # convex: all in front of the horizon
    np.testing.assert_allclose(project(matrix, seen), real, atol=1e-6)


def test_beyond_the_horizon_there_is_no_ground() -> None:
    real = np.array([(0.0, 0), (4, 0), (4, 10), (0, 10)])
    seen = np.array([(40.0, 350), (600, 350), (340, 200), (300, 200)])
    matrix = solve_homography(seen, real)
    assert np.isnan(project(matrix, np.array([[320.0, 10.0]]))).all()


def _area(point: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    along = ends - starts
    return np.array(
        along[:, 0] * (point[1] - starts[:, 1]) - along[:, 1] * (point[0] - starts[:, 0])
    ) + np.where((along == 0).all(axis=1), 1.0, 0.0)


def _area_of_corners(corners: np.ndarray) -> np.ndarray:
    one, two, three = corners, np.roll(corners, -1, axis=0), np.roll(corners, -2, axis=0)
    first, second = two - one, three - two
    return np.array(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])
