"""The measuring tool runs through in a tiny configuration, and says what it could not measure."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import gpu_rows, live_load, scheduler
from benchmarks.__main__ import main
from benchmarks.fake_device import FakeDevice, Service
from benchmarks.live_load import LiveLoad, most_streams, service_for
from benchmarks.rows import Row, table_of

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
    rate = {"pictures_a_second": 1600.0, "ms_a_batch": 10.0, "device_share": 0.9, "p99_gap_ms": 11}
    found = {
        "rate": {
            "i420 batch 16": rate,
            "i420 batch 16, one in flight": {**rate, "pictures_a_second": 800.0},
        },
        "pipeline": {"batch 16": {"pictures_a_second": 1520.0}},
    }
    (tmp_path / "gpu.json").write_text(json.dumps(found))

    ratios = {row.name: row.ratio for row in gpu_rows.rows(tmp_path / "gpu.json")}

    assert ratios["pipeline / detector alone, batch 16, 8 streams"] == pytest.approx(0.95)
    assert ratios["pipeline / detector alone, batch 32, 8 streams"] is None
    assert ratios["one batch in flight / three"] == pytest.approx(0.5)


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
    service = service_for(1.2, 8)

    assert service.rate(8) == pytest.approx(8 * 30 / 1.2)


def test_cameras_are_served_and_their_ages_known() -> None:
    device = FakeDevice(Service(2.0), max_batch=2)

    found = live_load.measure(device, streams=2, seconds=0.4)

    assert 0 < found.served <= 1
    assert 2.0 <= found.p50_ms <= found.p95_ms <= found.p99_ms  # no result before the device's time


@pytest.mark.slow
def test_quick_run_writes_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--quick", "--save", "tiny", "--folder", str(tmp_path)]

    assert main([*arguments, "--detector", "none"]) == 0

    results = json.loads((tmp_path / "tiny.json").read_text())
    assert set(results) == {"machine", "timers", "spine", "rows", "file_to_file"}
    assert "commit" in results["machine"]
    assert gpu_rows.COMMAND in " ".join(row["says"] for row in results["rows"])
    assert "saved tiny.json" in capsys.readouterr().out
