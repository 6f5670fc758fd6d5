"""Half precision beside float32 on frames with objects on them: what of it reaches a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.backends import cudnn

from detector.agreement import heads_error
from detector.cuda_executor import CudaOptions, prepare_network
from detector.device import Compute
from detector.fold import fold_batch_norm
from detector.geometry import Stretch
from detector.network import Heads, PointNetwork
from detector.padding import picture_channels
from detector.peaks import decode, plain_maps
from detector.recipe import Recipe
from streamer.sources.synthetic import SyntheticConfig, SyntheticSource

_SCORE = 0.3
_MATCH_IOU = 0.5


def pictures_of(folder: Path | None, count: int) -> list[NDArray[np.uint8]]:
    """The pictures of a folder, or frames of the drawn street where there is none; BGR."""
    if folder is not None:
        paths = sorted(path for path in folder.iterdir() if path.suffix in (".jpg", ".png"))
        read = (cv2.imread(str(path), cv2.IMREAD_COLOR) for path in paths[:count])
        return [np.asarray(pixels, np.uint8) for pixels in read if pixels is not None]
    config = SyntheticConfig(width=768, height=432, frames=25 * count)
    with SyntheticSource(config) as source:
        return [frame.bgr() for frame in islice(source, 0, None, 25)]


def measure(
    make: Callable[[], PointNetwork],
    recipe: Recipe,
    place: torch.device,
    pictures: Sequence[NDArray[np.uint8]],
) -> dict[str, dict[str, float]]:
    """How far each precision on `place` is from float32 on the CPU.

    Args:
        make: the network with its weights, on the CPU, the same at every call.
        recipe: what it needs.
        place: where.
        pictures: BGR, of any sizes.
    """
    side = int(recipe.imgsz.partition("x")[0])
    lookup = recipe.normalisation()
    inputs = np.stack([_input(pixels, side, lookup) for pixels in pictures])
    expected = _heads(make(), torch.device("cpu"), torch.float32, inputs)
    found: dict[str, dict[str, float]] = {}
    for name, dtype in (
        ("fp32", torch.float32),
        ("fp16", torch.float16),
        ("bf16", torch.bfloat16),
    ):
        if dtype is torch.float16 and place.type == "cpu":
            continue  # slow and pointless there
        heads = _heads(make(), place, dtype, inputs)
        found[name] = {
            "heads_error": heads_error(heads, expected),
            "largest_difference": max(
                float((ours - theirs).abs().max())
                for ours, theirs in zip(heads, expected, strict=True)
            ),
            **_boxes(heads, expected, 4.0),
        }
    return found


def _input(
    pixels: NDArray[np.uint8], side: int, lookup: NDArray[np.float32]
) -> NDArray[np.float32]:
    place = Stretch(side, side).place(pixels.shape[1], pixels.shape[0])
    return np.asarray(cv2.LUT(place.warp(pixels), lookup), np.float32)


def _heads(
    network: PointNetwork, place: torch.device, dtype: torch.dtype, inputs: NDArray[np.float32]
) -> Heads:
    """On the CPU; computed picture by picture, to need little memory."""
    fold_batch_norm(network.eval())
    if place.type == "cuda":
        prepare_network(network, Compute(place, dtype), CudaOptions())
    else:
        network.to(dtype)
    parts = []
    with torch.inference_mode(), cudnn.flags(enabled=True, allow_tf32=False):
        for each in inputs:
            x = torch.zeros(1, picture_channels(network), *each.shape[:2])
            x[:, :3] = torch.from_numpy(each).permute(2, 0, 1)
            x = x.to(place, dtype, memory_format=torch.channels_last)
            parts.append(network(x))
    return Heads(*(torch.cat([part[k].cpu() for part in parts]) for k in range(3)))


def _boxes(found: Heads, expected: Heads, stride: float) -> dict[str, float]:
    """Boxes above the score, matched by class and overlap, best first."""
    ours = _rows(found)
    theirs = _rows(expected)
    matched, missed, added = 0, 0, 0
    box_px, score = [0.0], [0.0]
    for mine, other in zip(ours, theirs, strict=True):
        overlap = _iou(mine, other) * (mine[:, None, 5] == other[None, :, 5])
        taken: set[int] = set()
        for row in range(len(mine)):
            rivals = [k for k in np.argsort(-overlap[row]) if k not in taken]
            best = int(rivals[0]) if rivals and overlap[row, rivals[0]] > _MATCH_IOU else None
            if best is None:
                added += 1
                continue
            taken.add(best)
            matched += 1
            box_px.append(float(np.abs(mine[row, :4] - other[best, :4]).max()) * stride)
            score.append(float(abs(mine[row, 4] - other[best, 4])))
        missed += len(other) - len(taken)
    return {
        "matched": matched,
        "missed": missed,
        "added": added,
        "largest_box_difference_px": max(box_px),
        "largest_score_difference": max(score),
    }


def _rows(heads: Heads) -> list[NDArray[np.float32]]:
    copied = Heads(*(head.clone() for head in heads))
    rows = decode(plain_maps(copied), top_k=100).numpy()
    return [each[each[:, 4] >= _SCORE] for each in rows]


def _iou(ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, M) of boxes in the first four columns."""
    low = np.maximum(ours[:, None, :2], theirs[None, :, :2])
    high = np.minimum(ours[:, None, 2:4], theirs[None, :, 2:4])
    shared = np.clip(high - low, 0, None).prod(2)
    sizes = [np.clip(rows[:, 2:4] - rows[:, :2], 0, None).prod(1) for rows in (ours, theirs)]
    overlap: NDArray[np.float32] = shared / np.maximum(sizes[0][:, None] + sizes[1] - shared, 1e-9)
    return overlap
