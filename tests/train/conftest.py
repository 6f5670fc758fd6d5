"""What tests of training share: none changes the next one's arithmetic."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    """Commands of training choose their threads; the order of sums depends on them."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
