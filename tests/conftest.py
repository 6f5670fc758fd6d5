"""What every test shares: the rule for tests that need a GPU, and hypothesis' manners."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

# Deadlines measure the machine, not the code; a printed blob reproduces a failure elsewhere.
settings.register_profile("ours", deadline=None, print_blob=True)
settings.load_profile("ours")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is prepared or fetched once goes neither into nor out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip `gpu` tests where there is none; REQUIRE_GPU=1 makes that a failure."""
    if item.get_closest_marker("gpu") is None or _has_cuda():
        return
    if os.environ.get("REQUIRE_GPU") == "1":
        pytest.fail("REQUIRE_GPU=1, but torch finds no CUDA device", pytrace=False)
    pytest.skip("needs CUDA")


def _has_cuda() -> bool:
    import torch  # here, because most tests do without torch

    return torch.cuda.is_available()
