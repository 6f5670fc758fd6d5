"""The example that the README names is one that runs."""

from __future__ import annotations

from pathlib import Path

import run
from analytics.chain import check_scene, choose_tracker
from configs.document import read
from configs.loader import load
from sinks.kind import SinkContext
from sinks.table import build_sinks, parse_sink
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
