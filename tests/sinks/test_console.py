"""What a person sees of a run, on a terminal and in a log."""

from __future__ import annotations

import io
import logging
from fractions import Fraction

import pytest

from sinks.console import LINE_EVERY_NS, Readout, live_table, plain_line
from sinks.fetching import Fetching
from sinks.progress import Progress, Rates, expected_frames, total
from sinks.terminal import ConsoleHandler, Terminal
from streamer.clock import ManualClock
from streamer.frame import StreamInfo
from streamer.snapshot import RunSnapshot, StreamSnapshot, StreamState

SECOND_NS = 1_000_000_000


def console(*, width: int = 80, is_terminal: bool = False) -> tuple[Terminal, io.StringIO]:
    out = io.StringIO()
    return Terminal(file=out, width=width, height=24, force_terminal=is_terminal), out


def stream(
    stream_id: str = "clip",
    state: StreamState = "running",
    *,
    done: int = 0,
    frames_in: int | None = None,
    count: int | None = 300,
) -> StreamSnapshot:
    return StreamSnapshot(
        stream_id=stream_id,
        state=state,
        info=StreamInfo(stream_id, stream_id, 64, 48, Fraction(1, 25), frame_count=count),
        frames_in=done if frames_in is None else frames_in,
        frames_done=done,
        dropped=2,
        latency_p50_ns=41_000_000,
        latency_p95_ns=60_000_000,
        error=None,
    )


def run_of(*streams: StreamSnapshot, seconds: float) -> RunSnapshot:
    return RunSnapshot(int(seconds * SECOND_NS), streams, {})


def progress(name: str = "clip", state: str = "running", done: int = 120) -> Progress:
    return Progress(name, state, done, 300, 24.94, 5.0, 41_000_000, 60_000_000, 2)


def test_a_log_line_tells_all_that_was_asked_for() -> None:
    assert plain_line([progress()]) == (
        "clip: running, frames 120/300 40%, 24.9 fps, elapsed 0:05, ETA 0:07, "
        "latency p50/p95 41/60 ms, dropped 2"
    )


def test_many_streams_share_one_log_line() -> None:
    line = plain_line([progress("a"), progress("b", "failed", 30), progress("c", "ended", 300)])
    assert line.startswith(
        "3 streams: 1 running, 1 failed, 1 ended, frames 450/900 50%, 74.8 fps, "
    )


def test_where_there_is_no_terminal_a_line_comes_soon_and_then_every_few_seconds() -> None:
    screen, out = console()
    with Readout(screen) as readout:
        for tick in range(81):  # 20 s of quarters
            readout.show(run_of(stream(done=tick * 2), seconds=tick / 4))
    lines = out.getvalue().splitlines()
    # at 1, 6, 11 and 16 s, and at the end
    assert [line.partition(" elapsed ")[2][:4] for line in lines] == [
        "0:01", "0:06", "0:11", "0:16", "0:20",
    ]  # fmt: skip
    assert LINE_EVERY_NS == 5 * SECOND_NS


def test_no_line_is_folded_or_decorated_in_a_log() -> None:
    screen, out = console(width=40)
    with Readout(screen) as readout:
        readout.show(run_of(stream("[red]a" * 10, done=5), seconds=2))
    assert out.getvalue().count("\n") == 1
    assert "\x1b" not in out.getvalue()
    assert out.getvalue().startswith("[red]a[red]a")


def test_a_run_that_never_ticked_leaves_nothing() -> None:
    screen, out = console()
    with Readout(screen):
        pass
    assert out.getvalue() == ""


def test_on_a_terminal_the_table_is_live_and_gone_at_the_end() -> None:
    screen, out = console(is_terminal=True)
    with Readout(screen) as readout:
        readout.show(run_of(stream(done=10), seconds=1))
        assert "10/300" in out.getvalue()
        before = len(out.getvalue())
    assert "\x1b[2K" in out.getvalue()[before:]  # lines erased
    assert out.getvalue().count("\x1b[?25l") == out.getvalue().count("\x1b[?25h")  # cursor back


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("count", [1, 3, 50])
def test_the_table_fits_its_terminal_and_cuts_no_number(width: int, count: int) -> None:
    streams = [progress(f"a-long-name-of-a-recording-{n}") for n in range(count)]
    screen, out = console(width=width)
    screen.print(live_table(streams, width, 24))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) < 24
    assert all("120/300" in line for line in lines[1:4] if not line.startswith("3 str"))
    if width >= 80:
        for word in ("40%", "24.9", "0:05", "0:07", "41/60", "running"):
            assert word in lines[1]


def test_rows_that_do_not_fit_are_those_that_have_ended() -> None:
    streams = [progress(f"s{n}", "ended" if n < 30 else "running") for n in range(32)]
    table = live_table(streams, 80, 10)
    names = [str(cell) for cell in table.columns[0].cells]
    assert names == ["s0", "s1", "s2", "s3", "s30", "s31", "32 streams"]


def test_the_rate_is_that_of_the_last_seconds() -> None:
    rates = Rates()
    for tick in range(41):  # 10 s at 8 frames a second, then 10 s at 40
        slow, fast = min(tick, 20) * 4, max(0, tick - 20) * 20
        rates.add(run_of(stream(done=slow + fast), seconds=tick / 2))
    (now,) = rates.add(run_of(stream(done=500), seconds=20.5))  # 480 at 20 s, so 40 still
    assert now.rate == pytest.approx(40)


def test_at_the_very_beginning_there_is_no_rate_and_no_eta() -> None:
    (now,) = Rates().add(run_of(stream(), seconds=0))
    assert (now.fps, now.eta) == ("-", "-")


def test_the_first_look_counts_from_the_beginning_of_the_run() -> None:
    (now,) = Rates().add(run_of(stream(done=10), seconds=2))  # 10 / 2 s
    assert now.rate == pytest.approx(5)


def test_a_run_without_a_frame_leaves_no_line() -> None:
    screen, out = console()
    with Readout(screen) as readout:
        readout.show(run_of(stream(state="failed"), seconds=0.2))
    assert out.getvalue() == ""


@pytest.mark.parametrize(
    ("snapshot", "limit", "expected"),
    [
        pytest.param(stream(count=None), None, None, id="nobody knows"),
        pytest.param(stream(count=300), None, 300, id="the container says"),
        pytest.param(stream(count=300), 100, 100, id="the limit says"),
        pytest.param(stream(count=50), 100, 50, id="the limit is beyond the end"),
        pytest.param(stream(count=None), 100, 100, id="endless, but limited"),
        pytest.param(stream(count=10, done=5, frames_in=12), None, 12, id="there are more"),
        pytest.param(stream(state="ended", count=300, done=290), None, 290, id="there were fewer"),
    ],
)
def test_the_number_of_frames_to_come_is_the_best_guess(
    snapshot: StreamSnapshot, limit: int | None, expected: int | None
) -> None:
    assert expected_frames(snapshot, limit) == expected


def test_a_total_with_an_unknown_part_is_unknown() -> None:
    endless = Progress("b", "running", 7, None, None, 5.0, None, None, 0)
    both = total([progress(), endless])
    assert both.frames == "127/?"
    assert both.percent == "-"
    assert both.latency == "41/60"


def test_a_download_is_a_bar_on_a_terminal() -> None:
    screen, out = console(is_terminal=True)
    with Fetching(screen) as fetching:
        fetching.show("net.pth", 10_000_000, 40_000_000)
        fetching.show("net.pth", 40_000_000, 40_000_000)
    assert "net.pth" in out.getvalue()
    assert "40.0/40.0 MB" in out.getvalue()


def test_a_download_is_a_line_now_and_then_in_a_log() -> None:
    screen, out = console()
    clock = ManualClock()
    with Fetching(screen, clock=clock) as fetching:
        for step in range(11):  # a second each
            fetching.show("net.pth", step * 1_000_000, 10_000_000 if step else None)
            clock.advance(SECOND_NS)
    assert out.getvalue().splitlines() == [
        "fetching net.pth: 0.0 MB",
        "fetching net.pth: 5.0 of 10.0 MB",
        "fetching net.pth: 10.0 of 10.0 MB",
    ]


def test_log_records_come_without_secrets() -> None:
    screen, out = console()
    record = logging.LogRecord(
        "x", logging.WARNING, __file__, 1, "lost %s", ("rtsp://a:geheim@b/",), None
    )
    ConsoleHandler(screen).emit(record)
    assert out.getvalue() == "warning: lost rtsp://a:***@b/\n"


def test_a_stream_that_was_lost_says_how_often() -> None:
    lost = Progress("door", "live", 7, None, 25.0, 5.0, None, None, 0, reconnects=2)
    screen, out = console(width=120)
    screen.print(live_table([lost], 120, 24))

    assert "live, lost 2x" in out.getvalue()
    assert "door: live, lost 2x, frames 7/?" in plain_line([lost])
