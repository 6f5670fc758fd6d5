"""Running a network on one CUDA device: pictures go in at once, boxes are waited for."""

from __future__ import annotations

import importlib.util
import logging
from dataclasses import dataclass

import torch

from detector.buckets import LARGEST
from detector.cuda_device import CudaDevice, CudaMark
from detector.device import Compute
from detector.fuse import fuse_relu
from detector.lane_executor import LaneExecutor, Preprocess
from detector.network import PointNetwork
from detector.padding import pad_channels
from detector.program import Program, place_network
from streamer.stats import StageTimes

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CudaOptions:
    """What is done to a network for speed; everything but `autotunes` is exact to rounding.

    Attributes:
        pads: channel counts to multiples of 8.
        pads_picture: the picture's three channels, too.
        fuses: convolution, bias and ReLU in one call.
        compiles: torch.compile, a minute at the start.
        autotunes: cuDNN tries its algorithms at the first batch of every size.
        limit: pictures a batch at most.
    """

    pads: bool = True
    pads_picture: bool = True
    fuses: bool = True
    compiles: bool = False
    autotunes: bool = False
    limit: int = LARGEST


class CudaExecutor(LaneExecutor[CudaMark]):
    """On one CUDA device, three batches in flight; the host waits for events only.

    Args:
        program: its network is on the CPU, folded; it is changed and moved.
        compute: where and in which precision.
        times: as LaneExecutor books them.
        options: how.
    """

    def __init__(
        self,
        program: Program,
        compute: Compute,
        times: StageTimes,
        options: CudaOptions = CudaOptions(),
    ) -> None:
        prepare_network(program.network, compute, options)
        super().__init__(
            program,
            CudaDevice(compute.device, autotunes=options.autotunes),
            compute.dtype,
            times,
            preprocess=_preprocess(),
            limit=options.limit,
            is_exact=compute.dtype is torch.float32,
        )


def prepare_network(network: PointNetwork, compute: Compute, options: CudaOptions) -> None:
    """Padded, joined, moved to the device, in its precision and channels last; in place.

    Afterwards it wants pictures of `padding.picture_channels`.
    """
    is_half = compute.dtype is not torch.float32
    if options.pads and is_half:  # float32 has no use for it
        pad_channels(network, pads_picture=options.pads_picture)
    place_network(network, compute)
    if options.fuses and is_half:
        fuse_relu(network)
    if options.compiles:
        network.compile()


def _preprocess() -> Preprocess:
    if importlib.util.find_spec("triton") is None:
        logger.warning("triton is not installed: pictures are prepared slowly; see the extra cuda")
        from detector.preprocess_torch import preprocess as in_torch

        return in_torch
    from detector.preprocess_triton import preprocess  # here: only Linux has it

    return preprocess
