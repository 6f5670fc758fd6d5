"""One student, its running mean and the pictures it learns from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from detector.coco import COCO_CLASSES
from detector.fchardnet import FCHARDNET70, FCHarDNet
from detector.network import untrained
from detector.recipe import RECIPES
from train.distributed import World
from train.ema import Average
from train.schedule import ScheduleConfig, learning_rate
from train.start import start_from
from train.starter.balance import shares
from train.starter.lesson import Lesson
from train.starter.loss import box_loss, heat_loss
from train.student.config import StudentConfig
from train.student.sight import regressor, sight_loss
from train.student.store import Store
from train.student.targets import Found, lesson_of
from train.student.views import Draw, see, see_boxes, see_maps

NAME = "fchardnet70"
RECIPE = RECIPES[NAME]
_AVERAGE_RAMP = 300  # steps
_FINAL = 0.02  # share of the rate that the cosine ends with


class School:
    """Teaches step by step; what a step sees depends on the seed and its number alone.

    Args:
        config: of the training.
        store: at least one picture.
        world: of processes that learn together.
    """

    def __init__(self, config: StudentConfig, store: Store, world: World) -> None:
        self._config, self._store, self._world = config, store, world
        self._device = torch.device(config.device)
        self._shares = shares(store.labels(), classes=len(COCO_CLASSES), common=config.common)
        student = untrained(_network, len(COCO_CLASSES), seed=config.seed)
        if config.start is not None:
            start_from(student, config.start, is_body=False)
        stream = torch.Generator().manual_seed(config.seed)
        levels = len(store.maps) * store.maps[0].shape[1]
        eye = regressor(student.hm.in_channels, levels, stream)
        self.student = student.to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in the stub
        self.eye = eye.to(self._device)
        self.average = Average(self.student, config.average, ramp=_AVERAGE_RAMP)
        self._learners = [*self.student.parameters(), *self.eye.parameters()]
        self.optimizer = torch.optim.AdamW(
            _decayed(self._learners, config.weight_decay), config.lr, foreach=True
        )
        self._features: Callable[[Tensor], Tensor] = self.student.features
        if config.compiles:
            self._features = torch.compile(self.student.features)
        mean = torch.tensor(RECIPE.mean, device=self._device)[:, None, None]
        deviation = torch.tensor(RECIPE.std, device=self._device)[:, None, None]
        self._mean, self._deviation = mean, deviation
        self.step = 0

    def learn(self) -> tuple[float, float, float]:
        """One step; gives back the losses of heat, boxes and sight."""
        config = self._config
        rng = np.random.default_rng((config.seed, self.step, self._world.rank))
        side = config.sides[
            int(np.random.default_rng((config.seed, self.step)).integers(len(config.sides)))
        ]
        chosen = np.sort(rng.choice(len(self._store), config.batch, p=self._shares))
        draw = Draw.of(len(chosen), side, rng, config.view)
        given = self._lesson(chosen, draw, side)
        maps = [self._on_device(kept[chosen]) for kept in self._store.maps]
        seen, is_on_picture = see_maps(maps, draw, side, self.student.stride)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=config.precision == "bf16"):
            features = self._features(given.pictures)
            told = self.eye(features)
            heads = self.student.heads(features)
        heat, box = heat_loss(heads, given), box_loss(heads, given)
        sight = sight_loss(told, seen, is_on_picture)
        self.optimizer.zero_grad()
        (heat + box + config.sight * sight).backward()  # type: ignore[no-untyped-call]  # torch's
        self._share_gradients()
        torch.nn.utils.clip_grad_norm_(self._learners, config.clip_norm)
        rate = learning_rate(_schedule(config), config.lr, self.step, config.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.average.follow(self.student)
        self.step += 1
        return float(heat.detach()), float(box.detach()), float(sight.detach())

    def _lesson(self, chosen: np.ndarray, draw: Draw, side: int) -> Lesson:
        store, device = self._store, self._device
        pictures = see(self._on_device(store.pictures[chosen]), draw, side)
        normal = ((pictures - self._mean) / self._deviation).contiguous(
            memory_format=torch.channels_last
        )
        rows = [np.arange(store.first[one], store.first[one + 1]) for one in chosen]
        picture = np.repeat(np.arange(len(chosen)), [len(each) for each in rows])
        row = np.concatenate(rows)
        xyxy, is_seen = see_boxes(store.xyxy[row], picture, draw, side)
        kept = is_seen & (store.score[row] >= self._config.least_score)
        found = Found(
            torch.from_numpy(picture[kept]).to(device),
            torch.from_numpy(xyxy[kept]).to(device) / self.student.stride,
            torch.from_numpy(store.score[row[kept]]).to(device),
            torch.from_numpy(store.class_id[row[kept]].astype(np.int64)).to(device),
        )
        return lesson_of(normal, found, classes=len(COCO_CLASSES), stride=self.student.stride)

    def _on_device(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(self._device)

    def _share_gradients(self) -> None:
        """Every process's gradients become the mean over all."""
        if self._world.size == 1:
            return
        given = [each.grad for each in self._learners if each.grad is not None]
        flat = torch.cat([each.reshape(-1) for each in given])
        self._world.add(flat)
        flat /= self._world.size
        for own, part in zip(
            given, torch.split(flat, [each.numel() for each in given]), strict=True
        ):
            own.copy_(part.view_as(own))


def _network(classes: int) -> FCHarDNet:
    return FCHarDNet(FCHARDNET70, classes)


def _schedule(config: StudentConfig) -> ScheduleConfig:
    return ScheduleConfig(epochs=1, decay="cosine", final=_FINAL, warmup=config.warmup, warmup_lr=0)


def _decayed(parameters: list[torch.nn.Parameter], decay: float) -> list[dict[str, object]]:
    """Convolutions decay; norms and biases do not."""
    return [
        {"params": [each for each in parameters if each.ndim > 1], "weight_decay": decay},
        {"params": [each for each in parameters if each.ndim <= 1], "weight_decay": 0.0},
    ]
