"""The samples inside a picture of the encoder, as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray


def plane_views(frame: VideoFrame, *, bits: int = 8) -> list[NDArray[Any]]:
    """Writable views (H, W) on the planes of `frame`, without the padding of their lines.

    Args:
        frame: planar, one component a plane.
        bits: of a sample; above 8 the views are uint16, hence the Any.
    """
    dtype = np.dtype(np.uint8 if bits == 8 else np.uint16)
    return [
        np.frombuffer(memoryview(plane), dtype).reshape(plane.height, -1)[:, : plane.width]
        for plane in frame.planes
    ]
