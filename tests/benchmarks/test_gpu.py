"""The script for a lent GPU, rehearsed on the CPU: every step that runs there runs through."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.autograd.profiler_util import FunctionEvent

from benchmarks.gpu.__main__ import main
from benchmarks.gpu.clock import interleaved_ms
from benchmarks.gpu.findings import Findings
from benchmarks.gpu.ladder import VARIANTS
from benchmarks.gpu.launches import Launch, by_kind, launches_of
from benchmarks.gpu.soak import percentiles
from benchmarks.gpu.steps import PLANS, STEPS

TINY = ["--device", "cpu", "--quick", "--network", "starter", "--side", "64", "--sizes", "2"]


def measured(folder: Path, *arguments: str) -> dict[str, Any]:  # Any: JSON
    """What is in the file after a run in this process, which has to succeed."""
    code = main([str(folder), *TINY, "--in-process", *arguments])
    found: dict[str, Any] = json.loads((folder / "gpu.json").read_text())
    assert {name: why for name, why in found.items() if name.endswith(" failed")} == {}
    assert code == 0
    return found


@pytest.mark.slow
def test_rehearsal_of_the_detector_writes_every_step(tmp_path: Path) -> None:
    found = measured(tmp_path, "--plan", "detector", "--commit", "c0ffee")

    assert list(found["runs"]) == list(PLANS["detector"])
    assert {run["commit"] for run in found["runs"].values()} == {"c0ffee"}
    assert found["probe"]["ceilings"]["matmul_tflops"] > 0
    assert set(found["ladder"]) == {"2"}
    on_cpu = [name for name in VARIANTS if "graph" not in name and "fused" not in name]
    assert list(found["ladder"]["2"]) == on_cpu
    assert all(row["pictures_a_second"] > 0 for row in found["rate"].values())
    assert found["pipeline"]["batch 2"]["pictures_a_second"] > 0
    assert found["decode"]["cpu x 2"] > 0
    assert found["decode"]["to boxes, cpu x 2"] > 0
    assert {"nvdec", "nvdec staying"} <= set(found["decode"])  # a rate, or why there is none
    exact = found["agreement"]["starter_coco"]["fp32"]
    assert (exact["heads_error"], exact["missed"], exact["added"]) == (0, 0, 0)


@pytest.mark.slow
def test_rehearsal_of_the_cameras_says_how_old_results_get(tmp_path: Path) -> None:
    found = measured(tmp_path, "--only", "cameras")["cameras"]

    for name in ("4 cameras", "4 cameras, every second frame looked at"):
        assert 0 < found[name]["p50_ms"] <= found[name]["p95_ms"] <= found[name]["p99_ms"]
        assert found[name]["results_a_second"] <= 4 * 30
        assert found[name]["network_ms"] > 0
    assert found["held"] is None or 1 <= found["held"]["streams"] <= 4


@pytest.mark.slow
def test_rehearsal_of_the_soak_accounts_for_every_result(tmp_path: Path) -> None:
    kept = Findings(tmp_path, {"gpu": None, "torch": torch.__version__, **about_tiny()})
    kept.save("rate", {"i420 batch 2": {"pictures_a_second": 60.0}})

    found = measured(tmp_path, "--only", "soak")["soak"]

    assert found["is_whole"]
    assert (found["streams"], found["rate_alone"]) == (3, 60.0)  # 3 x 30 are at least 1.2 x 60
    assert sum(part["results"] for part in found["parts"]) == found["results_a_second"] * 3
    assert 0 <= found["fairness"] <= 1
    assert found["host_memory"]["last_mib"] > 0


@pytest.mark.slow
def test_rehearsal_of_the_training_says_where_a_step_goes(tmp_path: Path) -> None:
    found = measured(tmp_path, "--only", "training", "profile")

    ways = found["training"]["ways"]
    assert list(ways) == ["a plain loop", "a plain loop, bf16", "ours"]
    assert all(way["pictures_per_second"] > 0 for way in ways.values())
    phases = found["training"]["step"]["phases"]
    assert list(phases) == [
        *("batch to device", "forward", "loss", "backward"),
        *("gradient norm and weights", "average"),
    ]
    # medians of each: their sum is near the step's, not it
    assert sum(phase["share"] for phase in phases.values()) == pytest.approx(1, abs=0.3)
    assert {"convolution", "convolution, backward"} <= set(found["training"]["step"]["kinds"])
    joined = found["profile"]["concatenation"]
    assert joined["ms"] == found["profile"]["kinds"]["concatenation"]["ms"] > 0
    assert joined["floor_ms"] is None  # nobody has measured how fast this machine copies


def about_tiny() -> dict[str, object]:
    return {"network": "starter", "side": 64, "is_quick": True}


def test_plans_together_are_everything() -> None:
    calls = [*PLANS["detector"], *PLANS["load"], *PLANS["soak"]]

    assert calls == list(PLANS["everything"]) == list(STEPS)
    assert all(
        sum(STEPS[name].minutes for name in PLANS[plan]) <= 9.5
        for plan in ("detector", "load", "soak")
    )


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
    steps = ["--only", "tests", "agreement", "compiled", "--pictures", str(tmp_path / "nowhere")]

    assert main([str(tmp_path), *TINY, "--in-process", *steps]) == 1

    found = json.loads((tmp_path / "gpu.json").read_text())
    assert found["agreement failed"].startswith("FileNotFoundError")
    assert list(found["runs"]) == ["tests", "agreement", "compiled"]


@pytest.mark.slow
def test_each_step_has_a_process_of_its_own(tmp_path: Path) -> None:
    assert main([str(tmp_path), *TINY, "--only", "tests", "compiled", "--commit", "c0ffee"]) == 0

    found = json.loads((tmp_path / "gpu.json").read_text())
    assert list(found["runs"]) == ["tests", "compiled"]
    assert {run["commit"] for run in found["runs"].values()} == {"c0ffee"}


def test_steps_without_time_are_left_out_and_say_so(tmp_path: Path) -> None:
    assert main([str(tmp_path), *TINY, "--minutes", "0", "--only", "ladder", "soak"]) == 0

    found = json.loads((tmp_path / "gpu.json").read_text())
    assert found["ladder"] == found["soak"] == {"skipped": "no time left"}


@pytest.mark.parametrize(
    ("deadline_s", "calls"),
    [pytest.param(0.0, 1, id="time is over"), pytest.param(float("inf"), 5, id="time enough")],
)
def test_every_work_is_timed_at_least_once(deadline_s: float, calls: int) -> None:
    done: list[str] = []
    works = {name: partial(done.append, name) for name in ("a", "b")}

    took = interleaved_ms(works, torch.device("cpu"), rounds=3, deadline_s=deadline_s)

    assert done == ["a", "b"] * calls  # 3 rounds after 2 that do not count
    assert all(ms >= 0 for ms in took.values())


@pytest.mark.parametrize(
    ("operation", "kernel", "kind"),
    [
        ("aten::cudnn_convolution_relu", "sm90_xmma_fprop_implicit_gemm", "convolution"),
        ("aten::cudnn_convolution", "cudnn::ops::nchwToNhwcKernel", "rearranging for convolutions"),
        ("aten::convolution_backward", "sm90_xmma_dgrad", "convolution, backward"),
        ("aten::cat", "CatArrayBatchedCopy", "concatenation"),
        ("aten::max_pool2d_with_indices", "max_pool_forward_nhwc", "pooling"),
        ("aten::native_batch_norm_backward", "batch_norm_backward", "normalisation, backward"),
        ("aten::_foreach_add_", "multi_tensor_apply_kernel", "moving weights"),
        ("aten::topk", "gatherTopK", "selecting"),
        ("triton_poi_fused_0", "triton_poi_fused_0", "made by the compiler"),
    ],
)
def test_kernel_is_of_its_operation_s_kind(operation: str, kernel: str, kind: str) -> None:
    assert Launch(operation, kernel, 1.0).kind == kind


def event(number: int, name: str, *us: float, is_range: bool = False) -> FunctionEvent:
    """What torch's profiler gives for an operation and the kernels that it launched."""
    made: FunctionEvent = FunctionEvent(  # type: ignore[no-untyped-call]  # torch's
        number, name, 0, 0, 10, is_user_annotation=is_range
    )
    for each in us:
        made.append_kernel(f"kernel of {name}", 0, each)  # type: ignore[no-untyped-call]  # torch's
    return made


def test_kernels_count_once_whoever_stands_around_them() -> None:
    around = event(1, "a range of the caller's", 1500.0, is_range=True)

    found = launches_of([around, event(2, "aten::cat", 1000.0, 500.0)], on_cuda=True)

    assert by_kind(found) == {"concatenation": {"ms": 1.5, "share": 1.0, "launches": 2}}


def test_percentiles_of_counted_ages() -> None:
    ages = np.zeros(1000, np.int64)
    ages[[99, 199, 499]] = (50, 45, 5)  # below 10, 20 and 50 ms

    found = percentiles(ages)

    assert found == pytest.approx({"p50_ms": 10.0, "p95_ms": 20.0, "p99_ms": 50.0})


class TestFindings:
    """What earlier calls found."""

    def test_stays_and_what_is_measured_again_replaces_it(self, tmp_path: Path) -> None:
        machine = {"gpu": "one", **about_tiny()}
        first = Findings(tmp_path, machine)
        first.save("rate", {"a": 1})
        first.save("soak", {"b": 1})
        first.failed("soak", "why")
        first.ended("soak", 1.23, {"commit": "old"})

        second = Findings(tmp_path, machine)
        second.begin("soak")
        second.save("soak", {"b": 2})
        second.ended("soak", 4.56, {"commit": "new"})

        found = json.loads((tmp_path / "gpu.json").read_text())
        assert (found["rate"], found["soak"]) == ({"a": 1}, {"b": 2})
        assert "soak failed" not in found
        assert (found["runs"]["soak"]["commit"], found["runs"]["soak"]["seconds"]) == ("new", 4.6)

    def test_is_not_hidden_by_a_step_that_is_left_out(self, tmp_path: Path) -> None:
        Findings(tmp_path, {"gpu": "one"}).save("rate", {"a": 1})

        Findings(tmp_path, {"gpu": "one"}).save("rate", {"skipped": "no time left"})

        assert json.loads((tmp_path / "gpu.json").read_text())["rate"] == {"a": 1}

    def test_of_another_gpu_is_put_aside(self, tmp_path: Path) -> None:
        for number, gpu in enumerate(("one", "two", "three")):
            Findings(tmp_path, {"gpu": gpu}).save("rate", {"a": number})

        files = {path.name: json.loads(path.read_text()) for path in tmp_path.iterdir()}

        assert {name: found["rate"]["a"] for name, found in files.items()} == {
            "gpu_earlier_1.json": 0,
            "gpu_earlier_2.json": 1,
            "gpu.json": 2,
        }
