"""The order of calls into a driver that stands in for NVIDIA's."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

from streamer.sources.cuda_context import primary_context

CONTEXT = 0xC0FFEE


class Driver:
    """Two devices; `refusing` is the function that gives CUDA's error 2."""

    def __init__(self, refusing: str | None = None) -> None:
        self.calls: list[str] = []
        self.current: list[int | None] = []
        self._refusing = refusing

    def cuInit(self, _flags: int) -> int:  # noqa: N802 - the driver's names
        return self._called("cuInit")

    def cuDeviceGet(self, device: Any, number: int) -> int:  # noqa: N802
        device._obj.value = 40 + number
        return 101 if number > 1 else self._called("cuDeviceGet")

    def cuDevicePrimaryCtxRetain(self, context: Any, device: ctypes.c_int) -> int:  # noqa: N802
        context._obj.value = CONTEXT + device.value
        return self._called("cuDevicePrimaryCtxRetain")

    def cuCtxPushCurrent_v2(self, context: ctypes.c_void_p) -> int:  # noqa: N802
        self.current.append(context.value)
        return self._called("cuCtxPushCurrent")

    def cuCtxPopCurrent_v2(self, _context: object) -> int:  # noqa: N802
        self.current.pop()
        return self._called("cuCtxPopCurrent")

    def _called(self, name: str) -> int:
        self.calls.append(name)
        return 2 if name == self._refusing else 0


def test_the_device_s_own_context_is_current_for_a_while() -> None:
    driver = Driver()
    with primary_context(1, driver):
        assert driver.current == [CONTEXT + 41]
    assert driver.current == []
    assert driver.calls[-2:] == ["cuCtxPushCurrent", "cuCtxPopCurrent"]


def test_it_is_taken_back_where_the_work_fails() -> None:
    driver = Driver()
    with pytest.raises(RuntimeError, match="of the work"), primary_context(0, driver):
        raise RuntimeError("of the work")
    assert driver.current == []


@pytest.mark.parametrize(
    "name", ["cuInit", "cuDeviceGet", "cuDevicePrimaryCtxRetain", "cuCtxPushCurrent"]
)
def test_a_driver_that_refuses_is_one_line(name: str) -> None:
    with (
        pytest.raises(OSError, match=f"^{name} failed with CUDA's error 2$"),
        primary_context(0, Driver(name)),
    ):
        raise AssertionError("never here")


def test_a_device_that_is_not_there_is_one_line() -> None:
    with pytest.raises(OSError, match=r"cuDeviceGet.*101"), primary_context(7, Driver()):
        raise AssertionError("never here")


def test_a_machine_without_a_driver_is_one_line() -> None:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        with pytest.raises(OSError, match="libcuda"), primary_context(0):
            raise AssertionError("never here") from None
    else:
        pytest.skip("there is one")
