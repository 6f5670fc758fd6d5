"""A small untrained network as a detector, by the name that a command line can give."""

from __future__ import annotations

from dataclasses import replace

import torch

from detector.config import DetectorConfig
from detector.device import choose_compute
from detector.geometry import parse_imgsz
from detector.hardnet_detector import CenterNetDetector
from tests.detector.tiny import RECIPE, tiny_network

NAME = "tests.train.tiny_detector:TinyDetector"


SIDE = 6.0  # cells; untrained, the boxes would have no extent


class TinyDetector(CenterNetDetector):
    """Finds people, cars and bicycles where there are none, always the same ones."""

    def __init__(self, config: DetectorConfig) -> None:
        config = replace(config, runtime="torch")  # nothing for the user's cache folder
        compute = choose_compute(config.device, config.precision)
        network = tiny_network()
        with torch.no_grad():
            network.wh[-1].get_parameter("bias")[:2] = SIDE
        super().__init__(network, RECIPE, parse_imgsz(config.imgsz or "64"), compute, config)
