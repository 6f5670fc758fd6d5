"""The measuring tool runs through in a tiny configuration, and says what it could not measure."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import nn

from benchmarks import encoding, gpu_rows, live_load, scheduler, stages
from benchmarks.__main__ import main
from benchmarks.ceilings import Ceilings, distance, gflop_of
from benchmarks.fake_device import FakeDevice, Service
from benchmarks.live_load import LiveLoad, most_streams, service_for
from benchmarks.rows import Row, table_of
from detector.network import Heads, PointNetwork
from sinks.file import FileSink

TINY = scheduler.Effort(seconds=0.03, rounds=1, service_ms=(1.0,), streams=(1, 2), batches=(1, 2))


def shown(rows: list[Row]) -> str:
    target = io.StringIO()
    Console(width=200, file=target).print(table_of(rows))
    return target.getvalue()


def test_every_comparison_gives_its_rows() -> None:
    rows = [*scheduler.pooled(TINY), *scheduler.staged(TINY), *scheduler.ablations(TINY)]

    assert [row.name for row in rows if row.part.endswith("pooled")] == [
        "1 ms, batch 1, 1 stream",
        "1 ms, batch 1, 2 streams",
        "1 ms, batch 2, 1 stream",
        "1 ms, batch 2, 2 streams",
    ]
    assert {row.part for row in rows if row.name == "device 1 ms"} == {
        "slowest stage / pipeline",
        "pipeline / one-thread loop",
        "pipeline / newest frame a thread, waiting",
    }
    assert all(row.ratio is not None and row.ratio > 0 for row in rows)
    assert "device busy" in shown(rows)


def test_row_says_whether_its_aim_is_met() -> None:
    rows = [
        Row.of("a", "good", [0.5, 0.98, 1.0], "", 0.97),
        Row.of("a", "bad", [0.9], "", 0.97),
        Row("a", "unknown", None, 0.97),
        Row.of("a", "any", [0.1], ""),
    ]

    assert [(row.ratio, row.verdict) for row in rows] == [
        (0.98, "met"),
        (0.9, "SHORT"),
        (None, ""),
        (0.1, ""),
    ]


def test_gpu_rows_stay_empty_and_name_the_command(tmp_path: Path) -> None:
    rows = gpu_rows.rows(tmp_path / "gpu.json")

    assert {row.ratio for row in rows} == {None}
    assert all(gpu_rows.COMMAND in row.says for row in rows)


def test_gpu_rows_are_filled_from_what_was_measured(tmp_path: Path) -> None:
    aged = {"p50_ms": 20.0, "p99_ms": 60.0, "dropped": 0.4, "fairness": 0.97}
    rate = {"pictures_a_second": 1600.0, "ms_a_batch": 10.0, "device_share": 0.9, "p99_gap_ms": 11}
    found = {
        "rate": {
            "i420 batch 16": rate,
            "i420 batch 16, one in flight": {**rate, "pictures_a_second": 800.0},
        },
        "pipeline": {"batch 16": {"pictures_a_second": 1520.0}},
        "ladder": {
            "1": {"padded, fused": 4.0, "graph, padded, fused": 1.0},
            "8": {"padded": 6.0, "padded, fused": 5.0, "graph, padded, fused": 4.0},
            "16": {"padded": 12.0},  # cut off
        },
        "probe": {"ceilings": {"matmul_tflops": 701.6, "pinned_to_device_gb_s": 50.0}},
        "decode": {
            "frame_size": [1920, 1080],
            "to boxes, nvdec staying x 8": 900.0,
            "to boxes, nvdec staying x 1": 500.0,
            "to boxes, cpu x 8": 600.0,
            "cpu x 1": 300.0,
            "cpu x 4": 500.0,
            "nvdec x 4": 2000.0,
        },
        "cameras": {
            "100 cameras": {**aged, "p95_ms": 50.0},
            "held": {**aged, "streams": 61, "p95_ms": 40.0},
        },
        "soak": {"skipped": "no time left"},
        "training": {
            "batch": 48,
            "ways": {
                "a plain loop": {"pictures_per_second": 100.0, "data_wait": 0.5},
                "ours": {"pictures_per_second": 250.0, "data_wait": 0.01},
            },
            "compiled": {"skipped": "no time left"},
        },
        "profile": {
            "batch": 16,
            "kernels_ms": 8.0,
            "concatenation": {"ms": 2.0, "share": 0.25, "floor_ms": None},
        },
    }
    (tmp_path / "gpu.json").write_text(json.dumps(found))

    ratios = {row.name: row.ratio for row in gpu_rows.rows(tmp_path / "gpu.json")}

    assert ratios["pipeline / detector alone, batch 16, 8 streams"] == pytest.approx(0.95)
    assert ratios["pipeline / detector alone, batch 32, 8 streams"] is None
    assert ratios["one batch in flight / three"] == pytest.approx(0.5)
    assert ratios["to boxes: NVDEC, pictures stay / CPU"] == pytest.approx(1.5)
    assert ratios["to boxes: NVDEC, pictures stay / come down"] is None
    assert ratios["ladder: padded, fused, over padded"] == pytest.approx(1.2)  # at 8: 6 / 5
    assert ratios["ladder: padded, over folded, channels last"] is None
    assert ratios["no graph / graph, batch 1"] == pytest.approx(0.25)
    # 1600 x 175.4 GFLOP are 280.64 of 701.6 TFLOP
    assert ratios["network's arithmetic / matrix product"] == pytest.approx(0.4)
    assert ratios["NVDEC / CPU, 1080p"] == pytest.approx(4.0)
    assert ratios["100 ms / p95 of 100 cameras, 1080p, 30 Hz"] == pytest.approx(2.0)
    assert ratios["the same, every second frame looked at"] is None
    held = "cameras held / 100: p95 within the budget, next to none dropped"
    assert ratios[held] == pytest.approx(0.61)
    assert ratios["soak: results / possible"] is None
    assert ratios["training: ours / a plain loop in float32"] == pytest.approx(2.5)
    assert ratios["training: compiled / not"] is None
    assert ratios["concatenations' share of the network's kernels"] == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("limit", "held"),
    [
        pytest.param(0, 0, id="not even one"),
        pytest.param(1, 1, id="one"),
        pytest.param(6, 6, id="found by halving"),
        pytest.param(200, 128, id="no more than asked"),
    ],
)
def test_search_finds_the_largest_number_that_keeps_the_budget(limit: int, held: int) -> None:
    def try_streams(streams: int) -> LiveLoad:
        age_ms = 50.0 if streams <= limit else 150.0
        return LiveLoad(streams, None, 1.0, 1.0, age_ms, age_ms, age_ms)

    assert most_streams(try_streams, budget_ms=100, limit=128) == held


def test_search_counts_drops_as_not_held() -> None:
    def try_streams(streams: int) -> LiveLoad:
        return LiveLoad(streams, None, 1.0 if streams <= 3 else 0.9, 1.0, 1.0, 1.0, 1.0)

    assert most_streams(try_streams, budget_ms=100, limit=16) == 3


def test_service_is_what_makes_so_many_cameras_that_load() -> None:
    service = service_for(1.2)

    assert service.rate(8) == pytest.approx(8 * 30 / 1.2)


def test_cameras_are_served_and_their_ages_known() -> None:
    device = FakeDevice(Service(2.0), max_batch=2)

    found = live_load.measure(device, streams=2, seconds=0.4)

    assert 0 < found.served <= 1
    assert 2.0 <= found.p50_ms <= found.p95_ms <= found.p99_ms  # no result before the device's time


@pytest.mark.parametrize(
    ("width", "service_ms", "busiest"),
    [
        pytest.param(128, 20.0, "bottleneck: detector (network)", id="a slow detector"),
        pytest.param(1280, 0.05, "bottleneck: file", id="a slow encoder"),
    ],
)
def test_summary_names_whoever_holds_up_the_others(
    tmp_path: Path, width: int, service_ms: float, busiest: str
) -> None:
    # Encoding takes milliseconds a picture of 1280x720, and far less of one of 128x72.
    pictures = encoding.drawn(width, width * 9 // 16)
    sink = FileSink(tmp_path / "out.mp4", ())

    _, verdict = encoding.piped(pictures, 30, service_ms, sink)

    assert verdict.startswith(busiest)


def test_stages_are_measured_beside_another_way() -> None:
    rows = stages.rows(seconds=0.0, rounds=1)

    assert [row.name.partition(":")[0] for row in rows] == [
        "decode",
        "prepare for the network",
        "find peaks",
        f"draw {stages.BOXES} boxes with labels",
        "BGR to I420",
        "encode",
    ]
    assert all(row.ratio is not None and row.ratio > 0 for row in rows)


def test_arithmetic_is_counted_as_it_is_by_hand() -> None:
    class Two(PointNetwork):
        stride = 2

        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(3, 4, 3, stride=2, padding=1)
            self.second = nn.Conv2d(4, 5, 1)

        def forward(self, pictures: torch.Tensor) -> Heads:
            x = self.second(self.first(pictures))
            return Heads(x[:, :1], x[:, 1:3], x[:, 3:])

    # 16 x 16 cells: 4 x 3 x 3 x 3 multiplications each, then 5 x 4; additions as many
    assert gflop_of(Two(), 32) == pytest.approx(2 * 16 * 16 * (108 + 20) / 1e9)


def test_distance_is_what_is_reached_of_the_precision_s_own_ceiling() -> None:
    limits = Ceilings(fp32_gflops=100.0, bf16_gflops=400.0, copy_gb_s=10.0)

    row = distance("tiny", "openvino bf16", [10.0, 20.0, 20.0], gflop=2.0, ceilings=limits)

    assert limits.or_better(Ceilings(90.0, 500.0, 9.0)) == Ceilings(100.0, 500.0, 10.0)
    assert row.ratio == pytest.approx(0.25)  # 2 GFLOP in 20 ms are 100 of 400 a second


@pytest.mark.slow
def test_quick_run_writes_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--quick", "--save", "tiny", "--folder", str(tmp_path)]

    assert main([*arguments, "--detector", "none"]) == 0

    results = json.loads((tmp_path / "tiny.json").read_text())
    assert set(results) == {"machine", "timers", "spine", "rows", "file_to_file"}
    assert "commit" in results["machine"]
    assert gpu_rows.COMMAND in " ".join(row["says"] for row in results["rows"])
    assert "saved tiny.json" in capsys.readouterr().out
