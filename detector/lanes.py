"""Queues of work on a device, and the points in them that others wait for.

What CUDA calls streams and events, so that everything above them can run, and be tested, where
there is no GPU: `CudaDevice` is the real one, `HostDevice` computes with a thread a lane.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import torch
from torch import Tensor

Work = Callable[[], object]  # queues operations on the current lane; what it returns is dropped


class Mark(Protocol):
    """A point in a lane's work; set again with every use."""

    def wait(self) -> None:
        """Blocks the calling thread until the lane is past it; at once if it was never set.

        Raises:
            Exception: one of `Device.failures`, where the work before it failed.
        """
        ...


M = TypeVar("M", bound=Mark)
M_contra = TypeVar("M_contra", bound=Mark, contravariant=True)


class Lane(Protocol[M_contra]):
    """Work that is done in the order of queueing, beside other lanes'."""

    def run(
        self,
        work: Work,
        *,
        after: Sequence[M_contra],
        done: M_contra,
        begun: M_contra | None = None,
    ) -> None:
        """Queue `work` and return at once.

        Args:
            work: called now or later, in any thread; nothing it needs may change until `done`.
            after: marks of other lanes, as they are set now, to be passed first.
            done: set behind the work.
            begun: set between them and the work, if anybody wants to know.

        Raises:
            torch.OutOfMemoryError: there is no memory for what the work computes on the way; where
                work is called at once.
        """
        ...

    def recorded(self, work: Work) -> Work:
        """`work`, which always does the same on the same memory, in a form that is queued faster.

        Runs it a few times; may block, and may stop the other lanes for that time. What comes back
        keeps `work`, and so that memory.

        Raises:
            torch.OutOfMemoryError: there is no memory for what it computes on the way.
        """
        ...


class Device(Protocol[M]):
    """Lanes, marks and memory."""

    @property
    def place(self) -> torch.device:
        """Where `memory` lies."""
        ...

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """What is raised when the device is lost or broken; not when its memory is too small."""
        ...

    def lane(self, name: str, *, is_urgent: bool = False) -> Lane[M]:
        """A new queue; urgent ones go first where work competes."""
        ...

    def mark(self) -> M:
        """One that was never set."""
        ...

    def pass_others(self, mark: M) -> None:
        """Set `mark` behind what others than the lanes have queued on the device: a decoder."""
        ...

    def elapsed_ns(self, begin: M, end: M) -> int:
        """Between two marks that have been passed."""
        ...

    def memory(self, *shape: int, dtype: torch.dtype) -> Tensor:
        """Zeros on the device.

        Raises:
            torch.OutOfMemoryError: there is not so much.
        """
        ...

    def staging_memory(self, *shape: int, dtype: torch.dtype) -> Tensor:
        """Zeros on the host that the device can copy from and to by itself."""
        ...
