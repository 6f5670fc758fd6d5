"""A small untrained network as a detector, by the name that a command line can give."""

from __future__ import annotations

from detector.config import DetectorConfig
from detector.device import choose_compute
from detector.geometry import parse_imgsz
from detector.hardnet_detector import CenterNetDetector
from tests.detector.tiny import RECIPE, tiny_network

NAME = "tests.train.tiny_detector:TinyDetector"


class TinyDetector(CenterNetDetector):
    """Finds people, cars and bicycles where there are none, always the same ones."""

    def __init__(self, config: DetectorConfig) -> None:
        compute = choose_compute(config.device, config.precision)
        super().__init__(tiny_network(), RECIPE, parse_imgsz(config.imgsz or "64"), compute, config)
