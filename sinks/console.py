"""The live readout: a panel that follows the run, or a line now and then where none can."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Protocol, Self

from rich.live import Live
from rich.text import Text

from sinks.gpu import GpuProbe
from sinks.json_log import JsonTerminal, JsonView
from sinks.panel import Surroundings, panel
from sinks.progress import Progress
from sinks.standing import Standing, Standings
from sinks.terminal import Terminal
from streamer.clock import Clock, MonotonicClock
from streamer.snapshot import RunSnapshot

FIRST_LINE_NS = 1_000_000_000  # 1 s: soon, so that a log shows at once that the run is alive
LINE_EVERY_NS = 5_000_000_000  # 5 s between lines: a log of an hour stays readable
NOTICE_NS = 3_000_000_000  # 3 s: long enough to read a path

HELD = "held; space goes on"


class View(Protocol):
    """One way of showing a run."""

    def start(self) -> None:
        """Begin."""
        ...

    def show(self, standing: Standing, snapshot: RunSnapshot) -> None:
        """The run has come so far."""
        ...

    def end(self) -> None:
        """Leave the console to others."""
        ...


class Readout:
    """Shows snapshots on a console; for one thread, entered around the run.

    Args:
        console: a terminal gets a live panel, anything else a line every few seconds, and a
            JsonTerminal objects.
        limit: frames a stream at most, as the pipeline has it.
        sink_names: of every sink of the run.
        gpu: asks the GPU.
        has_keys: a person can press some.
        clock: for notices that go away.
    """

    def __init__(
        self,
        console: Terminal,
        *,
        limit: int | None = None,
        sink_names: Sequence[str] = (),
        gpu: GpuProbe | None = None,
        has_keys: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self._standings = Standings(limit=limit, sink_names=sink_names, gpu=gpu)
        self._clock = clock or MonotonicClock()
        self._panel = _PanelView(console, self._clock, has_keys=has_keys)
        self._view: View = self._panel if console.is_terminal else _LineView(console)
        if isinstance(console, JsonTerminal):
            self._view = JsonView(console, LINE_EVERY_NS)
        self._is_held = False

    def __enter__(self) -> Self:
        """Start the live panel where there can be one."""
        self._view.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take the panel away, or end with a last line if there was a frame."""
        self._view.end()

    def show(self, snapshot: RunSnapshot) -> None:
        """Show how the run stands now."""
        self._view.show(self._standings.add(snapshot), snapshot)

    def hold(self) -> None:
        """Keep what is shown, or go on."""
        self._panel.is_held = not self._panel.is_held
        self._panel.refresh()

    def help(self) -> None:
        """Show the keys, or hide them."""
        self._panel.has_help = not self._panel.has_help
        self._panel.refresh()

    def notice(self, text: str) -> None:
        """Tell the person something, for a while."""
        self._panel.notice = text
        self._panel.notice_until_ns = self._clock.now_ns() + NOTICE_NS
        self._panel.refresh()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Leave the terminal to others meanwhile."""
        self._view.end()
        try:
            yield
        finally:
            self._view.start()


class _PanelView:
    """A live panel, drawn over itself."""

    def __init__(self, console: Terminal, clock: Clock, *, has_keys: bool) -> None:
        self._console = console
        self._clock = clock
        self._has_keys = has_keys
        self._live: Live | None = None
        self._standing: Standing | None = None
        self.is_held = self.has_help = False
        self.notice, self.notice_until_ns = "", 0

    def start(self) -> None:
        self._live = Live(
            console=self._console,
            auto_refresh=False,  # the run's ticks are often enough, and its thread is ours
            transient=True,  # the summary will say it all
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def show(self, standing: Standing, snapshot: RunSnapshot) -> None:  # noqa: ARG002 - its form
        if not self.is_held:
            self._standing = standing
        self.refresh()

    def refresh(self) -> None:
        if self._live is None or self._standing is None:
            return
        if self._clock.now_ns() >= self.notice_until_ns:
            self.notice = ""
        notice = self.notice or (HELD if self.is_held else "")
        around = Surroundings(self._has_keys, self.has_help, notice)
        self._live.update(panel(self._standing, *self._console.size, around), refresh=True)

    def end(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


class _LineView:
    """A line every few seconds."""

    def __init__(self, console: Terminal) -> None:
        self._console = console
        self._next_ns = FIRST_LINE_NS
        self._last: Standing | None = None
        self._printed = ""

    def start(self) -> None:
        """Nothing to show yet."""

    def show(self, standing: Standing, snapshot: RunSnapshot) -> None:
        self._last = standing
        if snapshot.elapsed_ns >= self._next_ns:
            self._next_ns = snapshot.elapsed_ns + LINE_EVERY_NS
            self._print()

    def end(self) -> None:
        if self._last is not None and any(stream.done for stream in self._last.streams):
            self._print()

    def _print(self) -> None:
        assert self._last is not None  # both callers have looked
        line = plain_line(self._last)
        if line != self._printed:
            self._console.print(Text(line), soft_wrap=True)
        self._printed = line


def plain_line(standing: Standing) -> str:
    """The whole run on one line, however many streams it has."""
    run: Progress = standing.total
    parts = [
        f"{run.name}: {run.standing}",
        f"frames {run.frames} {run.percent}",
        f"fps in/out {run.fps_in}/{run.fps}",
        f"elapsed {run.elapsed}",
        f"ETA {run.eta}",
        f"latency p50/p95 {run.latency} ms",
        f"dropped {run.dropped}",
    ]
    if standing.load is not None:
        parts.append(f"busiest {standing.load.busiest} {standing.load.share:.0%}")
    if standing.gpu is not None:
        parts.append(f"GPU {standing.gpu.text}")
    return ", ".join(parts)
