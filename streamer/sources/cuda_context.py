"""The one CUDA context of a device that all libraries of a process share.

What is decoded in one context and read in another is neither ordered nor always reachable, and a
second one takes hundreds of MB. Torch computes in the primary context. FFmpeg refuses it where
torch was there first, for torch made it with other flags ("incompatible flags"), but takes the
context that is current in the thread that opens the decoder, whichever that is.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_LIBRARY = "libcuda.so.1"


@contextmanager
def primary_context(
    number: int,
    driver: Any = None,  # a library's functions have no types
) -> Iterator[None]:
    """Makes the device's primary context the calling thread's current one, for a while.

    It is kept until the process ends, as torch keeps it, too: decoders live on in it.

    Args:
        number: of the device, as torch counts.
        driver: the loaded library; None for the system's.

    Raises:
        OSError: there is no driver, no such device, or no memory for the context.
    """
    driver = ctypes.CDLL(_LIBRARY) if driver is None else driver
    device, context = ctypes.c_int(), ctypes.c_void_p()
    _check("cuInit", driver.cuInit(0))
    _check("cuDeviceGet", driver.cuDeviceGet(ctypes.byref(device), number))
    _check(
        "cuDevicePrimaryCtxRetain",
        driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), device),
    )
    _check("cuCtxPushCurrent", driver.cuCtxPushCurrent_v2(context))
    try:
        yield
    finally:
        driver.cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))


def _check(name: str, code: int) -> None:
    if code:
        raise OSError(f"{name} failed with CUDA's error {code}")
