from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import httpx
import numpy as np
import pytest

import run
from analytics.edit.__main__ import main
from analytics.edit.server import listen
from streamer.scene.config import SyntheticConfig
from streamer.sources.synthetic import SyntheticSource
from tests.analytics.edit.serving import editing
from tests.paths import ROOT

SCENE = "synthetic:frames=60,seed=1,width=320,height=180"


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is another signal there")
def test_one_line_tells_the_address_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "analytics.edit", SCENE, "--no-browser"]
    with subprocess.Popen(
        [*command, "--config", str(tmp_path / "scene.yaml")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", line)
        assert url is not None, line
        assert httpx.get(url[0]).status_code == 200
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=30)
    assert (process.returncode, rest, errors) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["/nowhere.mp4"], "no such file", id="no clip"),
        pytest.param([__file__], "expected a video", id="no video"),
        pytest.param([SCENE, "--config", "/nowhere/a.yaml"], "expected a folder", id="no folder"),
        pytest.param([SCENE, "--config", str(ROOT)], "cannot read it", id="a folder"),
        pytest.param([SCENE, "--port", "70000"], "expected 0..65535", id="no port"),
    ],
)
def test_what_cannot_be_edited_is_told_in_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--no-browser"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err


def test_a_port_that_is_taken_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with listen(0) as taken:
        port = taken.getsockname()[1]
        assert main([SCENE, "--port", str(port), "--no-browser"]) == 2
    told = f"error: --port {port}: cannot listen: address already in use; choose another\n"
    assert capsys.readouterr().err == told


def test_what_is_saved_counts_in_a_run(tmp_path: Path) -> None:
    """A line that goes up: "in" is from its left to its right, as the arrow on the page says."""
    config, events = tmp_path / "scene.yaml", tmp_path / "events.jsonl"
    config.write_text("detector: {name: tests.truth_detector:Truthful}\n")
    line = {"name": "mid", "start": [0.5, 0.95], "end": [0.5, 0.05], "unit": "share"}
    yard = {"name": "right", "points": [[0.5, 0], [1, 0], [1, 1], [0.5, 1]], "unit": "share"}
    with editing(SCENE, config) as editor, editor.client() as http:
        version = http.get("/api/scene").json()["version"]
        body = {"version": version, "lines": [line], "zones": [yard]}
        assert http.put("/api/scene", json=body).status_code == 200

    sink = f"events:{events}"
    assert run.main(["--config", str(config), "--source", SCENE, "--sink", sink, "--quiet"]) == 0
    records = [json.loads(text) for text in events.read_text().splitlines()]
    crossings = [each for each in records if each["kind"] == "crossing"]
    counted = sorted((each["direction"], each["class_name"]) for each in crossings)
    assert counted == _crossings_of_truth()
    assert {"in", "out"} == {direction for direction, _ in counted}
    assert {each["rule"] for each in records} == {"mid", "right"}


def _crossings_of_truth() -> list[tuple[str, str]]:
    """Direction and class of all whose feet cross the middle by the scene's own truth."""
    paths: dict[tuple[int, str], list[float]] = {}
    config = SyntheticConfig(frames=60, seed=1, width=320, height=180)
    with SyntheticSource(config) as source:
        for frame in source:
            assert frame.truth is not None
            centres = (frame.truth.xyxy[:, 0] + frame.truth.xyxy[:, 2]) / 2
            for number, label, x in zip(
                frame.truth.object_id.tolist(), frame.truth.label, centres, strict=True
            ):
                paths.setdefault((number, label), []).append(float(x))
    found = []
    for (_, label), path in paths.items():
        # As the rule: a side counts once the feet are 1 % of the shorter side beyond the line.
        sides = [np.sign(x - 159.5) for x in path if abs(x - 159.5) > 0.01 * 180]
        found += [("in" if b > a else "out", label) for a, b in pairwise(sides) if a != b]
    return sorted(found)
