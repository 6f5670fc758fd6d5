"""What happens a few times a second in the main thread of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from rich.text import Text

from sinks.album import AlbumSink
from sinks.console import Readout
from sinks.display import Request
from sinks.keyboard import Keyboard
from sinks.terminal import Terminal
from streamer.errors import SinkError
from streamer.feed import Stoppable
from streamer.signals import StopSignals
from streamer.snapshot import RunSnapshot

TICK_S = 0.25
WINDOW_TICK_S = 0.03  # a window answers hands at once only if it is asked this often
KEYS_TICK_S = 0.1  # and a terminal, which moves less, within what a person takes for at once
READOUT_EVERY_NS = 250_000_000


@runtime_checkable
class Observer(Protocol):
    """A sink that shows how the run stands."""

    def observe(self, snapshot: RunSnapshot) -> None:
        """Take note; must not block."""
        ...


@runtime_checkable
class Window(Protocol):
    """A sink whose window lives in the main thread."""

    def pump(self) -> Request:
        """Show what is new, and say what the person at it wants."""
        ...

    def press(self, key: str) -> Request:
        """Obey a key that was pressed elsewhere."""
        ...


@runtime_checkable
class Page(Protocol):
    """A sink that a browser can open."""

    @property
    def url(self) -> str:
        """With the token in it; where exactly is known once it is claimed."""
        ...

    def claim(self) -> None:
        """Take the port; raises SinkError."""
        ...

    def release(self) -> None:
        """Give it back, where it is not served yet."""
        ...


class Ticker:
    """Updates the readout and whoever watches; does what a person asks for by key or signal.

    The keys of the terminal mean what they mean in a window, and are passed on to it.

    Args:
        sinks: all of the run.
        readout: of the console.
        signals: which have come.
        screen: for a word about the end.
        stop: ends the run; called once, from the main thread.
        keyboard: of the terminal, entered, or None.
    """

    def __init__(
        self,
        sinks: Sequence[object],
        readout: Readout,
        signals: StopSignals,
        screen: Terminal,
        stop: Callable[[], None],
        *,
        keyboard: Keyboard | None = None,
    ) -> None:
        self._observers = [sink for sink in sinks if isinstance(sink, Observer)]
        self._windows = [sink for sink in sinks if isinstance(sink, Window)]
        self._patient = [sink for sink in sinks if isinstance(sink, Stoppable)]
        self._albums = [sink for sink in sinks if isinstance(sink, AlbumSink)]
        self._readout = readout
        self._signals = signals
        self._screen = screen
        self._stop = stop
        self._keyboard = keyboard
        self._is_stopping = False
        self._shown_ns: int | None = None

    @property
    def tick_s(self) -> float:
        """How often it wants to be called."""
        if self._windows:
            return WINDOW_TICK_S
        return TICK_S if self._keyboard is None else KEYS_TICK_S

    def __call__(self, snapshot: RunSnapshot) -> None:
        """One tick."""
        wishes = [window.pump() for window in self._windows]
        if self._is_due(snapshot):
            self._readout.show(snapshot)
            for observer in self._observers:
                observer.observe(snapshot)
        if self._keyboard is not None:
            for key in self._keyboard.pressed():
                wishes += [self._keys[key]()] if key in self._keys else []
        wants_out = Request.QUIT in wishes
        if wants_out or self._signals.exit_code is not None:
            self._end(by_signal=not wants_out)

    @property
    def _keys(self) -> Mapping[str, Callable[[], Request]]:
        return {
            "q": lambda: Request.QUIT,
            "escape": lambda: Request.QUIT,
            "space": self._hold,
            "s": self._save,
            "h": self._help,
            "suspend": self._suspend,
        }

    def _hold(self) -> Request:
        self._readout.hold()
        for window in self._windows:
            window.press("space")
        return Request.CONTINUE

    def _help(self) -> Request:
        self._readout.help()
        return Request.CONTINUE

    def _suspend(self) -> Request:
        with self._readout.away():
            if self._keyboard is not None:
                self._keyboard.suspend()
        return Request.CONTINUE

    def _save(self) -> Request:
        for album in self._albums:
            try:
                self._readout.notice(album.save())
            except SinkError as error:
                self._readout.notice(str(error))
        return Request.CONTINUE

    def _is_due(self, snapshot: RunSnapshot) -> bool:
        now_ns = snapshot.elapsed_ns
        has_ended = all(stream.state in ("ended", "failed") for stream in snapshot.streams)
        if self._shown_ns is not None and now_ns - self._shown_ns < READOUT_EVERY_NS:
            return has_ended
        self._shown_ns = now_ns
        return True

    def _end(self, *, by_signal: bool) -> None:
        if self._is_stopping:
            return
        self._is_stopping = True
        if by_signal:
            self._screen.say("stopping: finishing the files; once more aborts")
        self._stop()


def show_pages(sinks: Sequence[object], screen: Terminal) -> None:
    """Tell the person who started the run, and nobody else, where to look.

    Raises:
        SinkError: a port is taken; nothing is held then.
    """
    pages = [sink for sink in sinks if isinstance(sink, Page)]
    try:
        for page in pages:
            page.claim()
    except SinkError:
        for page in pages:
            page.release()
        raise
    for page in pages:
        screen.print(Text(f"open {page.url}"), soft_wrap=True)  # with its token, on purpose
