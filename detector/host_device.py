"""A device made of threads: lanes run beside each other on the CPU, and compute for real.

For tests and rehearsals of what drives a GPU. Work that does not wait for what it needs goes
wrong here as it would there.
"""

from __future__ import annotations

import math
import queue
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import torch
from torch import Tensor

from detector.lanes import Work


class HostMark:
    """A point in a lane's work."""

    def __init__(self) -> None:
        self._latest = _Passage()

    def wait(self) -> None:
        """Blocks until the lane is past it."""
        self._latest.wait()

    def set_later(self) -> _Passage:
        """What will be passed next: whoever waits from now on waits for this."""
        self._latest = _Passage(is_open=False)
        return self._latest

    @property
    def latest(self) -> _Passage:
        """The last time it was set."""
        return self._latest


class _Passage:
    """One use of a mark."""

    def __init__(self, *, is_open: bool = True) -> None:
        self._is_passed = threading.Event()
        self._error: Exception | None = None
        self.passed_ns = 0
        if is_open:
            self._is_passed.set()

    def open(self, error: Exception | None = None) -> None:
        self._error = error
        self.passed_ns = time.perf_counter_ns()
        self._is_passed.set()

    def wait(self) -> None:
        self._is_passed.wait()
        if self._error is not None:
            raise self._error


_Job = Callable[[], None]


class HostLane:
    """A thread that does what is queued."""

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=f"lane:{name}")
        self._thread.start()

    def run(
        self,
        work: Work,
        *,
        after: Sequence[HostMark],
        done: HostMark,
        begun: HostMark | None = None,
    ) -> None:
        """Queue `work`."""
        awaited = [mark.latest for mark in after]
        begins, ends = (begun or HostMark()).set_later(), done.set_later()

        def job() -> None:
            try:
                for passage in awaited:
                    passage.wait()
                begins.open()
                work()
            except Exception as error:  # noqa: BLE001 - whoever waits for it gets it
                begins.open(error)
                ends.open(error)
            else:
                ends.open()

        self._jobs.put(job)

    def recorded(self, work: Work) -> Work:
        """`work` itself, run once in the lane, as recording would."""
        done = HostMark()
        self.run(work, after=(), done=done)
        done.wait()
        return work

    def close(self) -> None:
        """Do what is queued, then end the thread."""
        self._jobs.put(None)
        self._thread.join()

    @torch.inference_mode()
    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


class HostDevice:
    """The CPU as a device; a context manager, because its lanes are threads.

    Args:
        memory_bytes: what `memory` gives at most, or None for no limit.
    """

    place = torch.device("cpu")
    failures: tuple[type[Exception], ...] = (torch.AcceleratorError,)

    def __init__(self, *, memory_bytes: int | None = None) -> None:
        self._free_bytes = math.inf if memory_bytes is None else memory_bytes
        self._lanes: list[HostLane] = []

    def __enter__(self) -> Self:
        """Lanes start when they are made."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End every lane's thread."""
        for lane in self._lanes:
            lane.close()

    def lane(self, name: str, *, is_urgent: bool = False) -> HostLane:  # noqa: ARG002 - all are equal
        """A new thread."""
        self._lanes.append(HostLane(name))
        return self._lanes[-1]

    def mark(self) -> HostMark:
        """One that was never set."""
        return HostMark()

    def pass_others(self, mark: HostMark) -> None:
        """There are no others: passed at once."""
        mark.set_later().open()

    def elapsed_ns(self, begin: HostMark, end: HostMark) -> int:
        """Wall time between two marks that have been passed."""
        return end.latest.passed_ns - begin.latest.passed_ns

    def memory(self, *shape: int, dtype: torch.dtype) -> Tensor:
        """Zeros; they count against the limit as long as they are referred to."""
        size = math.prod(shape) * dtype.itemsize
        if size > self._free_bytes:
            raise torch.OutOfMemoryError(f"{size} bytes wanted, {self._free_bytes:.0f} left")
        self._free_bytes -= size
        made = torch.zeros(shape, dtype=dtype)
        weakref.finalize(made, self._give_back, size)
        return made

    def _give_back(self, size: int) -> None:
        self._free_bytes += size

    def staging_memory(self, *shape: int, dtype: torch.dtype) -> Tensor:
        """Zeros."""
        return torch.zeros(shape, dtype=dtype)
