"""The whole pipeline beside the detector alone: pooled pictures of several streams, no sink."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence

import torch

from benchmarks.gpu.rate import PlanarPicture, pool_of
from detector.config import DetectorConfig
from detector.device import Compute
from detector.geometry import Stretch
from detector.hardnet_detector import CenterNetDetector
from detector.network import PointNetwork
from detector.recipe import Recipe
from sinks.null import NullSink
from streamer.contract import HoldsNothing
from streamer.frame import Frame, StreamInfo
from streamer.outlet import Outlet
from streamer.pipeline import Pipeline
from streamer.result import Result

_WAITING = 6  # frames a stream may give before the detector, once ready, has taken one


class MeterSink(NullSink):
    """Notes when each result comes."""

    def __init__(self) -> None:
        self.seen_s: list[float] = []

    def write(self, result: Result[object]) -> None:  # noqa: ARG002 - the time is all
        """Takes the time and nothing else."""
        self.seen_s.append(time.perf_counter())

    def rate(self) -> float:
        """Results a second of the last two thirds, when everything is warm."""
        steady = self.seen_s[len(self.seen_s) // 3 :]
        return (len(steady) - 1) / (steady[-1] - steady[0])


class PooledSource(HoldsNothing):
    """Hands out the same few pictures for some seconds, as fast as they are taken.

    Args:
        stream_id: unique within the run.
        pool: what is handed out.
        seconds: from the first one that the detector has taken.
    """

    def __init__(self, stream_id: str, pool: Sequence[Frame], seconds: float) -> None:
        self._pool = pool
        self._seconds = seconds
        first = pool[0]
        self.stream = StreamInfo(stream_id, stream_id, first.width, first.height, first.time_base)

    @property
    def stream_id(self) -> str:
        """Unique within the run."""
        return self.stream.stream_id

    def __iter__(self) -> Iterator[Frame]:
        """Frames with rising times."""
        end_s = math.inf
        index = 0
        while time.monotonic() < end_s:
            if index == _WAITING:
                end_s = time.monotonic() + self._seconds
            picture = self._pool[index % len(self._pool)].picture
            now_ns = time.monotonic_ns()
            yield Frame(self.stream, index, index, self.stream.time_base, now_ns, picture)
            index += 1


def measure(
    network: PointNetwork,
    recipe: Recipe,
    place: torch.device,
    *,
    side: int,
    frame_size: tuple[int, int],
    batch: int,
    streams: int,
    seconds: float,
) -> dict[str, float]:
    """Pictures a second through the pipeline, and where its time goes.

    Args:
        network: with its weights, on the CPU; it is changed and moved.
        recipe: what it needs.
        place: where it runs.
        side: of the square input, px.
        frame_size: width and height of the pictures, px.
        batch: pictures at most.
        streams: that give them.
        seconds: of measuring.
    """
    half = torch.float16 if place.type == "cuda" else torch.float32
    config = DetectorConfig(batch=batch, runtime="torch")
    detector = CenterNetDetector(network, recipe, Stretch(side, side), Compute(place, half), config)
    pool = pool_of(frame_size, PlanarPicture)
    sources = [PooledSource(f"pool-{k}", pool, seconds) for k in range(streams)]
    sink = MeterSink()
    snapshot = Pipeline(sources, detector, [Outlet(sink)]).run()
    parts = {f"{name}_ms": part.mean_ms for name, part in snapshot.times.items()}
    return {"pictures_a_second": sink.rate(), "streams": streams, "batch": batch, **parts}
