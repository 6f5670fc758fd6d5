"""The batch sizes that a device has programs for, and how any number of pictures uses them."""

from __future__ import annotations

LARGEST = 32  # more pictures at once gain nothing (weights are read once per 8 already)


def bucket_sizes(limit: int) -> tuple[int, ...]:
    """1, 2, 4, ... up to `limit`, which is one of them whatever it is.

    >>> bucket_sizes(6)
    (1, 2, 4, 6)
    """
    powers = [1 << bit for bit in range(limit.bit_length()) if 1 << bit < limit]
    return (*powers, limit)


def bucket_for(count: int, limit: int) -> int:
    """The smallest size that `count` pictures fit in.

    Raises:
        ValueError: `count` is not in 1..`limit`.

    >>> bucket_for(5, 32)
    8
    """
    if not 1 <= count <= limit:
        raise ValueError(f"count: expected 1..{limit}, got {count}")
    return next(size for size in bucket_sizes(limit) if size >= count)
