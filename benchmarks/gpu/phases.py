"""Where a training step's time goes: marks from torch's own hooks, and no copy of the step."""

from __future__ import annotations

import statistics
import time

import torch

from detector.network import Heads
from train.batch import Batch
from train.learner import Learner

_LR = 1e-4
PHASES = (  # each ends where its mark is
    "batch to device",
    "forward",
    "loss",  # and its gradient, down to the heads
    "backward",
    "gradient norm and weights",
    "average",
)


class _Marks:
    """Moments of one step, on the device's clock where it has one."""

    def __init__(self, place: torch.device) -> None:
        self._on_cuda = place.type == "cuda"
        self.at: dict[str, torch.cuda.Event | float] = {}

    def mark(self, name: str) -> None:
        """Now, behind all that is queued."""
        if not self._on_cuda:
            self.at[name] = time.perf_counter() * 1e3
            return
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]  # torch's
        event.record()
        self.at[name] = event

    def between_ms(self, first: str, second: str) -> float:
        """Blocks until both are there."""
        begin, end = self.at[first], self.at[second]
        if isinstance(begin, torch.cuda.Event) and isinstance(end, torch.cuda.Event):
            end.synchronize()
            return float(begin.elapsed_time(end))
        assert isinstance(begin, float)
        assert isinstance(end, float)
        return end - begin


def measure(learner: Learner, batch: Batch, *, steps: int) -> dict[str, float]:
    """Median milliseconds of each phase over some steps with the same batch, after two.

    Args:
        learner: not compiled: hooks inside would split what the compiler makes.
        batch: on the host.
        steps: that count.
    """
    marks = _Marks(learner.device)

    def heads_are_there(_: object, __: object, heads: Heads) -> None:
        marks.mark("forward")
        for head in heads:
            # Of the three, the last stays.
            head.register_hook(lambda _: marks.mark("loss"))  # type: ignore[no-untyped-call]  # torch's

    def gradient_is_there(_: object) -> None:
        marks.mark("backward")  # of all of them, the last stays

    handles = [
        learner.network.register_forward_pre_hook(lambda *_: marks.mark("batch to device")),
        learner.network.register_forward_hook(heads_are_there),
        *(
            weight.register_post_accumulate_grad_hook(gradient_is_there)
            for weight in learner.network.parameters()
        ),
        learner.optimizer.register_step_post_hook(
            lambda *_: marks.mark("gradient norm and weights")
        ),
    ]
    rows: dict[str, list[float]] = {name: [] for name in (*PHASES, "step")}
    try:
        for number in range(steps + 2):
            marks.mark("start")
            learner.step([batch], _LR)
            marks.mark("average")
            if number < 2:
                continue
            for begin, end in zip(("start", *PHASES), PHASES, strict=False):
                rows[end].append(marks.between_ms(begin, end))
            rows["step"].append(marks.between_ms("start", "average"))
    finally:
        for handle in handles:
            handle.remove()
    return {name: statistics.median(each) for name, each in rows.items()}
