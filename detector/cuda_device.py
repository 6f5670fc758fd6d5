"""A CUDA device's streams, events, memory and graphs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.backends import cudnn

from detector.lanes import Work

if TYPE_CHECKING:
    from torch.cuda import _POOL_HANDLE

_WARM_UPS = 2  # before recording: the first run chooses algorithms and loads kernels


class CudaMark:
    """An event."""

    def __init__(self) -> None:
        self.event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]  # torch's

    def wait(self) -> None:
        """Blocks this thread only, without the interpreter's lock; other streams go on."""
        self.event.synchronize()


@dataclass(frozen=True, slots=True, eq=False)
class _Recording:
    """A graph, which knows the memory it works on by addresses alone, and what keeps that memory.

    Attributes:
        graph: of the work.
        work: with all that it refers to.
    """

    graph: torch.cuda.CUDAGraph
    work: Work

    def __call__(self) -> None:
        self.graph.replay()


class CudaLane:
    """A stream."""

    def __init__(self, stream: torch.cuda.Stream, pool: _POOL_HANDLE, *, autotunes: bool) -> None:
        self.stream = stream
        self._pool = pool
        self._autotunes = autotunes

    def recorded(self, work: Work) -> Work:
        """`work` as a CUDA graph: one call whatever it consists of, and no Python in between."""
        with self.current():
            for _ in range(_WARM_UPS):
                work()
        graph = torch.cuda.CUDAGraph()
        # Only this thread is watched for calls that a recording does not allow.
        recording = torch.cuda.graph(
            graph, pool=self._pool, stream=self.stream, capture_error_mode="thread_local"
        )
        with self.current(), recording:
            work()
        return _Recording(graph, work)

    @contextmanager
    def current(self) -> Iterator[None]:
        """Operations go to this stream, and float32 means float32."""
        flags = cudnn.flags(enabled=True, benchmark=self._autotunes, allow_tf32=False)
        with torch.cuda.stream(self.stream), flags:
            yield

    def run(
        self,
        work: Work,
        *,
        after: Sequence[CudaMark],
        done: CudaMark,
        begun: CudaMark | None = None,
    ) -> None:
        """Queue `work`, which is called here and now."""
        for mark in after:
            self.stream.wait_event(mark.event)
        if begun is not None:
            begun.event.record(self.stream)
        with self.current():
            work()
        done.event.record(self.stream)


class CudaDevice:
    """One CUDA device.

    Args:
        place: "cuda:N".
        autotunes: cuDNN tries its algorithms whenever it meets a new shape.
    """

    failures: tuple[type[Exception], ...] = (torch.AcceleratorError,)

    def __init__(self, place: torch.device, *, autotunes: bool = False) -> None:
        self.place = place
        self._autotunes = autotunes
        self._pool = torch.cuda.graph_pool_handle()  # one for all: they are replayed in turn

    def lane(self, name: str, *, is_urgent: bool = False) -> CudaLane:  # noqa: ARG002 - nameless
        """A new stream, which begins behind everything queued so far."""
        stream = torch.cuda.Stream(  # type: ignore[no-untyped-call]  # torch's
            self.place, priority=-1 if is_urgent else 0
        )
        stream.wait_stream(torch.cuda.current_stream(self.place))
        return CudaLane(stream, self._pool, autotunes=self._autotunes)

    def mark(self) -> CudaMark:
        """An event that was never recorded."""
        return CudaMark()

    def pass_others(self, mark: CudaMark) -> None:
        """Behind the device's default stream, where FFmpeg queues what it decodes and copies."""
        mark.event.record(torch.cuda.default_stream(self.place))

    def elapsed_ns(self, begin: CudaMark, end: CudaMark) -> int:
        """As the device's own clock has it."""
        return int(begin.event.elapsed_time(end.event) * 1e6)

    def memory(self, *shape: int, dtype: torch.dtype) -> Tensor:
        """Zeros, there when this returns: every lane may use them."""
        made = torch.zeros(shape, dtype=dtype, device=self.place)
        torch.cuda.current_stream(self.place).synchronize()
        return made

    def staging_memory(self, *shape: int, dtype: torch.dtype) -> Tensor:
        """Zeros in page-locked memory."""
        return torch.zeros(shape, dtype=dtype, pin_memory=True)
