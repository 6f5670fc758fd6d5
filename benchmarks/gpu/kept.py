"""A detector that stays open from run to run, and what cameras show it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmarks.gpu.plan import Plan
from benchmarks.gpu.rate import PlanarPicture
from benchmarks.live_load import full_hd_pictures
from detector.config import DetectorConfig
from detector.detections import Detections
from detector.device import Compute
from detector.geometry import Stretch
from detector.hardnet_detector import CenterNetDetector
from streamer.contract import HoldsNothing
from streamer.frame import Frame


class Kept(HoldsNothing):
    """An entered detector, which a pipeline can neither open nor close.

    Opening one records its programs and measures its batch: seconds for every run.

    Args:
        detector: entered, and left by whoever entered it.
    """

    def __init__(self, detector: CenterNetDetector) -> None:
        self.times = detector.times
        self.class_names = detector.class_names
        self.max_batch = detector.max_batch
        self.depth = detector.depth
        self._detector = detector

    def submit(self, frames: Sequence[Frame]) -> object:
        """The detector's."""
        return self._detector.submit(frames)

    def collect(self, ticket: object) -> list[Detections]:
        """The detector's."""
        return self._detector.collect(ticket)


@contextmanager
def opened(plan: Plan) -> Iterator[Kept]:
    """The plan's detector as the program would open it, its batch measured on a GPU."""
    detector = CenterNetDetector(
        plan.make(),
        plan.recipe,
        Stretch(plan.side, plan.side),
        Compute(plan.place, plan.half),
        DetectorConfig(runtime="torch"),
    )
    with detector:
        yield Kept(detector)


def planar_pictures() -> list[PlanarPicture]:
    """Street scenes of 1080p, in the planes that a decoder leaves."""
    return [PlanarPicture(picture.bgr()) for picture in full_hd_pictures()]
