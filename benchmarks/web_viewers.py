"""`python -m benchmarks.web_viewers`: do many viewers of the page slow the detector?

One run with a detector that takes all it can get. In turn nobody looks, and a crowd does: every
one over a WebSocket of its own, taking each message as quickly as it comes, as browsers do. The
crowd is another process and of the lowest priority, for real viewers have machines of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import sys
import threading
import time
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection

import aiohttp

from benchmarks import record
from detector.config import DetectorConfig
from detector.detections import Detections
from detector.table import build_detector
from sinks.web.config import WebConfig
from sinks.web.sink import WebSink
from streamer.outlet import Outlet
from streamer.pipeline import Pipeline
from streamer.sources.synthetic import SyntheticConfig, SyntheticSource

WANTED = 0.95
WARM_UP_S = 3.0
SETTLE_S = 1.0  # for connecting, and for leaving


@dataclass(frozen=True, slots=True)
class Load:
    """What viewers cost.

    Attributes:
        viewers: how many.
        without_hz: results a second while nobody looks, median of the rounds.
        with_hz: while all look, likewise.
        share: median over rounds of one over the other, each pair measured back to back.
        share_lowest: of any round.
        work_share: results per second of this process's processor time, with over without: what
            is left of `share` where others keep the machine busy and the rates jump.
        pictures_hz: pictures a second that each viewer gets.
        sent_mbit_s: to all of them, Mbit/s.
    """

    viewers: int
    without_hz: float
    with_hz: float
    share: float
    share_lowest: float
    work_share: float
    pictures_hz: float
    sent_mbit_s: float


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and save; returns the exit code."""
    options = _parse(arguments)
    head = record.print_head()
    load = measure(options)
    print(
        f"{load.share:.3f} of the rate with {load.viewers} viewers (wanted {WANTED}): "
        f"{load.with_hz:.1f} instead of {load.without_hz:.1f} a second"
    )
    print(f"lowest round {load.share_lowest:.3f}; by processor time {load.work_share:.3f}")
    print(
        f"each viewer gets {load.pictures_hz:.1f} pictures a second, "
        f"together {load.sent_mbit_s:.0f} Mbit/s"
    )
    record.save(options, {"machine": head, "web_viewers": asdict(load)})
    return 0


def measure(options: argparse.Namespace) -> Load:
    """Rounds of nobody and everybody, in one run."""
    config = DetectorConfig(
        name=options.detector,
        weights=options.weights,
        imgsz=options.imgsz,
        device=options.device,
    )
    detector = build_detector(config)
    source = SyntheticSource(SyntheticConfig(width=1280, height=720, frames=None, cache=25))
    sink = WebSink(
        "0", detector.class_names, config=WebConfig(viewers=options.viewers, share=options.share)
    )
    pipeline = Pipeline([source], detector, [Outlet(sink)])
    run = threading.Thread(target=pipeline.run, args=(sink.observe,), name="run")
    run.start()
    try:
        while pipeline.snapshot().streams[0].frames_done == 0:
            time.sleep(0.1)
        time.sleep(WARM_UP_S)
        return _rounds(pipeline, sink.url, options)
    finally:
        pipeline.stop()
        run.join()


def _rounds(pipeline: Pipeline[Detections], url: str, options: argparse.Namespace) -> Load:
    without, crowded, work, pictures, sent = [], [], [], [], []
    for _ in range(options.rounds):
        none_hz, none_work = _rates(pipeline, options.seconds)
        ours, theirs = multiprocessing.get_context("spawn").Pipe()
        crowd = multiprocessing.get_context("spawn").Process(
            target=_crowd, args=(url, options.viewers, theirs), name="crowd"
        )
        crowd.start()
        ours.recv()  # all of them are connected
        time.sleep(SETTLE_S)
        ours.send("count")
        many_hz, many_work = _rates(pipeline, options.seconds)
        ours.send("end")
        messages, size = ours.recv()
        crowd.join()
        without.append(none_hz)
        crowded.append(many_hz)
        work.append(many_work / none_work)
        pictures.append(messages / options.viewers / options.seconds)
        sent.append(size * 8 / 1e6 / options.seconds)
        time.sleep(SETTLE_S)
    shares = [many / none for many, none in zip(crowded, without, strict=True)]
    return Load(
        viewers=options.viewers,
        without_hz=statistics.median(without),
        with_hz=statistics.median(crowded),
        share=statistics.median(shares),
        share_lowest=min(shares),
        work_share=statistics.median(work),
        pictures_hz=statistics.median(pictures),
        sent_mbit_s=statistics.median(sent),
    )


def _rates(pipeline: Pipeline[Detections], seconds: float) -> tuple[float, float]:
    """Results a second, and a second of processor time, over the next seconds."""
    before = pipeline.snapshot().streams[0].frames_done
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    time.sleep(seconds)
    done = pipeline.snapshot().streams[0].frames_done - before
    passed_s, passed_cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
    return done / passed_s, done / passed_cpu_s


class _Tally:
    """What a crowd has got."""

    def __init__(self) -> None:
        self.messages = 0
        self.size = 0


def _crowd(url: str, viewers: int, orders: Connection) -> None:
    """The process of all viewers."""
    os.nice(19)
    asyncio.run(_watch(url, viewers, orders))


async def _watch(url: str, viewers: int, orders: Connection) -> None:
    tally, connected = _Tally(), asyncio.Semaphore(0)
    address = url.replace("/?", "/live?")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        looking = [
            asyncio.create_task(_look(session, address, tally, connected)) for _ in range(viewers)
        ]
        for _ in range(viewers):
            await connected.acquire()
        orders.send("connected")
        await asyncio.to_thread(orders.recv)
        messages, size = tally.messages, tally.size
        await asyncio.to_thread(orders.recv)
        orders.send((tally.messages - messages, tally.size - size))
        for task in looking:
            task.cancel()
        await asyncio.gather(*looking, return_exceptions=True)


async def _look(
    session: aiohttp.ClientSession, address: str, tally: _Tally, connected: asyncio.Semaphore
) -> None:
    async with session.ws_connect(address, max_msg_size=0) as viewer:
        await viewer.send_str(json.dumps({"pictures": True, "width": 1280}))
        connected.release()
        while True:
            message = await viewer.receive_bytes()
            length = int.from_bytes(message[:4], "big")
            tally.messages += bool(json.loads(message[4 : 4 + length])["frames"])
            tally.size += len(message)
            await viewer.send_str("ack")


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = record.parser_of(
        "benchmarks.web_viewers", "Measure what many viewers of the page cost the detector."
    )
    add = parser.add_argument
    add("--viewers", type=int, metavar="N", default=50, help="at once (default: 50)")
    add("--rounds", type=int, metavar="N", default=5, help="without and with them (default: 5)")
    add("--seconds", type=float, metavar="S", default=6.0, help="of each half (default: 6)")
    add("--detector", metavar="NAME", default="hardnet85", help="(default: hardnet85)")
    add("--weights", metavar="W", default="untrained", help="(default: untrained)")
    add("--imgsz", metavar="SIZE", help="as for run.py")
    add("--device", metavar="DEV", default="auto", help="as for run.py")
    share = WebConfig().share
    add("--share", type=float, metavar="P", default=share, help=f"web.share (default: {share:g})")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
