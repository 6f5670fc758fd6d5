"""`python -m benchmarks.gpu FOLDER`: everything that waits for a GPU, in one run of 25 minutes.

A machine that is lent for ten minutes at a time takes it in three calls with the same FOLDER:
`--plan detector`, `--plan load`, `--plan soak`, each with `--minutes 9.5`.

FOLDER/gpu.json is written anew after every part, so that a run that is cut off leaves what it had;
what earlier calls found on the same GPU stays. Every step has a process of its own: what one does
to the device, to memory or to itself ends with it, and the next one runs. Also written:
FOLDER/tests.txt.
"""

from __future__ import annotations

import argparse
import math
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks import gpu_rows, machine
from benchmarks.gpu import findings, probe
from benchmarks.gpu.findings import Findings
from benchmarks.gpu.plan import Plan
from benchmarks.gpu.steps import PLANS, STEPS
from detector.buckets import LARGEST, bucket_sizes
from detector.recipe import RECIPES

_GRACE_S = 60.0  # beyond a step's time, for the measurement at hand
_QUICKER = 8  # times, in a rehearsal


def main(arguments: list[str] | None = None) -> int:
    """Measure every step that was chosen; returns 0 if none failed."""
    arguments = sys.argv[1:] if arguments is None else arguments
    given = _parse(arguments)
    chosen = [name for name in given.only or PLANS[given.plan] if name not in given.skip]
    begun_s = time.monotonic()
    for name in chosen:
        if not given.in_process:
            print(f"{time.monotonic() - begun_s:6.1f} s  {name}", flush=True)
        left_s = begun_s + given.minutes * 60 - time.monotonic()
        usual_s = STEPS[name].minutes * 60 / (_QUICKER if given.quick else 1)
        limit_s = min(left_s, usual_s)
        if limit_s < usual_s / 2:
            Findings(given.folder).save(name, {"skipped": "no time left"})
        elif given.in_process:
            _measure(name, given, time.monotonic() + limit_s)
        else:
            _start(name, arguments, given, limit_s)
    return _tell(given, chosen, time.monotonic() - begun_s)


def _start(name: str, arguments: Sequence[str], given: argparse.Namespace, limit_s: float) -> None:
    """Measure a step in another process, which shows its stacks where it has to be stopped."""
    last = ["--in-process", "--only", name, "--skip", "--minutes", str(limit_s / 60)]
    command = [sys.executable, "-X", "faulthandler", "-m", "benchmarks.gpu", *arguments, *last]
    with subprocess.Popen(command) as process:
        try:
            code = process.wait(limit_s + _GRACE_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)
            process.wait()
            Findings(given.folder).failed(name, f"stopped after {limit_s + _GRACE_S:.0f} s")
            return
    if code and f"{name} failed" not in findings.read(given.folder):
        Findings(given.folder).failed(name, f"its process ended with {code}")


def _measure(name: str, given: argparse.Namespace, deadline_s: float) -> None:
    plan = Plan(
        given.folder,
        torch.device(given.device),
        given.network,
        given.side,
        tuple(given.sizes),
        given.pictures,
        given.quick,
        deadline_s,
    )
    about = {"network": given.network, "side": given.side, "is_quick": given.quick}
    kept = Findings(given.folder, {**probe.machine(plan.place), **about})
    kept.begin(name)
    begun_s = time.monotonic()
    try:
        kept.save(name, STEPS[name].measure(plan, lambda part: kept.save(name, part)))
    except ModuleNotFoundError as error:
        kept.failed(name, f"needs {error.name}, which is not installed here")
    except Exception as error:  # noqa: BLE001 - a lent machine is too dear to stop at one step
        kept.failed(name, f"{type(error).__name__}: {' '.join(str(error).split())[:500]}")
    commit = given.commit or machine.describe()["commit"]
    kept.ended(name, time.monotonic() - begun_s, {"commit": commit})


def _tell(given: argparse.Namespace, chosen: Sequence[str], took_s: float) -> int:
    """Say how it went, one line for every failure; 1 if there is one."""
    found = findings.read(given.folder)
    failed = [name for name in chosen if f"{name} failed" in found]
    if not given.in_process:
        print(f"{took_s:6.1f} s  done: {given.folder / findings.NAME}")
        for name in failed:
            print(f"{name} failed: {found[f'{name} failed']}")
        _print_rows(given.folder)
    return 1 if failed else 0


def _print_rows(folder: Path) -> None:
    """The rows of the table that this machine can fill, for whoever sees only the end."""
    for row in gpu_rows.rows(folder / findings.NAME):
        if row.ratio is not None:
            print(f"{row.ratio:8.3f} {row.verdict:5} {row.name}: {row.says}")


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("folder", type=Path, help="where results go")
    parser.add_argument("--device", default="cuda:0", help="cuda:N, or cpu for a rehearsal")
    parser.add_argument("--network", default="hardnet85", choices=sorted(RECIPES))
    parser.add_argument("--side", type=int, default=512, help="of the square input, px")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(bucket_sizes(LARGEST)))
    parser.add_argument("--pictures", type=Path, help="a folder of real pictures")
    parser.add_argument("--plan", default="everything", choices=PLANS, help="which steps")
    parser.add_argument(
        "--only", nargs="*", choices=STEPS, metavar="STEP", help="instead of a plan"
    )
    parser.add_argument("--skip", nargs="*", default=[], choices=STEPS, metavar="STEP")
    parser.add_argument("--minutes", type=float, default=math.inf, help="that all may take")
    parser.add_argument("--commit", help="what is measured, where no git can tell")
    parser.add_argument("--quick", action="store_true", help="an eighth of the time, to rehearse")
    parser.add_argument(
        "--in-process", action="store_true", help="no process for each step, as in a debugger"
    )
    given = parser.parse_args(arguments)
    if given.device != "cpu" and not torch.cuda.is_available():
        parser.error(f"--device {given.device}: no CUDA device was found; cpu rehearses")
    return given


if __name__ == "__main__":
    sys.exit(main())
