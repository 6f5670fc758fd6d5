"""Reading a live source in a thread of its own, as a pipeline would."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from types import TracebackType
from typing import Self

from streamer.errors import ChannelClosed, SourceError
from streamer.frame import Frame
from streamer.sources.network import NetworkSource
from streamer.sources.reconnect import Reconnecting

WAIT_S = 30  # generous: the machine may be busy


class Watcher:
    """Keeps the frames a source gives, and says when."""

    def __init__(self, source: Reconnecting | NetworkSource) -> None:
        self._source = source
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="test-watcher")
        self.frames: list[Frame] = []
        self.error: SourceError | None = None
        self.has_ended = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> float:
        """Seconds it took to end."""
        start_s = time.monotonic()
        self._source.stop()
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()
        return time.monotonic() - start_s

    def await_frames(self, count: int) -> None:
        """Wait for that many more."""
        with self._news:
            wanted = len(self.frames) + count
            assert self._news.wait_for(
                lambda: len(self.frames) >= wanted or self.has_ended, WAIT_S
            ), "nothing came"
            assert len(self.frames) >= wanted, f"ended early: {self.error}"

    def await_frame_after(self, moment_ns: int) -> float:
        """Seconds from a moment to the first frame after it."""
        with self._news:
            assert self._news.wait_for(
                lambda: bool(self.frames) and self.frames[-1].captured_ns > moment_ns, WAIT_S
            ), f"nothing came: {self.error}"
            first = next(f for f in self.frames if f.captured_ns > moment_ns)
        return (first.captured_ns - moment_ns) / 1e9

    def await_end(self) -> None:
        with self._news:
            assert self._news.wait_for(lambda: self.has_ended, WAIT_S), "did not end"

    def _run(self) -> None:
        try:
            with self._source as source:
                for frame in source:
                    with self._news:
                        self.frames.append(frame)
                        self._news.notify_all()
        except ChannelClosed:
            pass
        except SourceError as error:
            self.error = error
        finally:
            with self._news:
                self.has_ended = True
                self._news.notify_all()


def assert_one_line_of_time(frames: list[Frame]) -> None:
    """The index counts on and time goes on, across whatever happened."""
    assert [frame.index for frame in frames] == list(range(len(frames)))
    times = [frame.pts * frame.time_base for frame in frames]
    assert all(a < b for a, b in pairwise(times))
