"""The same work without a pipeline: one thread for all, or a thread a stream and its newest frame.

Both call the device and wait for it, as most programs do.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from itertools import chain, islice

from benchmarks.fake_device import FakeDevice
from benchmarks.pool import PoolSource
from streamer.contract import Source
from streamer.feed import Stoppable
from streamer.frame import Frame


def alone(device: FakeDevice, pictures: int) -> None:
    """The device at its best: full batches that are ready, as many in flight as it likes."""
    frames = list(PoolSource("alone", count=device.max_batch))
    tickets: deque[object] = deque()
    for _ in range(pictures // device.max_batch):
        if len(tickets) == device.depth:
            device.collect(tickets.popleft())
        tickets.append(device.submit(frames))
    while tickets:
        device.collect(tickets.popleft())


def serial(sources: Sequence[Source], device: FakeDevice, *, sink_ms: float, frames: int) -> None:
    """One thread reads, detects and writes, a frame after the other, the streams in turn."""
    turns = chain.from_iterable(zip(*sources, strict=False))
    for frame in islice(turns, frames):
        device.collect(device.submit([frame]))
        time.sleep(sink_ms / 1e3)


def latest_of_each(
    sources: Sequence[Source], device: FakeDevice, *, sink_ms: float, seconds: float
) -> int:
    """A thread a stream keeps its newest frame; one loop detects on those there are, and writes.

    Returns:
        Results.
    """
    newest: dict[str, Frame] = {}
    arrived = threading.Condition()
    stopping = threading.Event()

    def read(source: Source) -> None:
        for frame in source:
            if stopping.is_set():
                return
            with arrived:
                newest[source.stream_id] = frame
                arrived.notify()

    threads = [threading.Thread(target=read, args=(source,)) for source in sources]
    for thread in threads:
        thread.start()
    results = 0
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        with arrived:
            arrived.wait_for(lambda: newest, timeout=1.0)
            batch = [newest.pop(stream_id) for stream_id in list(newest)[: device.max_batch]]
        if batch:
            device.collect(device.submit(batch))
            time.sleep(sink_ms / 1e3 * len(batch))
            results += len(batch)
    stopping.set()
    for source, thread in zip(sources, threads, strict=True):
        if isinstance(source, Stoppable):
            source.stop()
        thread.join()
    return results
