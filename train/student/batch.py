"""What a step learns from: views of stored pictures, and what others say of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from detector.coco import COCO_CLASSES
from detector.recipe import Recipe
from train.starter.balance import shares
from train.starter.lesson import Lesson
from train.student.config import StudentConfig
from train.student.store import Store
from train.student.targets import Found, lesson_of
from train.student.views import Draw, see, see_boxes, see_maps


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Everything of one step.

    Attributes:
        lesson: the pictures, and the heads that the teachers would have liked.
        sight: (B, levels * C, h, w) float32: the teacher's maps.
        is_on_picture: (B, 1, h, w) bool: cells that have anything to see.
    """

    lesson: Lesson
    sight: Tensor
    is_on_picture: Tensor


class Batches:
    """Batches by number, the same for the same seed, number and process.

    Args:
        config: of the training.
        store: at least one picture.
        recipe: of the student.
        stride: of the student, input px a cell.
    """

    def __init__(self, config: StudentConfig, store: Store, recipe: Recipe, *, stride: int) -> None:
        self._config, self._store, self._stride = config, store, stride
        self._device = torch.device(config.device)
        self._shares = shares(store.labels(), classes=len(COCO_CLASSES), common=config.common)
        self._mean = torch.tensor(recipe.mean, device=self._device)[:, None, None]
        self._deviation = torch.tensor(recipe.std, device=self._device)[:, None, None]
        # Once on a GPU, everything stays there; a CPU reads what it needs out of the files.
        self._held: list[Tensor] = []
        if self._device.type != "cpu":
            everything = (store.pictures, *store.maps)
            self._held = [torch.from_numpy(np.array(each)).to(self._device) for each in everything]

    def at(self, step: int, *, rank: int = 0) -> Batch:
        """Of the step with this number, for the process `rank`."""
        config = self._config
        rng = np.random.default_rng((config.seed, step))
        side = int(rng.choice(config.sides))  # every process's, for none should wait for another
        rng = np.random.default_rng((config.seed, step, rank))
        chosen = np.sort(rng.choice(len(self._store), config.batch, p=self._shares))
        draw = Draw.of(len(chosen), side, rng, config.view)
        pictures, *maps = self._rows(chosen)
        lesson = self._lesson(see(pictures, draw, side), chosen, draw, side)
        return Batch(lesson, *see_maps(maps, draw, side, self._stride))

    def _lesson(self, views: Tensor, chosen: NDArray[np.intp], draw: Draw, side: int) -> Lesson:
        store, device = self._store, self._device
        rows = [np.arange(store.first[one], store.first[one + 1]) for one in chosen]
        picture = np.repeat(np.arange(len(chosen)), [len(each) for each in rows])
        row = np.concatenate(rows)
        xyxy, is_seen = see_boxes(store.xyxy[row], picture, draw, side)
        kept = is_seen & (store.score[row] >= self._config.least_score)
        found = Found(
            torch.from_numpy(picture[kept]).to(device),
            torch.from_numpy(xyxy[kept]).to(device) / self._stride,
            torch.from_numpy(store.score[row[kept]]).to(device),
            torch.from_numpy(store.class_id[row[kept]].astype(np.int64)).to(device),
        )
        normal = (views - self._mean) / self._deviation
        normal = normal.contiguous(memory_format=torch.channels_last)
        return lesson_of(normal, found, classes=len(COCO_CLASSES), stride=self._stride)

    def _rows(self, chosen: NDArray[np.intp]) -> list[Tensor]:
        """Of pictures and maps, on the device."""
        if self._held:
            at = torch.from_numpy(chosen).to(self._device)
            return [each[at] for each in self._held]
        everything = (self._store.pictures, *self._store.maps)
        return [torch.from_numpy(each[chosen]) for each in everything]
