"""`python -m benchmarks.live_faults`: how soon is a stream back after what real peers do to it?

The cases are those of tests/streamer/live/test_faults.py, run from there, so that what is printed
is what is tested.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks import record

ROOT = Path(__file__).resolve().parents[1]
BATTERY = "tests/streamer/live/test_faults.py"
TOLD = re.compile(r"^(?P<case>\S.*?) +back after +(?P<seconds>\d+\.\d+) s", re.MULTILINE)
MEDIAN_AIM_S = 0.5
RESTARTS = ("rtsp, restarted", "rtsp, down", "http, restarted")  # a server gone, and back


def run_battery() -> dict[str, float]:
    """Seconds from the server's return to the next frame, for each case.

    Raises:
        RuntimeError: a case went wrong.
    """
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:randomly", BATTERY]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the battery failed; see `pytest {BATTERY}`:\n{done.stdout}")
    found = {match["case"]: float(match["seconds"]) for match in TOLD.finditer(done.stdout)}
    found.pop("median", None)  # of a few cases; ours is over all
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run and print; gives back 0 whether or not the aim is met."""
    parser = record.parser_of(
        "benchmarks.live_faults",
        "Measure how soon a stream is back after its peer failed.",
    )
    parser.add_argument(
        "--repeat", type=int, metavar="N", default=3, help="runs, for medians (default: 3)"
    )
    options = parser.parse_args(arguments)
    head = record.print_head()
    runs = [run_battery() for _ in range(options.repeat)]
    cases = {case: [run[case] for run in runs] for case in runs[0]}
    for case, seconds in cases.items():
        print(f"{case:<40} {statistics.median(seconds):5.2f} s  (worst {max(seconds):.2f})")
    returns = [s for case, seconds in cases.items() if case.startswith(RESTARTS) for s in seconds]
    load = os.getloadavg()[0]
    if returns:
        median = statistics.median(returns)
        verdict = "ok" if median < MEDIAN_AIM_S else "short"
        print(
            f"median of {len(returns)} returns of a server: {median:.2f} s, "
            f"aim < {MEDIAN_AIM_S:g}: {verdict} (load {load:.1f})"
        )
    record.save(options, {"machine": head, "load": load, "seconds": cases})
    return 0


if __name__ == "__main__":
    sys.exit(main())
