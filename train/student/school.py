"""One student who learns from batches, and its running mean."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from detector.coco import COCO_CLASSES
from detector.fchardnet import FCHARDNET70, FCHarDNet
from detector.network import untrained
from detector.recipe import RECIPES
from train.distributed import World
from train.ema import Average
from train.schedule import ScheduleConfig, learning_rate
from train.start import start_from
from train.starter.loss import box_loss, heat_loss
from train.student.batch import Batch
from train.student.config import StudentConfig
from train.student.sight import regressor, sight_loss

NAME = "fchardnet70"
RECIPE = RECIPES[NAME]
_AVERAGE_RAMP = 300  # steps
_FINAL = 0.02  # share of the rate that the cosine ends with


class School:
    """Teaches step by step.

    Args:
        config: of the training.
        sights: channels of the teacher's maps that are to be seen.
        world: of processes that learn together.
    """

    def __init__(self, config: StudentConfig, world: World, *, sights: int) -> None:
        self._config, self._world = config, world
        device = torch.device(config.device)
        student = untrained(_network, len(COCO_CLASSES), seed=config.seed)
        if config.start is not None:
            start_from(student, config.start, is_body=False)
        stream = torch.Generator().manual_seed(config.seed)
        self.eye = regressor(student.hm.in_channels, sights, stream).to(device)
        self.student = student.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in the stub
        self.average = Average(self.student, config.average, ramp=_AVERAGE_RAMP)
        self._learners = [*self.student.parameters(), *self.eye.parameters()]
        self.optimizer = torch.optim.AdamW(
            _decayed(self._learners, config.weight_decay), config.lr, foreach=True
        )
        self._features: Callable[[Tensor], Tensor] = self.student.features
        if config.compiles:
            self._features = torch.compile(self.student.features)
        self._schedule = ScheduleConfig(
            epochs=1, decay="cosine", final=_FINAL, warmup=config.warmup, warmup_lr=0
        )
        self.step = 0

    def learn(self, batch: Batch) -> Tensor:
        """One step; gives back the losses of heat, boxes and sight, (3,)."""
        config, lesson = self._config, batch.lesson
        pictures = lesson.pictures
        is_bf16 = config.precision == "bf16"
        with torch.autocast(pictures.device.type, torch.bfloat16, enabled=is_bf16):
            features = self._features(pictures)
            told = self.eye(features)
            heads = self.student.heads(features)
        heat, box = heat_loss(heads, lesson), box_loss(heads, lesson)
        sight = sight_loss(told, batch.sight, batch.is_on_picture)
        self.optimizer.zero_grad()
        (heat + box + config.sight * sight).backward()  # type: ignore[no-untyped-call]  # torch's
        self._share_gradients()
        nn.utils.clip_grad_norm_(self._learners, config.clip_norm)
        rate = learning_rate(self._schedule, config.lr, self.step, config.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.average.follow(self.student)
        self.step += 1
        return torch.stack([heat, box, sight]).detach()

    def _share_gradients(self) -> None:
        """Every process's gradients become the mean over all."""
        if self._world.size == 1:
            return
        given = [each.grad for each in self._learners if each.grad is not None]
        flat = torch.cat([each.reshape(-1) for each in given])
        self._world.add(flat)
        flat /= self._world.size
        parts = torch.split(flat, [each.numel() for each in given])
        for own, part in zip(given, parts, strict=True):
            own.copy_(part.view_as(own))


def _network(classes: int) -> FCHarDNet:
    return FCHarDNet(FCHARDNET70, classes)


def _decayed(parameters: list[nn.Parameter], decay: float) -> list[dict[str, object]]:
    """Convolutions decay; norms and biases do not."""
    return [
        {"params": [each for each in parameters if each.ndim > 1], "weight_decay": decay},
        {"params": [each for each in parameters if each.ndim <= 1], "weight_decay": 0.0},
    ]
