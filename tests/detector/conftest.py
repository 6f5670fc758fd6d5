"""The oracle's networks, built once a session: each takes about a second."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from torch import Tensor

from detector.fold import fold_batch_norm
from detector.network import PointNetwork, bare
from detector.recipe import RECIPES
from tests.detector import oracle


@pytest.fixture(scope="session")
def oracle_state() -> Mapping[str, Tensor]:
    """Not to be written to."""
    return oracle.state_dict()


@pytest.fixture(scope="session")
def oracle_network(oracle_state: Mapping[str, Tensor]) -> PointNetwork:
    """As published: batch normalisation apart, evaluation mode."""
    return _network(oracle_state)


@pytest.fixture(scope="session")
def folded_network(oracle_state: Mapping[str, Tensor]) -> PointNetwork:
    """Folded; several detectors on the CPU may share it, in float32."""
    network = _network(oracle_state)
    fold_batch_norm(network)
    return network


def _network(state: Mapping[str, Tensor]) -> PointNetwork:
    recipe = RECIPES["hardnet85"]
    network = bare(recipe.network, len(recipe.class_names))
    network.load_state_dict(state, assign=True)
    return network.eval()
