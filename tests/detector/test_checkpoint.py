from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from detector.centernet import CenterNet
from detector.checkpoint import load_weights
from detector.errors import WeightsError
from detector.network import bare
from tests.detector.tiny import make_tiny, tiny_network

State = dict[str, Tensor]


@pytest.fixture
def state() -> State:
    return dict(tiny_network(seed=3).state_dict())


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda state: state, id="bare"),
        pytest.param(lambda state: {"epoch": 7, "state_dict": state}, id="published"),
        pytest.param(
            lambda state: {"epoch": 7, "state_dict": state, "optimizer": {"lr": [0.1]}},
            id="with an optimizer",
        ),
        pytest.param(
            lambda state: {"state_dict": {f"module.{key}": state[key] for key in state}},
            id="from data-parallel training",
        ),
        pytest.param(
            lambda state: {key: value.double() for key, value in state.items()}, id="in float64"
        ),
    ],
)
def test_every_form_of_checkpoint_loads(
    tmp_path: Path, state: State, wrap: Callable[[State], object]
) -> None:
    network = _loaded(_saved(tmp_path, wrap(state)))
    loaded = network.state_dict()
    assert all(torch.equal(loaded[key], state[key]) for key in state)
    assert {value.dtype for value in network.parameters()} == {torch.float32}


def test_prefix_of_a_module_list_stays(tmp_path: Path) -> None:
    network = nn.Module()
    network.module_list = nn.ModuleList([nn.Linear(2, 2)])
    load_weights(network, _saved(tmp_path, dict(network.state_dict())))


def test_code_in_a_file_is_never_run(tmp_path: Path) -> None:
    path = tmp_path / "code.pth"
    trace = tmp_path / "trace"
    path.write_bytes(pickle.dumps(_Touches(trace)))
    with pytest.raises(WeightsError, match="holds code"):
        _loaded(path)
    assert not trace.exists()


def test_whole_pickled_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="holds code"):
        _loaded(_saved(tmp_path, tiny_network()))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<!DOCTYPE html><title>404</title>", id="a web page"),
        pytest.param(b"\x00" * 1000, id="zeros"),
        pytest.param(b"PK\x03\x04" + b"\x00" * 1000, id="looks like a zip"),
        pytest.param(pickle.dumps({"state_dict": {}}), id="an empty state dict"),
    ],
)
def test_file_of_another_kind_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.pth"
    path.write_bytes(content)
    _assert_refused(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"absent\.pth.*No such file"):
        _loaded(tmp_path / "absent.pth")


def test_folder_is_refused(tmp_path: Path) -> None:
    _assert_refused(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param([1, 2], id="a list"),
        pytest.param(torch.zeros(3), id="a tensor"),
        pytest.param({}, id="nothing"),
        pytest.param({"epoch": 3}, id="no tensors"),
        pytest.param({"state_dict": [1]}, id="a list as state dict"),
        pytest.param({"state_dict": {1: torch.zeros(1)}}, id="a number as key"),
    ],
)
def test_checkpoint_without_tensors_by_name_is_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(WeightsError, match="expected tensors by name"):
        _loaded(_saved(tmp_path, content))


def test_missing_keys_are_counted_and_named(tmp_path: Path, state: State) -> None:
    gone = [key for key in state if key.startswith("wh.")]
    for key in gone:
        del state[key]
    with pytest.raises(
        WeightsError, match=r"4 missing: wh\.0\.weight, wh\.0\.bias, wh\.2\.weight, \.\.\."
    ):
        _loaded(_saved(tmp_path, state))


def test_surplus_keys_are_counted_and_named(tmp_path: Path, state: State) -> None:
    state["reg.0.weight"] = torch.zeros(1)
    with pytest.raises(WeightsError, match=r"1 not in this network: reg\.0\.weight;"):
        _loaded(_saved(tmp_path, state))


def test_other_number_of_classes_is_an_error_that_shows_both_shapes(
    tmp_path: Path, state: State
) -> None:
    state["hm.2.bias"] = torch.zeros(80)
    with pytest.raises(
        WeightsError, match=r"1 of another shape: hm\.2\.bias \(expected \[3\], got \[80\]\)"
    ):
        _loaded(_saved(tmp_path, state))


def test_all_kinds_of_mismatch_are_told_at_once(tmp_path: Path, state: State) -> None:
    state["new"] = state.pop("wh.2.bias")
    with pytest.raises(WeightsError, match=r"1 missing: wh\.2\.bias; 1 not in .*: new"):
        _loaded(_saved(tmp_path, state))


@pytest.mark.parametrize("value", [float("nan"), float("inf")], ids=str)
def test_weights_that_are_not_finite_are_refused(
    tmp_path: Path, state: State, value: float
) -> None:
    state["wh.2.bias"] = torch.full((4,), value)
    with pytest.raises(WeightsError, match=r"1 tensors hold .*: wh\.2\.bias"):
        _loaded(_saved(tmp_path, state))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.floats(0, 1), st.booleans())
def test_cut_file_is_always_one_line(tmp_path: Path, kept: float, is_zip: bool) -> None:
    content = _bytes_of_checkpoint(tmp_path, is_zip=is_zip)
    path = tmp_path / "cut.pth"
    path.write_bytes(content[: int(kept * (len(content) - 1))])
    _assert_refused(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_overwritten_file_loads_or_is_one_line(
    tmp_path: Path, places: list[tuple[float, int]]
) -> None:
    """A changed weight cannot be told from a right one; a changed structure must not crash."""
    content = bytearray(_bytes_of_checkpoint(tmp_path, is_zip=False))
    for place, value in places:
        content[int(place * min(len(content) - 1, 4000))] = value  # the pickled structure
    path = tmp_path / "overwritten.pth"
    path.write_bytes(content)
    refusal = _refusal(path)
    assert refusal is None or "\n" not in refusal


class _Touches:
    """A pickle that makes a file when it is loaded carelessly."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:  # pickle's own signature
        return Path.touch, (self._path,)


def _saved(folder: Path, content: object) -> Path:
    path = folder / "weights.pth"
    torch.save(content, path)
    return path


def _bytes_of_checkpoint(folder: Path, *, is_zip: bool) -> bytes:
    path = folder / f"whole-{is_zip}.pth"
    if not path.exists():
        state = tiny_network(seed=3).state_dict()
        torch.save({"state_dict": state}, path, _use_new_zipfile_serialization=is_zip)
    return path.read_bytes()


def _loaded(path: Path) -> CenterNet:
    network = bare(make_tiny, 3)
    load_weights(network, path)
    return network


def _refusal(path: Path) -> str | None:
    try:
        _loaded(path)
    except WeightsError as error:
        return str(error)
    return None


def _assert_refused(path: Path) -> None:
    with pytest.raises(WeightsError, match=re.escape(path.name)) as caught:
        _loaded(path)
    assert "\n" not in str(caught.value)
