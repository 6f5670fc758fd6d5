from __future__ import annotations

import torch

from detector.fold import fold_batch_norm
from tests.detector.networks import assert_folding_keeps
from tests.detector.tiny import tiny_network


def test_folded_network_computes_the_same() -> None:
    # float32 carries 1e-7; some twenty layers of it
    assert_folding_keeps(tiny_network().eval(), share=1e-5)


def test_folding_again_changes_nothing() -> None:
    network = tiny_network().eval()
    fold_batch_norm(network)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    fold_batch_norm(network)
    after = network.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
