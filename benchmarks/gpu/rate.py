"""The detector alone: pooled pictures in, rows out, nothing decoded and nothing drawn."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from fractions import Fraction

import numpy as np
import torch

from detector.cuda_executor import CudaExecutor
from detector.device import Compute
from detector.fold import fold_batch_norm
from detector.geometry import Stretch
from detector.host_device import HostDevice
from detector.lane_executor import LaneExecutor
from detector.network import PointNetwork
from detector.preprocess_torch import preprocess
from detector.program import Executor, Program, place_network
from detector.recipe import Recipe
from streamer.frame import Frame, StreamInfo
from streamer.picture import BT601, I420, BgrArray, BgrPicture, bgr_to_i420
from streamer.samples import I420_COMPONENTS, Samples
from streamer.stats import StageTimes

_SHORT_TURN_S = 2e-4
_POOL = 16  # pictures, all different: more than any cache of the host holds


class PlanarPicture:
    """4:2:0 planes as a decoder leaves them."""

    def __init__(self, pixels: BgrArray) -> None:
        self._pixels = pixels
        self._planes = bgr_to_i420(pixels)
        self.width, self.height = self._planes.width, self._planes.height

    def bgr(self) -> BgrArray:
        """What the planes were made of."""
        return self._pixels

    def i420(self) -> I420:
        """The planes."""
        return self._planes

    def samples(self) -> Samples:
        """The planes, as they are."""
        planes = (self._planes.y, self._planes.u, self._planes.v)
        return Samples(planes, I420_COMPONENTS, self.width, self.height, is_yuv=True, matrix=BT601)


@contextmanager
def opened(
    network: PointNetwork, recipe: Recipe, place: torch.device, times: StageTimes
) -> Iterator[Executor]:
    """The executor for CUDA; on the CPU the same one, on a device made of threads."""
    fold_batch_norm(network.eval())
    program = Program(network, recipe.normalisation(), flip_test=False, top_k=100)
    if place.type == "cuda":
        with closing(CudaExecutor(program, Compute(place, torch.float16), times)) as executor:
            yield executor
        return
    place_network(network, Compute(place, torch.float32))
    with (
        HostDevice() as device,
        closing(
            LaneExecutor(
                program,
                device,
                torch.float32,
                times,
                preprocess=preprocess,
                limit=32,
                is_exact=True,
            )
        ) as rehearsal,
    ):
        yield rehearsal


def measure(
    executor: Executor,
    times: StageTimes,
    *,
    side: int,
    frame_size: tuple[int, int],
    sizes: Sequence[int],
    seconds: float,
    deadline_s: float,
    save: Callable[[dict[str, dict[str, float]]], None],
) -> dict[str, dict[str, float]]:
    """Pictures a second and the device's share of the time, by batch size and way of feeding.

    Args:
        executor: used by nobody else.
        times: its.
        side: of the square input, px.
        frame_size: width and height of the pictures, px.
        sizes: of batches.
        seconds: of every measurement.
        deadline_s: on `time.monotonic`.
        save: called after every measurement.
    """
    pools = {"i420": pool_of(frame_size, PlanarPicture), "bgr": pool_of(frame_size, BgrPicture)}
    ways: list[tuple[str, str, int, int, bool]] = [
        (f"{kind} batch {size}", kind, size, executor.depth, False)
        for kind in pools
        for size in sizes
    ]
    ways.append((f"i420 batch {sizes[-1]}, one in flight", "i420", sizes[-1], 1, False))
    ways.append((f"i420 batch {sizes[-1]}, beside a busy thread", "i420", sizes[-1], 3, True))
    # As run.py may set it: how long a thread that computes in Python keeps the others waiting.
    ways.append((f"i420 batch {sizes[-1]}, beside one cut short", "i420", sizes[-1], 3, True))
    found: dict[str, dict[str, float]] = {}
    geometry = Stretch(side, side)
    for name, kind, size, depth, is_disturbed in ways:
        if time.monotonic() > deadline_s:
            break
        turn_s = _SHORT_TURN_S if "cut short" in name else sys.getswitchinterval()
        with _busy_thread(turn_s) if is_disturbed else ExitStack():
            found[name] = _rate(executor, times, pools[kind], geometry, size, depth, seconds)
        save(found)
    return found


def _rate(
    executor: Executor,
    times: StageTimes,
    pool: Sequence[Frame],
    geometry: Stretch,
    size: int,
    depth: int,
    seconds: float,
) -> dict[str, float]:
    batches = [[pool[(start + k) % len(pool)] for k in range(size)] for start in range(len(pool))]
    places = [geometry.place(pool[0].width, pool[0].height)] * size
    for _ in range(executor.depth + 1):  # records programs
        executor.submit(batches[0], places).wait()
    times.clear()
    in_flight = deque(executor.submit(batches[n % len(batches)], places) for n in range(depth))
    done, gaps_ms = 0, []
    start_s = last_s = time.perf_counter()
    while last_s - start_s < seconds:
        in_flight.popleft().wait()
        now_s = time.perf_counter()
        gaps_ms.append((now_s - last_s) * 1e3)
        last_s = now_s
        done += 1
        in_flight.append(executor.submit(batches[done % len(batches)], places))
    elapsed_s = last_s - start_s
    for pending in in_flight:
        pending.wait()
    booked = times.snapshot()
    return {
        "pictures_a_second": done * size / elapsed_s,
        "ms_a_batch": elapsed_s / done * 1e3,
        "p99_gap_ms": float(np.percentile(gaps_ms, 99)),
        "device_ms_a_batch": booked["network"].mean_ms * size,
        "staging_ms_a_batch": booked["preprocess"].mean_ms * size,
        "device_share": booked["network"].mean_ms * size * done / (elapsed_s * 1e3),
    }


@contextmanager
def _busy_thread(turn_s: float) -> Iterator[None]:
    """A thread that lets go of the interpreter only when others have waited for `turn_s`."""
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(turn_s)
    is_over = threading.Event()

    def spin() -> None:
        while not is_over.is_set():
            sum(range(1000))

    thread = threading.Thread(target=spin, name="busy")
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
        sys.setswitchinterval(usual_s)


def pool_of(
    size: tuple[int, int], make: Callable[[BgrArray], PlanarPicture | BgrPicture]
) -> list[Frame]:
    """A few frames of noise, all different.

    Args:
        size: width and height, px.
        make: a picture of pixels.
    """
    width, height = size
    stream = StreamInfo("pool", "pool", width, height, Fraction(1, 25))
    random = np.random.default_rng(0)
    frames = []
    for index in range(_POOL):
        pixels = random.integers(0, 256, (height, width, 3), np.uint8)
        frames.append(Frame(stream, index, index, stream.time_base, 0, make(pixels)))
    return frames
