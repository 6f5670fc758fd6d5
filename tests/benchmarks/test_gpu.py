"""The script for a lent GPU, rehearsed on the CPU: every step that runs there runs through."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from benchmarks.gpu.__main__ import STEPS, main
from benchmarks.gpu.ladder import VARIANTS


@pytest.mark.slow
def test_rehearsal_on_the_cpu_writes_every_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(tmp_path), "--device", "cpu", "--quick", "--network", "starter"]
    assert main([*arguments, "--side", "64", "--sizes", "2"]) == 0, capsys.readouterr().out
    results = json.loads((tmp_path / "gpu.json").read_text())
    assert list(results) == list(STEPS)
    assert results["probe"]["ceilings"]["matmul_tflops"] > 0
    assert set(results["ladder"]) == {"2"}
    on_cpu = [name for name in VARIANTS if "graph" not in name and "fused" not in name]
    assert list(results["ladder"]["2"]) == on_cpu
    assert all(row["pictures_a_second"] > 0 for row in results["rate"].values())
    assert results["pipeline"]["batch 2"]["pictures_a_second"] > 0
    assert results["decode"]["cpu x 2"] > 0
    assert results["decode"]["to boxes, cpu x 2"] > 0
    assert {"nvdec", "nvdec staying"} <= set(results["decode"])  # a rate, or why there is none
    exact = results["agreement"]["starter_coco"]["fp32"]
    assert (exact["heads_error"], exact["missed"], exact["added"]) == (0, 0, 0)


def test_without_a_gpu_it_says_so_and_measures_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path)])
    assert "no CUDA device was found" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_step_that_fails_is_noted_and_the_next_one_runs(tmp_path: Path) -> None:
    arguments = [str(tmp_path), "--device", "cpu", "--quick", "--network", "starter"]
    only = ["--skip", "probe", "ladder", "rate", "pipeline", "decode"]
    assert main([*arguments, "--pictures", str(tmp_path / "nowhere"), *only]) == 1
    results = json.loads((tmp_path / "gpu.json").read_text())
    assert results["agreement failed"].startswith("FileNotFoundError")
    assert list(results) == ["tests", "agreement", "agreement failed", "compiled"]
