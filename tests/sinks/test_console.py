"""What a person sees of a run, on a terminal and in a log."""

from __future__ import annotations

import io
import logging
from fractions import Fraction

import pytest

from sinks.console import LINE_EVERY_NS, Readout, plain_line
from sinks.fetching import Fetching
from sinks.gpu import GpuLoad
from sinks.load import Load
from sinks.panel import HELP, KEYS, Surroundings, panel
from sinks.progress import Progress, Rates, expected_frames, total
from sinks.standing import Standing
from sinks.terminal import ConsoleHandler, Terminal, logging_to
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
    return Progress(name, state, done, 300, 24.94, 5.0, 41_000_000, 60_000_000, 2, rate_in=25.02)


LOAD = Load(
    (("decode", 0.12), ("preprocess", 0.05), ("network", 0.81), ("postprocess", 0.01),
     ("analytics", 0.01), ("sinks", 0.09)),
    "detector (network)", 0.88, keeps_up=False,
)  # fmt: skip
GPU = GpuLoad(0.93, 4_200_000_000, 80_000_000_000)


def shown(
    standing: Standing, width: int, height: int, around: Surroundings | None = None
) -> list[str]:
    """The lines of a panel."""
    screen, out = console(width=width)
    screen.print(panel(standing, width, height, around))
    return out.getvalue().splitlines()


def test_a_log_line_tells_all_that_was_asked_for() -> None:
    assert plain_line(Standing([progress()], LOAD, GPU)) == (
        "clip: running, frames 120/300 40%, fps in/out 25.0/24.9, elapsed 0:05, ETA 0:07, "
        "latency p50/p95 41/60 ms, dropped 2, busiest detector (network) 88%, "
        "GPU 93% busy, 4.2 of 80.0 GB"
    )


def test_many_streams_share_one_log_line() -> None:
    line = plain_line(
        Standing([progress("a"), progress("b", "failed", 30), progress("c", "ended", 300)])
    )
    assert line.startswith(
        "3 streams: 1 running, 1 failed, 1 ended, frames 450/900 50%, fps in/out 75.1/74.8, "
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
@pytest.mark.parametrize("height", [5, 10, 24, 50])
@pytest.mark.parametrize("count", [1, 3, 16, 50])
def test_the_panel_fits_its_terminal_and_cuts_no_number(
    width: int, height: int, count: int
) -> None:
    streams = [progress(f"a-long-name-of-a-recording-{n}") for n in range(count)]
    lines = shown(Standing(streams, LOAD, GPU), width, height, Surroundings(has_keys=True))
    assert max(map(len, lines)) <= width
    assert len(lines) < height
    rows = [line for line in lines if line.startswith("a-l")]
    assert rows
    assert all("120/300" in row for row in rows)
    if width >= 80:
        for word in ("40%", "25.0", "24.9", "0:07", "41/60", "running"):
            assert word in rows[0]


def test_sixteen_streams_fit_a_small_terminal_with_all_else_there_is() -> None:
    streams = [progress(f"camera-{n}") for n in range(16)]
    lines = shown(Standing(streams, LOAD, GPU), 80, 24, Surroundings(has_keys=True))
    assert len(lines) == 23
    assert [line.split()[0] for line in lines[2:18]] == [f"camera-{n}" for n in range(16)]
    assert lines[-4].strip().startswith("━")
    assert "elapsed 0:05  ETA 0:07" in lines[-4]
    assert lines[-3].startswith("decode 12%  preprocess 5%  network 81%  postprocess 1%")
    assert lines[-2] == "bottleneck: detector (network), busy 88%   GPU 93% busy, 4.2 of 80.0 GB"
    assert lines[-1] == KEYS


def test_streams_that_do_not_fit_are_those_that_fare_best() -> None:
    streams = [progress(f"s{n}", "live") for n in range(30)]
    streams[7] = Progress("s7", "retrying", 7, None, 0.0, 5.0, None, None, 0, reconnects=3)
    streams[21] = progress("s21", "failed")
    streams[29] = Progress("s29", "live", 7, None, 25.0, 5.0, None, None, 0, reconnects=1)
    lines = shown(Standing(streams), 80, 10)
    assert lines[0] == "30 streams: 28 live, 1 retrying, 1 failed"
    assert [line.split()[0] for line in lines[2:6]] == ["s0", "s7", "s21", "s29"]
    assert "retrying, lost 3x" in lines[3]
    assert lines[6].startswith("30 streams")
    assert lines[7] == "and 26 more: live"
    assert len(lines) == 9


def test_a_wide_terminal_says_what_is_wrong() -> None:
    lost = Progress(
        "door", "retrying", 7, None, 0.0, 5.0, None, None, 0, trouble="camera 'door': refused"
    )
    assert "retrying  camera 'door': refused" in shown(Standing([lost]), 120, 24)[1]
    assert "refused" not in shown(Standing([lost]), 70, 24)[1]


def test_an_endless_stream_has_no_bar_but_a_time() -> None:
    endless = Progress("door", "live", 7, None, 25.0, 65.0, None, None, 0)
    assert shown(Standing([endless]), 80, 24)[-1] == "elapsed 1:05"


def test_help_notices_and_keys_share_a_line() -> None:
    standing = Standing([progress()])
    lines = [
        shown(standing, 80, 24, around)[-1]
        for around in (
            Surroundings(has_keys=True),
            Surroundings(has_keys=True, has_help=True),
            Surroundings(has_keys=True, has_help=True, notice="saved a.png in b"),
        )
    ]
    assert lines == [KEYS, HELP, "saved a.png in b"]
    assert "keys" not in "".join(shown(standing, 80, 24))


def test_space_holds_what_is_shown_and_lets_go_again() -> None:
    screen, out = console(is_terminal=True)
    with Readout(screen, has_keys=True) as readout:
        readout.show(run_of(stream(done=10), seconds=1))
        readout.hold()
        out.truncate(0)
        readout.show(run_of(stream(done=99), seconds=2))
        assert "10/300" in out.getvalue()
        assert "99/300" not in out.getvalue()
        assert "held; space goes on" in out.getvalue()
        readout.hold()
        out.truncate(0)
        readout.show(run_of(stream(done=120), seconds=3))
        assert "120/300" in out.getvalue()
        assert "held" not in out.getvalue()


def test_a_notice_goes_away_by_itself() -> None:
    screen, out = console(is_terminal=True)
    clock = ManualClock()
    with Readout(screen, has_keys=True, clock=clock) as readout:
        readout.show(run_of(stream(done=10), seconds=1))
        readout.notice("saved clip-000010.png")
        assert "saved clip-000010.png" in out.getvalue()
        clock.advance(3 * SECOND_NS)
        out.truncate(0)
        readout.show(run_of(stream(done=11), seconds=4))
        assert "saved" not in out.getvalue()
        assert KEYS in out.getvalue()


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
    assert "live, lost 2x" in shown(Standing([lost]), 120, 24)[1]
    assert "door: live, lost 2x, frames 7/?" in plain_line(Standing([lost]))


def test_what_repeats_itself_is_counted_and_not_said_again() -> None:
    screen, out = console()
    clock = ManualClock()
    handler = ConsoleHandler(screen, clock=clock)
    for second in range(25):  # said at 0, 10 and 20 s
        for text in ("lost", "found") if second == 3 else ("lost",):
            handler.emit(logging.LogRecord("x", logging.WARNING, __file__, 1, text, (), None))
        clock.advance(SECOND_NS)
    assert out.getvalue().splitlines() == [
        "warning: lost",
        "warning: found",
        "warning: lost (and 9 times more meanwhile)",
        "warning: lost (and 9 times more meanwhile)",
    ]


def test_a_quiet_console_tells_errors_alone() -> None:
    out = io.StringIO()
    screen = Terminal(file=out, width=80, quiet=True)
    with Readout(screen) as readout, logging_to(screen, is_verbose=False):
        readout.show(run_of(stream(done=10), seconds=9))
        screen.say("note: nothing")
        logging.getLogger("x").warning("hot")
        logging.getLogger("x").error("burnt rtsp://a:geheim@b/")
        screen.fail("no such file")
    assert out.getvalue() == "error: burnt rtsp://a:***@b/\nerror: no such file\n"


@pytest.mark.parametrize("is_quiet", [False, True])
def test_a_terminal_obeys_no_name_of_a_file(*, is_quiet: bool) -> None:
    out = io.StringIO()
    screen = Terminal(file=out, width=80, quiet=is_quiet)
    screen.fail("source 'a\x1b[2J\x9b.mp4': no such file")
    assert out.getvalue() == "error: source 'a\\x1b[2J\\x9b.mp4': no such file\n"
