from __future__ import annotations

import torch
from torch import nn

from detector.fold import fold_batch_norm
from tests.detector.tiny import tiny_network


def test_folded_network_computes_the_same() -> None:
    network = tiny_network().eval()
    stream = torch.Generator().manual_seed(2)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for name, low in {"weight": 0.5, "bias": -0.5, "running_mean": -0.5}.items():
                value = getattr(module, name)
                value.data.copy_(torch.rand(value.shape, generator=stream) + low)
            module.get_buffer("running_var").uniform_(0.2, 2, generator=stream)
    pictures = torch.randn(2, 3, 64, 96, generator=stream)
    with torch.inference_mode():
        expected = network(pictures)
        fold_batch_norm(network)
        folded = network(pictures)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    for ours, theirs in zip(folded, expected, strict=True):
        # float32 carries 1e-7; some twenty layers of it
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5 * float(theirs.abs().max()))


def test_folding_again_changes_nothing() -> None:
    network = tiny_network().eval()
    fold_batch_norm(network)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    fold_batch_norm(network)
    after = network.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
