"""A network of the same build as the real ones, small enough to make by the dozen."""

from __future__ import annotations

from functools import partial

from detector.centernet import CenterNet
from detector.hardnet import DecoderStage, EncoderStage, HarDNetSpec
from detector.network import untrained
from detector.recipe import Recipe

TINY = HarDNetSpec(
    stem=(4, 8),
    encoder=(
        EncoderStage(4, 4, transition=8, is_pooled=True),
        EncoderStage(6, 4, transition=12, is_pooled=True),
        EncoderStage(8, 4),
    ),
    skips=(3, 6, 9),
    bottom_width=8,
    bottom_growth=6,
    decoder=(
        DecoderStage(16, 4, 6, 4),
        DecoderStage(12, 4, 4, 4),
        DecoderStage(8, 0, 4, 2, joins_skip=False),
    ),
)
CLASSES = ("person", "car", "bicycle")
make_tiny = partial(CenterNet, TINY)
RECIPE = Recipe(make_tiny, CLASSES, mean=(0.4, 0.5, 0.6), std=(0.25, 0.25, 0.25), imgsz="64")


def tiny_network(seed: int = 0) -> CenterNet:
    """Untrained, three classes."""
    return untrained(make_tiny, len(CLASSES), seed=seed)
