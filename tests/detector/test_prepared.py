from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from detector.errors import DetectorError
from detector.prepared import fingerprint, prepare
from tests.detector.tiny import tiny_network

pytest.importorskip("onnx")


def test_network_is_written_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = prepare(tiny_network().eval(), folder=tmp_path, name="onnx").path
    written_ns = first.stat().st_mtime_ns
    again = prepare(tiny_network().eval(), folder=tmp_path, name="onnx").path
    assert (again, again.stat().st_mtime_ns) == (first, written_ns)
    said = [record.getMessage() for record in caplog.records if record.name == "detector.prepared"]
    assert said == [f"runtime onnx: preparing the network, once: {first}"]


def test_file_that_was_cut_is_written_again_and_looked_at_again(tmp_path: Path) -> None:
    network = tiny_network().eval()
    prepared = prepare(network, folder=tmp_path, name="onnx")
    whole = prepared.path.read_bytes()
    prepared.leave("onnx-1.checked")
    assert prepared.has("onnx-1.checked")
    prepared.path.write_bytes(whole[:1000])
    assert prepare(network, folder=tmp_path, name="onnx").path.stat().st_size == len(whole)
    assert not prepared.has("onnx-1.checked")


def test_other_weights_are_another_file() -> None:
    assert fingerprint(tiny_network(seed=0)) == fingerprint(tiny_network(seed=0))
    assert fingerprint(tiny_network(seed=0)) != fingerprint(tiny_network(seed=1))


def test_memory_layout_is_no_other_network() -> None:
    network = tiny_network()
    expected = fingerprint(network)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in the stub
    assert fingerprint(network) == expected


def test_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DetectorError, match=r"runtime 'onnx': expected to write .*directory"):
        prepare(tiny_network().eval(), folder=tmp_path / "file" / "folder", name="onnx")


@pytest.fixture(autouse=True)
def _hear_warnings(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
