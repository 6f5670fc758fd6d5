"""Training on the device: pictures a second of each way, and where a step's time goes."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch

from benchmarks.gpu import phases
from benchmarks.gpu.drawn import DrawnSamples
from benchmarks.gpu.launches import by_kind, dearest, launches
from benchmarks.gpu.plan import Plan
from benchmarks.training import Setting, learner_of, loader_of, measure
from detector.geometry import Stretch
from detector.network import untrained

BATCH = 48  # as published; 18 GB of activations in bf16, 36 in float32
_MOST_WORKERS = 14  # of 16 cores: one for the step, one for pinning
_GIB_A_WORKER = 1.8  # of shared memory: all ways' batches that it keeps ready
_SHARED_MEMORY = Path("/dev/shm")
_COMPILED_S = 160.0  # kept for compiling and its rounds, which need half of it at least
_DRAWN = 96  # different pictures

Save = Callable[[dict[str, object]], None]


def study(plan: Plan, save: Save) -> dict[str, object]:
    """Speeds, phases and kernels; then the compiled step, which takes minutes to begin.

    Args:
        plan: of the run.
        save: called after every part.

    Raises:
        ImportError: a package of the extra `train` is missing.
    """
    setting = setting_of(plan)
    rounds = 1 if plan.is_quick else 2
    found: dict[str, object] = {
        "batch": setting.batch,
        "workers": setting.workers,
        "steps_a_round": setting.steps,
        "pictures": "drawn streets of 640x480, decoded from JPEG, no outlines",
        "parameters": sum(p.numel() for p in untrained(plan.recipe.network, 80).parameters()),
    }
    plain = ("a plain loop", "a plain loop, bf16", "ours")
    speeds = measure(setting, rounds, plain, deadline_s=plan.deadline_s - _COMPILED_S)
    found["ways"] = {name: asdict(speed) for name, speed in speeds.items()}
    save(found)
    found["step"] = step_of(setting, plan.place, steps=2 if plan.is_quick else 10)
    save(found)
    if plan.place.type != "cuda" or plan.is_quick:
        found["compiled"] = {"skipped": "needs CUDA and minutes"}
    elif plan.deadline_s - time.monotonic() < _COMPILED_S / 2:
        found["compiled"] = {"skipped": "no time left"}
    else:
        begin_s = time.monotonic()
        pair = measure(setting, rounds, ("ours", "ours, compiled"), deadline_s=plan.deadline_s)
        found["compiled"] = {name: asdict(speed) for name, speed in pair.items()}
        found["compiled_rounds_s"] = time.monotonic() - begin_s
    return found


def setting_of(plan: Plan) -> Setting:
    """A batch as published and as many workers as the cores allow; little of both to rehearse."""
    batch, steps = (2, 2) if plan.is_quick else (BATCH, 32)  # more than the workers have ready
    workers = 1 if plan.is_quick else workers_here()
    samples = DrawnSamples(4 if plan.is_quick else _DRAWN, length=batch * (steps + 2))
    size = Stretch(plan.side, plan.side)
    return Setting(samples, plan.recipe, size, plan.place, batch, workers, steps)


def workers_here() -> int:
    """As many as the cores and the shared memory allow; 0 prepares pictures between steps."""
    workers = min(_MOST_WORKERS, max(1, (os.cpu_count() or 1) - 2))
    if not _SHARED_MEMORY.exists():
        return workers
    gib = shutil.disk_usage(_SHARED_MEMORY).free / 2**30
    return min(workers, int(gib / _GIB_A_WORKER))


def step_of(setting: Setting, place: torch.device, *, steps: int) -> dict[str, object]:
    """Phases and kernels of our step, not compiled."""
    learner = learner_of(setting)
    loader = loader_of(setting, learner.network.stride)
    loader.start(0)
    batch = next(iter(loader))
    phase_ms = phases.measure(learner, batch, steps=steps)
    whole_ms = phase_ms.pop("step")
    found = launches(lambda: learner.step([batch], 1e-4), place)
    busy_ms = sum(launch.ms for launch in found)
    return {
        "precision": str(learner.dtype),
        "step_ms": whole_ms,
        "phases": {name: {"ms": ms, "share": ms / whole_ms} for name, ms in phase_ms.items()},
        "kernels_ms": busy_ms,
        "busy": busy_ms / whole_ms,
        "kinds": by_kind(found),
        "dearest": dearest(found),
    }
