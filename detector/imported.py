"""Pictures out of the memory of the device that computes, where a decoder has left them there."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.utils.dlpack import DLDeviceType, from_dlpack

from streamer.device_picture import OnDevice
from streamer.picture import Picture
from streamer.samples import DevicePlane, DlDevice, Plane, Samples, samples_of

logger = logging.getLogger(__name__)

_KINDS = {"cpu": DLDeviceType.kDLCPU, "cuda": DLDeviceType.kDLCUDA}


def dl_device(place: torch.device) -> DlDevice:
    """As DLPack counts devices."""
    return int(_KINDS[place.type]), place.index or 0


@dataclass(frozen=True, slots=True, eq=False)
class ImportedPlane:
    """A plane in the memory of the device that computes.

    Attributes:
        content: (n,) uint8, from the first sample to the last, what lies between rows included; as
            long as it lives, nobody else writes there.
        shape: rows, and bytes from one to the next.
    """

    content: Tensor
    shape: tuple[int, int]


class Importer:
    """Takes pictures from where they lie, as long as that goes well.

    The first one is compared with itself brought down. What fails is said once and not tried again:
    pictures come from the host from then on.

    Args:
        place: the device that computes.
    """

    def __init__(self, place: torch.device) -> None:
        self._place = place
        self._home = dl_device(place)
        self._is_proven = False
        self._has_failed = False

    def samples(self, picture: Picture) -> Samples | None:
        """What lies on the device, its planes `ImportedPlane`s; None for pictures of the host."""
        if self._has_failed or not isinstance(picture, OnDevice):
            return None
        samples = picture.samples_on(self._home)
        if samples is None:
            return None
        try:
            imported = replace(samples, planes=tuple(map(_imported, samples.planes)))
            if not self._is_proven:
                _prove(imported, samples_of(picture))
                self._is_proven = True
        except (BufferError, RuntimeError, TypeError, ValueError) as error:
            self._has_failed = True
            reason = " ".join(str(error).split())
            logger.warning(
                "%s: pictures cannot be taken from its memory (%s); they are copied to the host",
                *(self._place, reason),
            )
            return None
        return imported


def _imported(plane: Plane) -> ImportedPlane:
    """Without a copy, and without waiting for who writes there.

    Raises:
        ValueError: it is laid out in another way than it says.
    """
    if not isinstance(plane, DevicePlane):
        raise TypeError(f"expected a plane on a device, got {type(plane).__name__}")
    # From the capsule: for the object itself, torch would ask its exporter to wait for a stream,
    # which PyAV's refuses. `Device.pass_others` keeps the order.
    view = from_dlpack(plane.exporter.__dlpack__())
    rows, stride = plane.shape
    length = math.prod(view.shape[1:])  # of a row, without what lies before the next
    size = 1 + sum(
        (count - 1) * step for count, step in zip(view.shape, view.stride(), strict=True)
    )
    is_as_said = len(view) == rows and view.stride(0) == stride
    if view.dtype is not torch.uint8 or not is_as_said or size != (rows - 1) * stride + length:
        raise ValueError(
            f"expected {rows} rows of uint8, {stride} bytes apart, got {tuple(view.shape)} "
            f"{view.dtype} with strides {view.stride()}"
        )
    return ImportedPlane(view.as_strided((size,), (1,)), plane.shape)


def _prove(imported: Samples, brought_down: Samples) -> None:
    """Raise ValueError if the two are not the same picture."""
    for ours, theirs in zip(imported.planes, brought_down.planes, strict=True):
        assert isinstance(ours, ImportedPlane)
        assert isinstance(theirs, np.ndarray)
        found = np.zeros(ours.shape, np.uint8)
        found.reshape(-1)[: len(ours.content)] = ours.content.cpu().numpy()
        if not np.array_equal(found[:, : theirs.shape[1]], theirs):
            raise ValueError("they are not the same picture there")
