"""The kernel on a GPU agrees with the reference, and so with the host."""

from __future__ import annotations

import importlib.util

import cv2
import numpy as np
import pytest
import torch

from benchmarks.gpu.rate import PlanarPicture
from detector.cuda_executor import choose_preprocess
from detector.device import Compute
from detector.preprocess_torch import preprocess as in_torch
from detector.staging import Sampling, lay_out, stage, stored_samples
from streamer.picture import Picture
from tests.detector.test_preprocess import LEVELS, PICTURES, STRETCH

pytestmark = pytest.mark.gpu

_NOISE = np.random.default_rng(5).integers(0, 256, (90, 160, 3), np.uint8)
# Before 5 OpenCV steps by 1/32 px: along each axis noise is then off by up to 255 / 64 levels.
_LEVELS_OF_HOST = 1 if int(cv2.__version__.partition(".")[0]) >= 5 else 8


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_the_kernel_prepares_what_the_reference_does(dtype: torch.dtype) -> None:
    from detector.preprocess_triton import preprocess as in_one_kernel  # only Linux has it

    has_decoder = importlib.util.find_spec("av") is not None
    kinds = [kind for kind in PICTURES if has_decoder or kind.startswith("bgr")]
    pictures: list[Picture] = [PICTURES[kind]() for kind in kinds]
    pictures.append(PlanarPicture(_NOISE))
    stored = [stored_samples(picture) for picture in pictures]
    places = [STRETCH.place(picture.width, picture.height) for picture in pictures]
    layout = lay_out([samples for samples, _ in stored])
    staged = np.zeros(layout.size, np.uint8)
    samplings = [Sampling.of_placement(place) for place in places]
    table = stage(stored, samplings, layout, staged)
    on_device, lookup = torch.from_numpy(staged).cuda(), torch.from_numpy(LEVELS).cuda()
    shape = (len(pictures) + 1, 3, STRETCH.height, STRETCH.width)
    found, expected = (
        torch.full(shape, -1.0, device="cuda", dtype=dtype).to(memory_format=torch.channels_last)
        for _ in range(2)
    )
    in_one_kernel(table, on_device, lookup, found)
    in_torch(table, on_device, lookup, expected)
    assert bool((found[-1] == -1).all())
    difference = (found.float() - expected.float()).abs()
    assert float(difference.max()) <= 1  # a level; at exact halves, for sums are contracted there
    assert float((difference > 0).float().mean()) < 1e-3
    # The planar noise is left out: its planes cannot say what its pixels were.
    for levels, picture, place in zip(expected, pictures[: len(kinds)], places, strict=False):
        warped = torch.from_numpy(place.warp(picture.bgr())).permute(2, 0, 1)
        assert float((levels.cpu().float() - warped).abs().max()) <= _LEVELS_OF_HOST


def test_the_kernel_is_what_prepares() -> None:
    """Where it cannot be built torch prepares instead, with a warning: not on this machine."""
    from detector.preprocess_triton import preprocess as in_one_kernel  # as above

    compute = Compute(torch.device("cuda", 0), torch.float16)
    assert choose_preprocess(compute, 8) is in_one_kernel
