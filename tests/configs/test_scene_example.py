"""The example that the README names is one that runs."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import run
from analytics.chain import check_scene, choose_tracker
from configs.document import read
from configs.loader import load
from sinks.kind import SinkContext
from sinks.table import build_sinks, parse_sink
from streamer.scene.motion import SPEED_M_S
from tests.paths import ROOT
from tests.truth_detector import NAMES


def test_the_example_of_a_scene_is_valid(tmp_path: Path) -> None:
    config = load(run.RunConfig, read(ROOT / "configs" / "scene_example.yaml"))
    check_scene(config.scene, NAMES, ["synthetic"])
    assert choose_tracker(config.tracking, config.scene) == config.tracking.bytetrack
    assert config.scene.lines
    assert config.scene.zones
    context = SinkContext(tmp_path, ["synthetic"], NAMES)
    built = [build_sinks(parse_sink(text), context) for text in config.sinks]
    assert [len(sinks) for sinks in built] == [1] * len(config.sinks)


def test_its_ground_tells_how_fast_the_street_moves(tmp_path: Path) -> None:
    """By name, the middle of all speeds lies where the street's maker drew them from."""
    records = tmp_path / "street.jsonl"
    typed = ["--config", str(ROOT / "configs" / "scene_example.yaml"), "--quiet"]
    typed += ["--set", "sources=['synthetic:frames=120,seed=1']", "--set", "detector.weights="]
    typed += ["--detector", "tests.truth_detector:Truthful", "--sink", f"jsonl:{records}"]
    assert run.main([*typed, "--output", str(tmp_path)]) == 0
    speeds: dict[str, list[float]] = {name: [] for name in NAMES}
    for line in records.read_text("utf-8").splitlines():
        for row in json.loads(line).get("detections", []):
            assert (row["ground_m"] is None) == (row["distance_m"] is None)
            if row["speed_m_s"] is not None:
                speeds[row["class_name"]].append(row["speed_m_s"])
    for kind, (low, high) in SPEED_M_S.items():
        assert len(speeds[kind]) > 50, kind
        assert 0.9 * low < statistics.median(speeds[kind]) < 1.1 * high, kind
