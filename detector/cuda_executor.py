"""Running a network on one CUDA device: pictures go in at once, boxes are waited for."""

from __future__ import annotations

import importlib.util
import logging
from dataclasses import dataclass

import numpy as np
import torch

from detector.buckets import LARGEST
from detector.colour import IDENTITY
from detector.cuda_device import CudaDevice, CudaMark
from detector.device import Compute
from detector.fuse import fuse_relu
from detector.lane_executor import LaneExecutor, Preprocess
from detector.network import PointNetwork
from detector.padding import pad_channels, picture_channels
from detector.preprocess_torch import preprocess as in_torch
from detector.program import Program, place_network
from detector.staging import Sampling, lay_out, stage
from streamer.samples import Samples
from streamer.stats import StageTimes

logger = logging.getLogger(__name__)

_TRIED_PX = 16  # a side: Triton builds one kernel for multiples of 16 and another for the rest


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
            preprocess=choose_preprocess(compute, picture_channels(program.network)),
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


def choose_preprocess(compute: Compute, channels: int) -> Preprocess:
    """The kernel where Triton can build it, else plain torch, with a warning.

    Triton being installed says little: it wants a C compiler, a folder to write to, and the driver.

    Args:
        compute: what it runs on, and the number format it writes.
        channels: of the network's input.
    """
    if importlib.util.find_spec("triton") is None:
        logger.warning("triton is not installed: preprocessing is slow; pip install -e '.[cuda]'")
        return in_torch
    from detector.preprocess_triton import preprocess  # here: only Linux has it

    try:
        _prepare_one(preprocess, compute, channels)
    except Exception as error:  # noqa: BLE001 - whatever its compilers do, there is torch
        reason = str(error).partition("\n")[0] or type(error).__name__
        logger.warning("triton does not work here (%s): pictures are prepared slowly", reason)
        return in_torch
    return preprocess


def _prepare_one(preprocess: Preprocess, compute: Compute, channels: int) -> None:
    """A black picture, of sides that make Triton build what others need, too."""
    samples = Samples.of_bgr(np.zeros((_TRIED_PX, _TRIED_PX, 3), np.uint8))
    layout = lay_out([samples])
    staged = np.zeros(layout.size, np.uint8)
    sampling = Sampling((1.0, 1.0), (0.0, 0.0), (_TRIED_PX, _TRIED_PX))
    table = stage([(samples, IDENTITY)], [sampling], layout, staged)
    on_device = torch.from_numpy(staged).to(compute.device)
    lookup = torch.zeros(256, 3, device=compute.device)
    out = torch.zeros(
        (1, _TRIED_PX, _TRIED_PX, channels), dtype=compute.dtype, device=compute.device
    )
    with torch.cuda.device_of(on_device):  # type: ignore[no-untyped-call]  # torch's
        preprocess(table, on_device, lookup, out.permute(0, 3, 1, 2))
