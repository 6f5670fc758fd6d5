"""`python -m benchmarks.gpu FOLDER`: everything that waits for a GPU, in one run of 8 minutes.

Writes FOLDER/gpu.json anew after every step, so that a run that is cut off leaves what it had, and
FOLDER/tests.txt. A step that fails is noted with its reason, and the next one runs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from benchmarks.gpu import agreement, decode, ladder, pipeline, probe, rate
from detector.buckets import LARGEST, bucket_sizes
from detector.checkpoint import read_checkpoint
from detector.network import PointNetwork, bare, untrained
from detector.recipe import RECIPES
from streamer.stats import StageTimes

ROOT = Path(__file__).resolve().parents[2]
_ASSETS = ROOT / "detector" / "assets"

Save = Callable[[object], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure, and for how long.

    Attributes:
        folder: of the results.
        place: the device.
        network: a key of RECIPES.
        side: of the square input, px.
        sizes: of batches.
        pictures: a folder of real pictures, or None for drawn ones.
        is_quick: one minute instead of eight.
        started_s: on `time.monotonic`.
    """

    folder: Path
    place: torch.device
    network: str
    side: int
    sizes: tuple[int, ...]
    pictures: Path | None
    is_quick: bool
    started_s: float

    def deadline_s(self, minutes: float) -> float:
        """`minutes` after the start; an eighth of that in a quick run."""
        return self.started_s + minutes * 60 / (8 if self.is_quick else 1)

    @property
    def frame_size(self) -> tuple[int, int]:
        """Of the cameras' pictures, px."""
        return (1920, 1080) if self.place.type == "cuda" else (320, 180)

    def make(self) -> PointNetwork:
        """The network, with the same random weights at every call: speed asks for no others."""
        recipe = RECIPES[self.network]
        return untrained(recipe.network, len(recipe.class_names))


def main(arguments: list[str] | None = None) -> int:
    """Run every step that the device allows; returns 0 if none failed."""
    plan, skipped = _parse(arguments)
    plan.folder.mkdir(parents=True, exist_ok=True)
    results: dict[str, object] = {}
    for name, step in STEPS.items():
        if name in skipped:
            continue
        print(f"{time.monotonic() - plan.started_s:6.1f} s  {name}", flush=True)
        _run(name, step, plan, results)
    print(f"{time.monotonic() - plan.started_s:6.1f} s  done: {plan.folder / 'gpu.json'}")
    failed = [name for name in results if name.endswith(" failed")]
    for name in failed:
        print(f"{name}: {results[name]}")
    return 1 if failed else 0


def _run(
    name: str, step: Callable[[Plan, Save], object], plan: Plan, results: dict[str, object]
) -> None:
    def save(part: object) -> None:
        results[name] = part
        (plan.folder / "gpu.json").write_text(json.dumps(results, indent=1) + "\n")

    try:
        save(step(plan, save))
    except Exception as error:  # noqa: BLE001 - a lent machine is too dear to stop at one step
        partial_result = results.get(name)
        save(partial_result)
        results[f"{name} failed"] = f"{type(error).__name__}: {str(error)[:500]}"
        save(partial_result)


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
    limit_s = max(10.0, plan.deadline_s(8) - time.monotonic())
    with (plan.folder / "tests.txt").open("w") as output:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=min(limit_s, 120),
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
        deadline_s=plan.deadline_s(4),
        save=save,
    )


def _rate(plan: Plan, save: Save) -> object:
    times = StageTimes()
    recipe = RECIPES[plan.network]
    with rate.opened(plan.make(), recipe, plan.place, times) as executor:
        return rate.measure(
            executor,
            times,
            side=plan.side,
            frame_size=plan.frame_size,
            sizes=plan.sizes,
            seconds=0.3 if plan.is_quick else 3.0,
            deadline_s=plan.deadline_s(5.5),
            save=save,
        )


def _pipeline(plan: Plan, save: Save) -> object:
    """Eight streams at the largest batches; `rate` has what the detector does alone."""
    found = {}
    for batch in plan.sizes[-2:]:
        found[f"batch {batch}"] = pipeline.measure(
            plan.make(),
            RECIPES[plan.network],
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
        RECIPES[plan.network],
        plan.place,
        side=plan.side,
        batch=plan.sizes[-1],
        passes=1 if plan.is_quick else 5,
    )
    return decode.measure(
        detection,
        sessions=(1, 2) if plan.is_quick else (1, 2, 4, 8),
        size=plan.frame_size,
        deadline_s=plan.deadline_s(6.5),
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
        recipe = RECIPES[plan.network]
        found[f"{plan.network} untrained"] = agreement.measure(
            plan.make, recipe, plan.place, pictures[:4]
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
    """Last, for it takes minutes."""
    if plan.place.type != "cuda" or plan.is_quick:
        return {"skipped": "needs CUDA and minutes"}
    if plan.deadline_s(8) - time.monotonic() < 120:
        return {"skipped": "no time left"}
    return ladder.measure(
        plan.make,
        plan.place,
        side=plan.side,
        sizes=(8,),
        variants=ladder.COMPILED,
        rounds=20,
        deadline_s=plan.deadline_s(7.5),
        save=save,
    )


STEPS: Mapping[str, Callable[[Plan, Save], object]] = {
    "probe": _probe,
    "tests": _tests,
    "ladder": _ladder,
    "rate": _rate,
    "pipeline": _pipeline,
    "decode": _decode,
    "agreement": _agreement,
    "compiled": _compiled,
}


def _parse(arguments: list[str] | None) -> tuple[Plan, list[str]]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("folder", type=Path, help="where results go")
    parser.add_argument("--device", default="cuda:0", help="cuda:N, or cpu for a rehearsal")
    parser.add_argument("--network", default="hardnet85", choices=sorted(RECIPES))
    parser.add_argument("--side", type=int, default=512, help="of the square input, px")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(bucket_sizes(LARGEST)))
    parser.add_argument("--pictures", type=Path, help="a folder of real pictures")
    parser.add_argument("--skip", nargs="*", default=[], choices=sorted(STEPS))
    parser.add_argument("--quick", action="store_true", help="a minute instead of eight")
    given = parser.parse_args(arguments)
    if given.device != "cpu" and not torch.cuda.is_available():
        parser.error(f"--device {given.device}: no CUDA device was found; cpu rehearses")
    plan = Plan(
        given.folder,
        torch.device(given.device),
        given.network,
        given.side,
        tuple(given.sizes),
        given.pictures,
        given.quick,
        time.monotonic(),
    )
    return plan, given.skip


if __name__ == "__main__":
    sys.exit(main())
