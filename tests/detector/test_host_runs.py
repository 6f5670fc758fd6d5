"""Several runs of torch at once: the same boxes, and no thread left behind however a run ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from detector.config import DetectorConfig
from detector.device import choose_compute
from detector.engine import EngineChoice
from detector.fold import fold_batch_norm
from detector.geometry import Stretch
from detector.hardnet_detector import CenterNetDetector
from detector.host_executor import HostExecutor
from detector.host_threads import HostThreads
from detector.network import Heads, PointNetwork
from detector.parallelism import Parallelism
from detector.program import Program
from detector.recipe import Recipe
from detector.runtime_torch import TorchEngine
from streamer.errors import SinkError, SourceError
from streamer.outlet import Outlet
from streamer.pipeline import Pipeline
from streamer.result import Result
from streamer.stats import StageTimes
from tests.detector.frames import frame_of
from tests.detector.tiny import RECIPE, tiny_network
from tests.streamer.parts import CountingSource, ListSink

SIDE = 64
CPU = choose_compute("cpu", "fp32")


class Failing(PointNetwork):
    """One convolution; `fails_at` counts its runs."""

    stride = 2

    def __init__(self, fails_at: int | None) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 5, 3, stride=2, padding=1)
        self._fails_at = fails_at
        self._runs = 0

    def forward(self, pictures: Tensor) -> Heads:
        self._runs += 1
        if self._runs == self._fails_at:
            raise RuntimeError("out of luck")
        x = self.conv(pictures)
        return Heads(x[:, :1], x[:, 1:3], x[:, 3:])


@pytest.fixture(autouse=True)
def _no_thread_is_left_behind() -> Iterator[None]:
    yield
    assert [each.name for each in threading.enumerate() if each.name.startswith("network")] == []


def folded() -> PointNetwork:
    network = tiny_network().eval()
    fold_batch_norm(network)
    return network


def in_a_thread(work: Callable[[], int]) -> int:
    """What it gives in a thread that has not met torch."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def outlet(sink: ListSink) -> Outlet[Any]:  # the sink looks at the frames alone
    return Outlet(sink)


def torch_detector(network: PointNetwork, recipe: Recipe = RECIPE) -> CenterNetDetector:
    config = DetectorConfig(score_threshold=0.0, top_k=20, runtime="torch")
    return CenterNetDetector(network, recipe, Stretch(SIDE, SIDE), CPU, config)


def detector(fails_at: int | None = None) -> CenterNetDetector:
    recipe = Recipe(lambda _: Failing(None), ("thing",), mean=(0, 0, 0), std=(1, 1, 1), imgsz="64")
    return torch_detector(Failing(fails_at), recipe)


def test_boxes_of_many_runs_at_once_are_those_of_each_alone() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 50, 90, 3)).astype(np.uint8)
    frames = [frame_of(each, index=index) for index, each in enumerate(pixels)]
    with torch_detector(tiny_network()) as alone:
        expected = [alone.collect(alone.submit([each]))[0] for each in frames]
    choice = EngineChoice(folded(), CPU)
    engine = TorchEngine(choice, parallelism=Parallelism(3, 1))
    program = Program(choice.network, RECIPE.normalisation(), flip_test=False, top_k=20)
    place = Stretch(SIDE, SIDE).place(90, 50)
    with (
        ThreadPoolExecutor(3, "network", engine.take_share, (3,)) as pool,
        ThreadPoolExecutor(1, "network", engine.take_share, (1,)) as apart,
    ):
        executor = HostExecutor(program, engine, HostThreads(pool, apart), StageTimes())
        found = [executor.submit([each], [place]) for each in frames]
        for ours, theirs in zip(found, expected, strict=True):
            rows = ours.wait()[0]
            # Other numbers of threads may add up in another order.
            np.testing.assert_allclose(rows[:, 4], theirs.score, atol=1e-6)


def test_lone_camera_has_one_frame_at_work_and_one_waiting() -> None:
    choice = EngineChoice(folded(), CPU)
    engine = TorchEngine(choice, parallelism=Parallelism(3, 1))
    program = Program(choice.network, RECIPE.normalisation(), flip_test=False, top_k=20)
    place = Stretch(SIDE, SIDE).place(90, 50)
    recorded = frame_of(np.zeros((50, 90, 3), np.uint8))
    live = replace(recorded, stream=replace(recorded.stream, is_live=True))
    with (
        ThreadPoolExecutor(3, "network", engine.take_share, (3,)) as pool,
        ThreadPoolExecutor(1, "network", engine.take_share, (1,)) as apart,
    ):
        executor = HostExecutor(program, engine, HostThreads(pool, apart), StageTimes())
        depths = []
        for frame in (recorded, recorded, live, live, recorded):
            executor.submit([frame], [place]).wait()
            depths.append(executor.depth)
    assert depths == [6, 6, 6, 2, 6]


def test_threads_share_the_cores_and_nobody_else_notices() -> None:
    before = torch.get_num_threads()
    engine = TorchEngine(EngineChoice(folded(), CPU))

    def share(runs: int) -> int:
        engine.take_share(runs)
        return torch.get_num_threads()

    assert in_a_thread(lambda: share(2)) == max(1, before // 2)
    assert in_a_thread(lambda: share(1)) == before
    assert in_a_thread(lambda: share(1000)) == 1
    assert torch.get_num_threads() == before
    assert in_a_thread(torch.get_num_threads) == before


def test_source_that_fails_ends_its_stream_and_the_threads() -> None:
    sink = ListSink()
    source = CountingSource("a", 9, error=SourceError("source 'a': the cable was pulled"))

    end = Pipeline([source], detector(), [outlet(sink)]).run()

    assert sink.indices() == list(range(9))
    assert end.streams[0].state == "failed"


def test_network_that_fails_ends_the_run_and_the_threads() -> None:
    sink, source = ListSink(), CountingSource("a", None)

    with pytest.raises(RuntimeError, match="out of luck"):
        Pipeline([source], detector(fails_at=6), [outlet(sink)]).run()

    assert (source.left, sink.left) == (1, 1)
    assert sink.indices() == list(range(len(sink.results)))


def test_sink_that_fails_ends_the_run_and_the_threads() -> None:
    def fault(result: Result[int]) -> None:
        if result.frame.index == 3:
            raise SinkError("disk full")

    bad, source = ListSink("bad", fault), CountingSource("a", None)

    with pytest.raises(SinkError, match="disk full"):
        Pipeline([source], detector(), [outlet(bad)]).run()

    assert (source.left, bad.left) == (1, 1)


def test_stop_finishes_what_the_threads_have_begun() -> None:
    sink = ListSink()
    pipeline = Pipeline([CountingSource("a", None)], detector(), [outlet(sink)])

    def stop_after_ten(result: Result[int]) -> None:
        if result.frame.index == 10:
            pipeline.stop()

    sink.fault = stop_after_ten
    end = pipeline.run()

    assert sink.indices() == list(range(end.streams[0].frames_in))


def test_interrupt_of_the_caller_ends_the_threads() -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    source = CountingSource("a", None)
    with pytest.raises(KeyboardInterrupt):
        Pipeline([source], detector(), [outlet(ListSink())]).run(interrupt, tick_s=0.01)
    assert source.left == 1
