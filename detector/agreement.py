"""Whether another program computes what torch does."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from detector.network import Heads, PointNetwork

BOX_TOLERANCE_PX = 0.05
SCORE_TOLERANCE = 1e-3


def heads_error(found: Heads, expected: Heads) -> float:
    """The root mean square of what differs over that of what was expected; the worst head's."""
    errors = []
    for ours, theirs in zip(found, expected, strict=True):
        difference = (ours.double() - theirs.double()).square().mean().sqrt()
        errors.append(float(difference / theirs.double().square().mean().sqrt().clamp_min(1e-12)))
    return float(np.max(errors))  # which, unlike max, lets no NaN pass


def typical_error(found: Heads, expected: Heads) -> float:
    """The median of what differs, over the root mean square of what was expected; the worst head's.

    For precisions in which a network that chooses between maps chooses otherwise here and there.
    """
    errors = []
    for ours, theirs in zip(found, expected, strict=True):
        difference = (ours.double() - theirs.double()).abs()
        scale = theirs.double().square().mean().sqrt().clamp_min(1e-12)
        # A NaN anywhere is NaN here, which a median may pass over.
        errors.append(float(difference.median() / scale + 0 * difference.sum()))
    return float(np.max(errors))


@torch.no_grad()
def expected_heads(network: PointNetwork, pictures: NDArray[np.float32]) -> Heads:
    """What torch says of (B, H, W, 3); `network` is float32 on the CPU."""
    heads: Heads = network(torch.from_numpy(pictures).permute(0, 3, 1, 2))
    return heads


def boxes_that_differ(found: NDArray[np.float32], expected: NDArray[np.float32]) -> int:
    """How many of one picture's rows (K, 6) lack a partner in the other list.

    Rows are matched, not compared in order, for neighbouring scores can differ by less than
    float32's rounding; those within SCORE_TOLERANCE of the cut at the end may be missing.

    Args:
        found: x1, y1, x2, y2 in px, score, class.
        expected: likewise.
    """
    scale = np.array([BOX_TOLERANCE_PX] * 4 + [SCORE_TOLERANCE, 0.5])
    is_match = (np.abs(found[:, None] - expected[None]) <= scale).all(2)  # (K, K)
    found_sure = found[:, 4] > found[-1, 4] + SCORE_TOLERANCE
    expected_sure = expected[:, 4] > expected[-1, 4] + SCORE_TOLERANCE
    return int((~is_match.any(1))[found_sure].sum() + (~is_match.any(0))[expected_sure].sum())
