from __future__ import annotations

from pathlib import Path

import pytest
import torch

from detector.errors import WeightsError
from detector.network import untrained
from tests.detector.tiny import make_tiny, tiny_network
from train.start import start_from


def test_body_of_a_classifier_fills_the_body_alone(tmp_path: Path) -> None:
    """Names as published: without `base.`, and with a classifier behind that is not wanted."""
    given = tiny_network(seed=1)
    body = {
        f"{key.removeprefix('base.')}": value
        for key, value in given.state_dict().items()
        if key.startswith("base.")
    }
    torch.save({**body, "19.weight": torch.zeros(3)}, tmp_path / "body.pth")
    network, before = tiny_network(seed=2), tiny_network(seed=2).state_dict()
    start_from(network, tmp_path / "body.pth", is_body=True)
    for key, value in network.state_dict().items():
        wanted = given.state_dict()[key] if key.startswith("base.") else before[key]
        assert torch.equal(value, wanted), key


def test_weights_for_other_classes_fill_all_but_the_head_of_classes(tmp_path: Path) -> None:
    given = untrained(make_tiny, 7, seed=1)
    torch.save({"state_dict": given.state_dict()}, tmp_path / "other.pth")
    network, before = tiny_network(seed=2), tiny_network(seed=2).state_dict()
    start_from(network, tmp_path / "other.pth", is_body=False)
    for key, value in network.state_dict().items():
        kept = key.startswith("hm.2.")
        assert torch.equal(value, before[key] if kept else given.state_dict()[key]), key


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": {"w": torch.zeros(3)}}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="expected those of this network, got 0 of its"):
        start_from(tiny_network(), tmp_path / "w.pth", is_body=False)
