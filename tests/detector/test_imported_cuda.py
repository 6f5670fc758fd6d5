"""What only a GPU can show: pictures in its memory are taken from there, whole and in time."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from detector.cuda_device import CudaMark
from detector.cuda_executor import CudaExecutor
from detector.device import Compute
from detector.fold import fold_batch_norm
from detector.geometry import Stretch
from detector.lane_executor import DEPTH, LaneExecutor
from detector.program import Pending, Program
from streamer.device_picture import DevicePicture
from streamer.picture import BT601, I420, BgrArray, Picture
from streamer.samples import DL_CUDA, NV12_COMPONENTS, DevicePlane, DlDevice, Samples
from streamer.stats import StageTimes
from tests.detector.frames import frame_of
from tests.detector.tiny import RECIPE, tiny_network

pytestmark = pytest.mark.gpu

WIDTH, HEIGHT, STRIDE = 100, 62, 512  # rows lie apart, as FFmpeg's do
_PAUSE = 200_000_000  # of the GPU's clock, a tenth of a second


class Below:
    """NV12 in the host's memory."""

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        self.width, self.height = WIDTH, HEIGHT
        self.planes: tuple[NDArray[np.uint8], ...] = tuple(
            random.integers(0, 256, (rows, WIDTH)).astype(np.uint8)
            for rows in (HEIGHT, HEIGHT // 2)
        )

    def samples(self) -> Samples:
        return Samples(self.planes, NV12_COMPONENTS, WIDTH, HEIGHT, is_yuv=True, matrix=BT601)

    def bgr(self) -> BgrArray:
        raise AssertionError("nobody asks for pixels here")

    def i420(self) -> I420:
        raise AssertionError("nobody asks for pixels here")


class Exported:
    """Memory of the GPU, handed on as PyAV does: no waiting, no stream."""

    def __init__(self, memory: Tensor) -> None:
        self._memory = memory

    def __dlpack__(self) -> object:
        return self._memory.__dlpack__(stream=-1)  # which waits for none

    def __dlpack_device__(self) -> DlDevice:
        return DL_CUDA, 0


def _above(below: Below, *, is_late: bool = False) -> DevicePicture:
    """The same on the GPU; written a little later, on the stream that decoders write on."""
    planes = []
    for plane in below.planes:
        memory = torch.zeros(len(plane), STRIDE, dtype=torch.uint8, device="cuda:0")
        if is_late:
            torch.cuda._sleep(_PAUSE)  # type: ignore[no-untyped-call]  # torch's
        memory[:, :WIDTH] = torch.from_numpy(plane).pin_memory().to("cuda:0", non_blocking=True)
        planes.append(DevicePlane(Exported(memory[:, :WIDTH]), (len(plane), STRIDE)))
    samples = replace(below.samples(), planes=tuple(planes))
    return DevicePicture(samples, (DL_CUDA, 0), lambda: below)


@pytest.fixture
def executor() -> LaneExecutor[CudaMark]:
    network = tiny_network().eval()
    fold_batch_norm(network)
    program = Program(network, RECIPE.normalisation(), flip_test=False, top_k=12)
    return CudaExecutor(program, Compute(torch.device("cuda", 0), torch.float32), StageTimes())


def _submit(executor: LaneExecutor[CudaMark], pictures: Sequence[Picture]) -> Pending:
    template = frame_of(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    frames = [replace(template, picture=picture) for picture in pictures]
    return executor.submit(frames, [Stretch(64, 64).place(WIDTH, HEIGHT)] * len(frames))


def test_rows_are_those_of_pictures_that_came_down(
    executor: LaneExecutor[CudaMark], caplog: pytest.LogCaptureFixture
) -> None:
    below = [Below(seed) for seed in range(3)]
    expected = _submit(executor, below).wait()
    with caplog.at_level(logging.WARNING):
        found = _submit(executor, [_above(below[0]), below[1], _above(below[2])]).wait()
    np.testing.assert_array_equal(found, expected)
    assert not caplog.records


def test_what_is_still_being_written_is_waited_for(executor: LaneExecutor[CudaMark]) -> None:
    below = [Below(seed) for seed in range(2)]
    expected = _submit(executor, below[1:]).wait()
    _submit(executor, [_above(below[0])]).wait()  # the first is proven, which waits anyway
    late = _submit(executor, [_above(below[1], is_late=True)])
    np.testing.assert_array_equal(late.wait(), expected)


def test_memory_is_kept_until_it_has_been_copied(executor: LaneExecutor[CudaMark]) -> None:
    """What is let go of is given out again at once: torch's allocator does that, too."""
    below = [Below(seed) for seed in range(3 * DEPTH)]
    expected = [_submit(executor, [each]).wait() for each in below]
    pending = [_submit(executor, [_above(each)]) for each in below]
    for each, rows in zip(pending, expected, strict=True):
        np.testing.assert_array_equal(each.wait(), rows)
