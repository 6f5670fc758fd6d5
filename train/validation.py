"""How good a network is on pictures it does not learn from: losses and average precision.

Boxes are compared at the network's input. Where pictures are stretched to it, width and height by
different factors, overlaps are what they are on the pictures themselves, and so is the AP; only
COCO's borders between small and large would differ, and they are not used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from detector.detections import Detections
from detector.peaks import decode, plain_maps
from streamer.picture import BgrArray
from train.batch import Batch, Truth
from train.distributed import World
from train.draw import draw_found
from train.eval.coco_ap import ApSummary, CocoRow, average_precision, rows_of
from train.learner import Learner
from train.losses import LossConfig, LossMean, LossValues, losses, norms

TOP_K = 100  # boxes a picture, as COCO counts at most


class Feed(Protocol):
    """Gives the batches of an epoch, again and again."""

    skipped: list[str]  # what was wrong with each picture that was left out so far

    def start(self, epoch: int, first_batch: int = 0) -> None:
        """What the next iteration gives."""
        ...

    def __iter__(self) -> Iterator[Batch]: ...


class Measured(NamedTuple):
    """What `Validation.measure` found.

    Attributes:
        losses: of all pictures together.
        precision: COCO's figures, the same in all processes.
        pictures: some of them with truth and findings drawn.
    """

    losses: LossValues
    precision: ApSummary
    pictures: list[BgrArray]


class Validation:
    """Looks at all pictures of a feed, every process at its own share.

    Args:
        feed: of this process.
        class_names: of every class id.
        loss: what training minimises.
        world: the processes that look together.
        drawn: pictures to draw.
    """

    def __init__(
        self,
        feed: Feed,
        class_names: Sequence[str],
        loss: LossConfig,
        world: World,
        *,
        drawn: int,
    ) -> None:
        self._feed = feed
        self._class_names = tuple(class_names)
        self._loss = loss
        self._world = world
        self._drawn = drawn

    @torch.no_grad()
    def measure(
        self, learner: Learner, should_stop: Callable[[], bool] = lambda: False
    ) -> Measured | None:
        """Of the network that the learner would give away; blocks until all processes are done.

        Args:
            learner: has the network.
            should_stop: asked before every batch; once true there is no result.
        """
        network = learner.trained.eval()
        mean = LossMean(learner.device, self._loss)
        truths: list[Truth] = []
        rows: list[CocoRow] = []
        drawn: list[BgrArray] = []
        self._feed.start(0)
        for batch in self._feed:
            if should_stop():
                return None
            on_device = batch.to(learner.device)
            heads = learner.heads(network, on_device)
            over = norms(on_device.targets)
            mean.add(losses(heads, on_device.targets, over, self._loss), over)
            boxes = decode(plain_maps(heads), top_k=TOP_K).cpu().numpy()
            for picture, truth, each in zip(
                batch.pictures.numpy(), batch.truths, boxes, strict=True
            ):
                seen = _detections(each, network.stride)
                rows += rows_of(truth.image_id, seen, range(len(self._class_names)))
                truths.append(truth)
                if len(drawn) < self._drawn:
                    drawn.append(draw_found(picture, truth, seen, self._class_names))
        self._world.add(mean.sums)
        gathered = self._world.gather((truths, rows))
        precision = ApSummary()
        if self._world.is_first:
            precision = _precision(gathered, self._class_names)
        # All have to agree on the best epoch: they write checkpoints and stop together.
        precision = self._world.gather(precision)[0]
        return Measured(mean.values(), precision, drawn)


def _detections(rows: NDArray[np.float32], stride: int) -> Detections:
    """Of (K, 6) rows in cells."""
    return Detections(rows[:, :4] * np.float32(stride), rows[:, 4], rows[:, 5].astype(np.int32))


def _precision(
    gathered: Iterable[tuple[list[Truth], list[CocoRow]]], class_names: Sequence[str]
) -> ApSummary:
    """Of what every process saw; pictures that two processes saw count once."""
    images: dict[int, Truth] = {}
    rows: list[CocoRow] = []
    for truths, found in gathered:
        new = {truth.image_id for truth in truths} - images.keys()
        images.update({truth.image_id: truth for truth in truths if truth.image_id in new})
        rows += [row for row in found if row["image_id"] in new]
    annotations = [
        {
            "image_id": truth.image_id,
            "category_id": int(kind),
            "bbox": [float(x1), float(y1), float(x2 - x1), float(y2 - y1)],
            "iscrowd": int(crowd),
        }
        for truth in images.values()
        for (x1, y1, x2, y2), kind, crowd in zip(
            truth.boxes_xyxy, truth.class_id, truth.is_crowd, strict=True
        )
        if x2 > x1 and y2 > y1
    ]
    dataset = {
        "images": [{"id": image_id} for image_id in images],
        "annotations": [{"id": index + 1, **each} for index, each in enumerate(annotations)],
        "categories": [{"id": kind, "name": name} for kind, name in enumerate(class_names)],
    }
    return average_precision(dataset, rows)
