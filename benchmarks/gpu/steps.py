"""What is measured on a GPU, step by step, and the plans that choose among the steps."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

from benchmarks.gpu import (
    agreement,
    cameras,
    decode,
    findings,
    inside,
    ladder,
    pipeline,
    probe,
    rate,
    soak,
)
from benchmarks.gpu.kept import opened, planar_pictures
from benchmarks.gpu.plan import Plan
from benchmarks.scheduler import SHORT_TURN_S, turns_of
from detector.checkpoint import read_checkpoint
from detector.network import PointNetwork, bare
from detector.recipe import RECIPES
from streamer.stats import StageTimes

ROOT = Path(__file__).resolve().parents[2]
_ASSETS = ROOT / "detector" / "assets"
_SOAKED_S = 300.0
_CAMERAS = 100
_MOST_CAMERAS = 128

Save = Callable[[object], None]


@dataclass(frozen=True, slots=True)
class Step:
    """Something to measure.

    Attributes:
        measure: gives back what it found, and saves it as it goes.
        minutes: that it may take.
    """

    measure: Callable[[Plan, Save], object]
    minutes: float


def _probe(plan: Plan, _: Save) -> object:
    return probe.probe(plan.place, is_quick=plan.is_quick)


def _tests(plan: Plan, _: Save) -> object:
    """The tests that need a GPU; on the CPU they would all be skipped, so none is run."""
    if plan.place.type != "cuda":
        return {"skipped": "needs CUDA"}
    tests = sorted((ROOT / "tests").rglob("test_*.py"))
    files = [str(path) for path in tests if "mark.gpu" in path.read_text(encoding="utf-8")]
    # Another machine's packages have warnings of their own, and may lack what one file needs.
    manners = ["-q", "--tb=short", "-W", "default", "--continue-on-collection-errors"]
    command = [sys.executable, "-m", "pytest", "-m", "gpu", *manners, *files]
    environment = {**os.environ, "REQUIRE_GPU": "1"}
    limit_s = max(10.0, plan.deadline_s - time.monotonic())
    with (plan.folder / "tests.txt").open("w") as output:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=limit_s,
            check=False,
        )
    last = (plan.folder / "tests.txt").read_text().strip().splitlines()[-1:]
    return {"exit_code": done.returncode, "last_line": " ".join(last)}


def _ladder(plan: Plan, save: Save) -> object:
    return ladder.measure(
        plan.make,
        plan.place,
        side=plan.side,
        sizes=plan.sizes,
        rounds=5 if plan.is_quick else 20,
        deadline_s=plan.deadline_s,
        save=save,
    )


def _rate(plan: Plan, save: Save) -> object:
    return _rates(plan, save, plan.sizes)


def _rates(plan: Plan, save: Save, sizes: Sequence[int]) -> dict[str, dict[str, float]]:
    times = StageTimes()
    with rate.opened(plan.make(), plan.recipe, plan.place, times) as executor:
        return rate.measure(
            executor,
            times,
            side=plan.side,
            frame_size=plan.frame_size,
            sizes=sizes,
            seconds=0.3 if plan.is_quick else 3.0,
            deadline_s=plan.deadline_s,
            save=save,
        )


def _pipeline(plan: Plan, save: Save) -> object:
    """Eight streams at the largest batches; `rate` has what the detector does alone."""
    found = {}
    for batch in plan.sizes[-2:]:
        with turns_of(SHORT_TURN_S):  # as run.py has them
            found[f"batch {batch}"] = pipeline.measure(
                plan.make(),
                plan.recipe,
                plan.place,
                side=plan.side,
                frame_size=plan.frame_size,
                batch=batch,
                streams=8,
                seconds=1.0 if plan.is_quick else 8.0,
            )
        save(found)
    return found


def _decode(plan: Plan, save: Save) -> object:
    detection = decode.Detection(
        plan.make,
        plan.recipe,
        plan.place,
        side=plan.side,
        batch=plan.sizes[-1],
        passes=1 if plan.is_quick else 5,
    )
    return decode.measure(
        detection,
        sessions=(1, 2) if plan.is_quick else (1, 2, 4, 8),
        size=plan.frame_size,
        deadline_s=plan.deadline_s,
        save=save,
    )


def _agreement(plan: Plan, save: Save) -> object:
    """With every file of weights that comes with the program, and the network's random ones."""
    pictures = agreement.pictures_of(plan.pictures, 2 if plan.is_quick else 16)
    found: dict[str, object] = {}
    for path in sorted(_ASSETS.glob("*.safetensors")):
        name = path.stem.partition("_")[0]
        known = [key for key in RECIPES if key == name or path.stem.endswith(key)]
        for key in known:
            recipe = RECIPES[key]
            make = partial(_filled, key, path)
            found[path.stem] = agreement.measure(make, recipe, plan.place, pictures)
            save(found)
    if plan.place.type == "cuda":
        found[f"{plan.network} untrained"] = agreement.measure(
            plan.make, plan.recipe, plan.place, pictures[:4]
        )
    return found


def _filled(key: str, path: Path) -> PointNetwork:
    checkpoint = read_checkpoint(path)
    recipe = RECIPES[key]
    names = checkpoint.about.class_names if checkpoint.about else recipe.class_names
    network = bare(recipe.network, len(names))
    checkpoint.fill(network)
    return network


def _compiled(plan: Plan, save: Save) -> object:
    """Of one size only, for it takes minutes."""
    if plan.place.type != "cuda" or plan.is_quick:
        return {"skipped": "needs CUDA and minutes"}
    return ladder.measure(
        plan.make,
        plan.place,
        side=plan.side,
        sizes=(8,),
        variants=ladder.COMPILED,
        rounds=20,
        deadline_s=plan.deadline_s,
        save=save,
    )


def _cameras(plan: Plan, save: Save) -> object:
    with opened(plan) as detector:
        found = cameras.look(
            detector,
            planar_pictures(),
            streams=4 if plan.is_quick else _CAMERAS,
            limit=4 if plan.is_quick else _MOST_CAMERAS,
            seconds=1.0 if plan.is_quick else 12.0,
            save=save,
        )
        return {**found, "most_a_batch": detector.max_batch}


def _training(plan: Plan, save: Save) -> object:
    from benchmarks.gpu import learning  # here: only it needs the extra `train`

    return learning.study(plan, save)


def _profile(plan: Plan, _: Save) -> object:
    ceilings = findings.read(plan.folder).get("probe", {}).get("ceilings", {})
    found = inside.look(
        plan,
        batch=2 if plan.is_quick else 16,
        copy_gb_s=ceilings.get("device_copy_gb_s"),
    )
    print(inside.say(found), flush=True)
    return found


def _soak(plan: Plan, save: Save) -> object:
    known = findings.read(plan.folder).get("rate", {})
    if not known or "skipped" in known:
        known = _rates(plan, lambda _: None, plan.sizes[-2:])
    best = max(row["pictures_a_second"] for row in known.values())
    with opened(plan) as detector:
        left_s = plan.deadline_s - time.monotonic()
        return soak.soak(
            detector,
            planar_pictures(),
            plan.place,
            rate=best,
            seconds=3.0 if plan.is_quick else min(_SOAKED_S, max(60.0, left_s - 20)),
            save=save,
        )


# What matters most comes first: where time runs out, it is the last that are lost.
STEPS: Mapping[str, Step] = MappingProxyType(
    {
        "probe": Step(_probe, 0.75),
        "tests": Step(_tests, 1.75),
        "rate": Step(_rate, 1.25),
        "pipeline": Step(_pipeline, 0.75),
        "ladder": Step(_ladder, 2.25),
        "profile": Step(_profile, 0.75),
        "agreement": Step(_agreement, 0.75),
        "decode": Step(_decode, 1.0),
        "cameras": Step(_cameras, 2.75),
        "training": Step(_training, 6.0),
        "soak": Step(_soak, 6.0),
        "compiled": Step(_compiled, 2.0),
    }
)

_NAMES = tuple(STEPS)
PLANS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "everything": _NAMES,
        "detector": _NAMES[: _NAMES.index("cameras")],
        "load": ("cameras", "training"),
        "soak": ("soak", "compiled"),
    }
)
