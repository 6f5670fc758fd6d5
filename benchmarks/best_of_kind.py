"""`python -m benchmarks.best_of_kind`: our detector beside plain uses of the same libraries.

Decoded frames go in and boxes come out, of ours by every runtime, of the published path, and of
the plain loops around each library; of these also the network alone, on inputs that are ready, with
nothing made of what it says. They take turns, so that what else the machine does falls on all.
The ratio is time / time of ours: above 1 ours is the faster one.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from benchmarks import record
from benchmarks.ceilings import Ceilings, distance, gflop_of
from benchmarks.ceilings import measure as measure_ceilings
from benchmarks.plain import PLAIN_USES, Given, PlainLoop
from benchmarks.published import PublishedPath
from benchmarks.rows import Row, table_of
from benchmarks.runtimes import Variant, build, pool, through, weights_of
from detector.checkpoint import read_checkpoint
from detector.config import Precision, Runtime
from detector.errors import DetectorError
from detector.fold import fold_batch_norm
from detector.network import PointNetwork, bare, untrained
from detector.onnx_graph import GraphForm, write_onnx
from detector.recipe import RECIPES
from detector.weights import UNTRAINED, resolve_weights

T = TypeVar("T")
Way = tuple[Runtime, Precision]
WAYS: Sequence[Way] = (
    ("torch", "fp32"),
    ("torch", "bf16"),
    ("compile", "fp32"),
    ("onnx", "fp32"),
    ("openvino", "fp32"),
    ("openvino", "bf16"),
)
PUBLISHED = "published path"
OURS = "ours"
END_TO_END = "end to end"
ALONE = "network alone"
AIM = 1.0  # not slower than the best of its kind


@dataclass(frozen=True, slots=True, eq=False)
class Contestant:
    """Something that is timed.

    Attributes:
        kind: runtime and precision; PUBLISHED for the published path.
        name: OURS, or the plain use.
        part: END_TO_END or ALONE.
        work: on so many pictures; returns when all are done.
    """

    kind: str
    name: str
    part: str
    work: Callable[[int], None]

    @property
    def label(self) -> str:
        """Unique among them."""
        return f"{self.kind}: {self.name}, {self.part}"


@dataclass(slots=True)
class Times:
    """Of one contestant, a sample a round.

    Attributes:
        wall_ms: a picture.
        cpu_ms: a picture, of all threads.
    """

    wall_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)

    @property
    def summary(self) -> dict[str, object]:
        """For a result."""
        return {
            "wall_ms_median": statistics.median(self.wall_ms),
            "cpu_ms_median": statistics.median(self.cpu_ms),
            "wall_ms": self.wall_ms,
        }


@contextmanager
def contestants(
    network: str, side: int, ways: Sequence[Way], *, has_published: bool = True
) -> Iterator[list[Contestant]]:
    """All that can run here, warmed up; those whose library is absent are named and left out.

    Args:
        network: a key of RECIPES.
        side: of the square input, px.
        ways: of ours.
        has_published: the published path takes part.
    """
    frames = pool()
    make = partial(filled, network)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        given = Given(_folded(make), RECIPES[network], side, folder / f"{network}.onnx")
        form = GraphForm(pictures="nchw", batch=1, size=(side, side))
        write_onnx(given.make(), form, given.onnx)
        published = PublishedPath(make(), given.recipe, side)
        found = []
        if has_published:
            work = _on(published.through, frames)
            found.append(Contestant(PUBLISHED, "torch eager, fp32", END_TO_END, work))
        for way in ways:
            kind = " ".join(way)
            try:
                ours = stack.enter_context(build(Variant(network, str(side), *way)))
                plain = {name: use(given) for name, use in PLAIN_USES[way].items()}
            except DetectorError as error:
                print(f"{kind}: {error}", file=sys.stderr)
                continue
            found.append(Contestant(kind, OURS, END_TO_END, _on(partial(through, ours), frames)))
            for name, library in plain.items():
                loop = PlainLoop(given, library, stride=published.stride)
                inputs = [loop.prepared(frame) for frame in frames]
                found.append(Contestant(kind, name, END_TO_END, _on(loop.through, frames)))
                found.append(Contestant(kind, name, ALONE, _on(loop.alone, inputs)))
        for each in found:
            each.work(1)
        yield found


def _on(work: Callable[[Sequence[T]], object], items: Sequence[T]) -> Callable[[int], None]:
    """`work` on so many of `items`, from the first again after the last."""

    def run(count: int) -> None:
        work([items[index % len(items)] for index in range(count)])

    return run


def measure(
    those: Sequence[Contestant], *, rounds: int, pictures: int, deadline_s: float
) -> dict[Contestant, Times]:
    """Each in turn, so many rounds of so many pictures; at least one round.

    Args:
        those: that are ready.
        rounds: at most.
        pictures: of each turn.
        deadline_s: on `time.monotonic`; no round is begun after it.
    """
    found = {each: Times() for each in those}
    for done in range(rounds):
        if done and time.monotonic() > deadline_s:
            break
        for each in those:
            cpu_s, wall_s = time.process_time(), time.perf_counter()
            each.work(pictures)
            found[each].wall_ms.append((time.perf_counter() - wall_s) / pictures * 1e3)
            found[each].cpu_ms.append((time.process_time() - cpu_s) / pictures * 1e3)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of it.

    Attributes:
        rows: ratios.
        times: behind them.
        ceilings: of the processor, in this run.
        gflop: of a picture.
    """

    rows: list[Row]
    times: Mapping[Contestant, Times]
    ceilings: Ceilings
    gflop: float


def compare(
    network: str,
    side: int,
    ways: Sequence[Way],
    *,
    rounds: int,
    pictures: int,
    seconds: float,
    has_published: bool = True,
) -> Outcome:
    """Ours beside the best of each kind, and how far from the processor's ceilings it is.

    Args:
        network: a key of RECIPES.
        side: of the square input, px.
        ways: of ours.
        rounds: at most.
        pictures: of each turn.
        seconds: after which no round is begun.
        has_published: the published path takes part.
    """
    title = f"{network} at {side}"
    before = measure_ceilings(seconds=min(1.0, seconds / 10))
    gflop = gflop_of(filled(network).eval(), side)
    with contestants(network, side, ways, has_published=has_published) as those:
        deadline_s = time.monotonic() + seconds
        times = measure(those, rounds=rounds, pictures=pictures, deadline_s=deadline_s)
    # What else the machine does may fall on one of them.
    limits = before.or_better(measure_ceilings(seconds=min(1.0, seconds / 10)))
    made = rows(title, times)
    for each, own in times.items():
        if each.name == OURS:
            made.append(distance(title, each.kind, own.wall_ms, gflop=gflop, ceilings=limits))
    return Outcome(made, times, limits, gflop)


def rows(title: str, found: Mapping[Contestant, Times]) -> list[Row]:
    """Time / time of ours, round against round: the best of each kind first, then all of them.

    Args:
        title: of the network, such as "hardnet85 at 512".
        found: the times.
    """
    ours = {each.kind: times for each, times in found.items() if each.name == OURS}
    part = f"{title} on the CPU, time / ours"
    made = []
    for kind, own in ours.items():
        others = {
            each: times for each, times in found.items() if each.kind == kind and each.name != OURS
        }
        for where, aim in ((END_TO_END, AIM), (ALONE, None)):
            each = min(
                (each for each in others if each.part == where),
                key=lambda each: statistics.median(others[each].wall_ms),
            )
            name = f"{kind}: best plain use ({each.name}), {where}"
            made.append(
                Row.of(part, name, _ratios(others[each], own), _says(others[each], own), aim)
            )
    for each, times in found.items():
        if each.kind == PUBLISHED:
            for kind, own in ours.items():
                name = f"{kind}: published path"
                made.append(Row.of(part, name, _ratios(times, own), _says(times, own), AIM))
    return made


def _ratios(others: Times, own: Times) -> list[float]:
    return [other / mine for other, mine in zip(others.wall_ms, own.wall_ms, strict=True)]


def _says(others: Times, own: Times) -> str:
    wall, cpu = (
        f"{statistics.median(other):.1f} / {statistics.median(mine):.1f} ms"
        for other, mine in ((others.wall_ms, own.wall_ms), (others.cpu_ms, own.cpu_ms))
    )
    return f"{wall} a picture; of processors {cpu}"


def _folded(make: Callable[[], PointNetwork]) -> Callable[[], PointNetwork]:
    def folded() -> PointNetwork:
        network = make().eval()
        fold_batch_norm(network)
        return network

    return folded


def filled(name: str) -> PointNetwork:
    """The network with the weights that `runtimes.build` gives it."""
    recipe = RECIPES[name]
    weights = weights_of(name)
    if weights == UNTRAINED:
        return untrained(recipe.network, len(recipe.class_names))
    network = bare(recipe.network, len(recipe.class_names))
    read_checkpoint(resolve_weights(weights)).fill(network)
    return network


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and save; returns the exit code."""
    options = _parse(arguments)
    console = Console(width=None if sys.stdout.isatty() else 160)
    head = record.print_head()
    load_before = os.getloadavg()[0]
    network, _, side = options.network.partition("@")
    outcome = compare(
        network,
        int(side),
        [way for way in WAYS if not options.way or " ".join(way) in options.way],
        rounds=options.rounds,
        pictures=options.pictures,
        seconds=options.seconds,
        has_published=not options.without_published,
    )
    console.print(str(outcome.ceilings), highlight=False)
    console.print(table_of(outcome.rows))
    results = {
        "machine": head,
        "load": [load_before, os.getloadavg()[0]],
        "network": options.network,
        "pictures_a_turn": options.pictures,
        "ceilings": dataclasses.asdict(outcome.ceilings),
        "gflop_a_picture": outcome.gflop,
        "rows": [dataclasses.asdict(row) for row in outcome.rows],
        "times": {each.label: times.summary for each, times in outcome.times.items()},
    }
    record.save(options, results)
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = record.parser_of(
        "benchmarks.best_of_kind",
        "Compare the detector on the CPU with plain uses of the same libraries.",
    )
    parser.add_argument(
        "--network", metavar="NAME@SIDE", default="hardnet85@512", help="(default: hardnet85@512)"
    )
    parser.add_argument(
        "--way",
        action="append",
        metavar="WAY",
        choices=[" ".join(way) for way in WAYS],
        help=f"{', '.join(' '.join(way) for way in WAYS)}; repeatable (default: all; compile "
        "takes minutes to start)",
    )
    parser.add_argument("--rounds", type=int, metavar="N", default=5, help="at most (default: 5)")
    parser.add_argument(
        "--pictures", type=int, metavar="N", default=4, help="pictures of each turn (default: 4)"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        metavar="S",
        default=240.0,
        help="begin no round after so long (default: 240)",
    )
    parser.add_argument(
        "--without-published", action="store_true", help="leave the published order of steps out"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
