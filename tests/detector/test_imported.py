"""Pictures out of a device's memory; the CPU's stands for it, with lanes that dawdle."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from detector.fold import fold_batch_norm
from detector.geometry import Stretch
from detector.host_device import HostDevice, HostLane, HostMark
from detector.imported import ImportedPlane, Importer, dl_device
from detector.lane_executor import DEPTH, LaneExecutor, Preprocess
from detector.preprocess_torch import preprocess
from detector.program import Pending, Program
from detector.staging import Table, lay_out
from streamer.device_picture import DevicePicture
from streamer.frame import Frame
from streamer.picture import Picture
from streamer.samples import DevicePlane, DlDevice, samples_of
from streamer.stats import StageTimes
from tests.detector.frames import frame_of
from tests.detector.lanes import Dawdling
from tests.detector.samples import decoded, staying
from tests.detector.tiny import RECIPE, tiny_network

HERE = (1, 0)  # DLPack's CPU
SIZE = 100, 62  # a decoder's rows lie further apart
CPU = torch.device("cpu")


@contextmanager
def _executor(
    device: HostDevice | None = None, prepare: Preprocess = preprocess
) -> Iterator[LaneExecutor[HostMark]]:
    network = tiny_network().eval()
    fold_batch_norm(network)
    with device or HostDevice() as opened:
        yield LaneExecutor(
            Program(network, RECIPE.normalisation(), flip_test=False, top_k=12),
            opened,
            torch.float32,
            StageTimes(),
            preprocess=prepare,
            limit=4,
            is_exact=True,
        )


def _submit(executor: LaneExecutor[HostMark], pictures: Sequence[Picture]) -> Pending:
    frames = [_frame(picture) for picture in pictures]
    places = [Stretch(64, 64).place(frame.width, frame.height) for frame in frames]
    return executor.submit(frames, places)


def _frame(picture: Picture) -> Frame:
    template = frame_of(np.zeros((picture.height, picture.width, 3), np.uint8))
    return replace(template, picture=picture)


def _rows(pictures: Sequence[Picture]) -> NDArray[np.float32]:
    with _executor() as executor:
        return _submit(executor, pictures).wait()


def _mixed(nv12: Callable[[int], Picture]) -> list[Picture]:
    """Pictures of a device among others."""
    return [
        nv12(0),
        decoded("yuv420p", 161, 90, seed=1),
        nv12(2),
        nv12(3),
        decoded("yuv422p", 64, 64, seed=4),
    ]


class Exported:
    """Hands on an array, with a script of faults."""

    def __init__(self, array: NDArray[np.uint8], error: Exception | None = None) -> None:
        self.array: NDArray[np.uint8] | None = array
        self._error = error

    def __dlpack__(self) -> object:
        if self._error is not None:
            raise self._error
        assert self.array is not None
        return self.array.__dlpack__()

    def __dlpack_device__(self) -> DlDevice:
        return HERE


def _picture(
    number: int,
    *,
    error: Exception | None = None,
    wrap: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] = lambda plane: plane,
) -> tuple[DevicePicture, list[Exported]]:
    """As `staying(*SIZE, seed=number)`, but made of arrays of ours."""
    below = decoded("nv12", *SIZE, seed=number)
    stored = below.samples()
    assert stored is not None
    exporters = [Exported(wrap(np.array(plane)), error) for plane in stored.planes]
    planes = tuple(
        DevicePlane(exporter, (plane.shape[0], plane.shape[1]))
        for exporter, plane in zip(exporters, stored.planes, strict=True)
    )
    return DevicePicture(replace(stored, planes=planes), HERE, lambda: below), exporters


def test_dlpack_counts_devices_in_its_own_way() -> None:
    assert dl_device(CPU) == HERE
    assert dl_device(torch.device("cuda", 1)) == (2, 1)


def test_rows_are_those_of_pictures_that_came_down() -> None:
    on_device = _rows(_mixed(lambda seed: staying(*SIZE, seed=seed)))
    on_host = _rows(_mixed(lambda seed: decoded("nv12", *SIZE, seed=seed)))
    np.testing.assert_array_equal(on_device, on_host)


def test_only_the_first_comes_down_and_that_for_a_proof() -> None:
    pictures = [staying(*SIZE, seed=seed) for seed in range(3)]
    with _executor() as executor:
        _submit(executor, pictures).wait()
    on_device = [isinstance(p, DevicePicture) and p.samples_on(HERE) for p in pictures]
    assert [bool(samples) for samples in on_device] == [False, True, True]


def test_room_for_the_device_s_samples_lies_behind_the_host_s() -> None:
    importer = Importer(CPU)
    taken = importer.samples(staying(*SIZE))
    assert taken is not None
    assert all(isinstance(plane, ImportedPlane) for plane in taken.planes)
    layout = lay_out([taken, samples_of(decoded("yuv420p", 64, 64)), taken])
    first, second, third = layout.starts
    assert max(second) < layout.host_size <= min(first) < min(third) < layout.size
    assert all(start % 16 == 0 for of in layout.starts for start in of)


def test_pictures_of_another_device_come_down() -> None:
    picture, _ = _picture(0)
    assert Importer(torch.device("cuda", 0)).samples(picture) is None
    expected = decoded("nv12", *SIZE, seed=0)
    np.testing.assert_array_equal(_rows([picture]), _rows([expected]))


class _Named(HostDevice):
    """Its lanes can be asked for by name."""

    def __init__(self) -> None:
        super().__init__()
        self.lanes: dict[str, HostLane] = {}

    def lane(self, name: str, *, is_urgent: bool = False) -> HostLane:
        self.lanes[name] = super().lane(name, is_urgent=is_urgent)
        return self.lanes[name]


def test_memory_is_kept_until_the_batch_is_collected_and_no_longer() -> None:
    """A GPU's copy is under way long after the call that has queued it."""
    device, gate = _Named(), threading.Event()
    gate.set()

    def held(table: Table, staged: Tensor, lookup: Tensor, out: Tensor) -> None:
        assert gate.wait(30)
        preprocess(table, staged, lookup, out)

    with _executor(device, held) as executor:
        _submit(executor, [_picture(0)[0]]).wait()
        gate.clear()
        picture, exporters = _picture(1)
        arrays = [weakref.ref(exporter.array) for exporter in exporters]
        pending = _submit(executor, [picture])
        for exporter in exporters:
            exporter.array = None
        del picture
        copied = HostMark()  # the lane is through with the copy, and holds no reference any more
        device.lanes["copy"].run(lambda: None, after=(), done=copied)
        copied.wait()
        assert all(array() is not None for array in arrays)
        gate.set()
        found = pending.wait()
        assert all(array() is None for array in arrays)
    np.testing.assert_array_equal(found, _rows([decoded("nv12", *SIZE, seed=1)]))


def test_many_batches_in_flight_come_back_apart() -> None:
    on_host = [decoded("nv12", *SIZE, seed=seed) for seed in range(3 * DEPTH)]
    with _executor() as executor:
        expected = [_submit(executor, [picture]).wait() for picture in on_host]
    with _executor(Dawdling()) as executor:
        on_device = [[staying(*SIZE, seed=seed)] for seed in range(3 * DEPTH)]
        pending = [_submit(executor, pictures) for pictures in on_device]
        for each, rows in zip(pending, expected, strict=True):
            np.testing.assert_array_equal(each.wait(), rows)


class _Decoding(HostDevice):
    """A decoder is still writing when pictures are handed in: it ends when `finish` is called."""

    def __init__(self) -> None:
        super().__init__()
        self._written = threading.Event()
        self._unwritten: list[Callable[[], None]] = []

    def pass_others(self, mark: HostMark) -> None:
        passage = mark.set_later()

        def write() -> None:
            threading.Event().wait(0.01)
            while self._unwritten:
                self._unwritten.pop()()
            passage.open()

        threading.Thread(target=write, name="decoder").start()

    def write_later(self, exporters: Sequence[Exported]) -> None:
        """Their samples come true only behind what the decoder has queued."""
        for exporter in exporters:
            array = exporter.array
            assert array is not None
            true = array.copy()
            array[:] = 0
            self._unwritten.append(lambda array=array, true=true: np.copyto(array, true))  # type: ignore[misc]  # bound now


def test_what_a_decoder_has_queued_is_waited_for() -> None:
    device = _Decoding()
    with _executor(device) as executor:
        proof, _ = _picture(0)
        _submit(executor, [proof]).wait()
        picture, exporters = _picture(1)
        device.write_later(exporters)
        found = _submit(executor, [picture]).wait()
    np.testing.assert_array_equal(found, _rows([decoded("nv12", *SIZE, seed=1)]))


def _inverted(plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return 255 - plane


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        pytest.param(
            lambda: _picture(0, error=BufferError("no such memory")), "no such memory", id="refused"
        ),
        pytest.param(lambda: _picture(0, wrap=_inverted), "not the same picture", id="others"),
        pytest.param(
            lambda: _picture(0, wrap=lambda plane: plane[:-1]), "expected 62 rows", id="too few"
        ),
        pytest.param(
            lambda: _picture(0, wrap=lambda plane: np.asfortranarray(plane)),
            "bytes apart",
            id="turned",
        ),
    ],
)
def test_what_cannot_be_taken_comes_down_and_one_line_says_so(
    bad: Callable[[], tuple[DevicePicture, list[Exported]]],
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    pictures = [bad()[0], staying(*SIZE, seed=1)]
    with caplog.at_level(logging.WARNING):
        found = _rows(pictures)
    expected = _rows([decoded("nv12", *SIZE, seed=seed) for seed in range(2)])
    np.testing.assert_array_equal(found, expected)
    (record,) = caplog.records
    assert record.getMessage().startswith("cpu: pictures cannot be taken from its memory (")
    assert reason in record.getMessage()
