"""The training itself: epochs of steps, a look at other pictures, checkpoints, until done."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from detector.about import About
from streamer.clock import Clock
from train.batch import Batch
from train.checkpoint import BEST, LAST, check_numbers, write_checkpoint
from train.distributed import World
from train.history import EpochRow, best_epoch
from train.keep import KeepConfig
from train.learner import Learner, Step
from train.loader import told_of_dead_workers
from train.losses import LossValues
from train.observer import Observer, StepReport
from train.schedule import ScheduleConfig, learning_rate
from train.snapshot import Position, snapshot
from train.validation import Feed, Measured, Validation

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """How a training goes, but for what is learnt with which network.

    Attributes:
        schedule: how long, and how fast when.
        keep: which checkpoints, and when to stop early.
        lr: the learning rate that the schedule shapes.
        accumulate: batches a step.
        batches: an epoch and process.
        val_every: epochs between two looks at other pictures.
        folder: for the checkpoints.
    """

    schedule: ScheduleConfig
    keep: KeepConfig
    lr: float
    accumulate: int
    batches: int
    val_every: int
    folder: Path

    @property
    def steps(self) -> int:
        """Optimizer steps an epoch; batches too few for a whole one are left out."""
        return self.batches // self.accumulate


class Training:
    """Runs a plan from a position to its end.

    Args:
        plan: how.
        learner: what learns.
        feed: of this process.
        validation: None where nothing is held against.
        about: what the weights are for.
        config: as plain data, for the checkpoints.
        world: the processes that learn together.
        clock: for speeds.
        should_stop: asked after every step and look; true writes a checkpoint and ends.
    """

    def __init__(
        self,
        plan: Plan,
        learner: Learner,
        feed: Feed,
        validation: Validation | None,
        about: About,
        config: object,
        *,
        world: World,
        clock: Clock,
        should_stop: Callable[[], bool],
    ) -> None:
        self._plan = plan
        self._learner = learner
        self._feed = feed
        self._validation = validation
        self._about = about
        self._config = config
        self._observers: Sequence[Observer] = ()
        self._world = world
        self._clock = clock
        self._should_stop = should_stop
        self._left_out = 0

    def run(self, position: Position, observers: Sequence[Observer]) -> None:
        """From `position` to the last epoch, an early stop or a wish to stop.

        Args:
            position: moves on.
            observers: told how it goes; of the first process, others have none.

        Raises:
            DivergedError: the loss is no number any more; the last checkpoint is from before.
            CheckpointError: one cannot be written.
            SampleError: a picture is broken, and such pictures are not skipped.
            TrainError: a data worker died.
        """
        self._observers = observers
        for observer in observers:
            observer.began(position.rows)
        with told_of_dead_workers():
            while not self._is_done(position):
                speed = self._learn(position)
                if speed is None or not self._close_epoch(position, speed):
                    self._write(LAST, position)
                    return

    def _is_done(self, position: Position) -> bool:
        """The last epoch is over, or nothing got better for too long."""
        if position.epoch >= self._plan.schedule.epochs:
            return True
        patience, best = self._plan.keep.patience, best_epoch(position.rows)
        has_stalled = patience > 0 and best is not None and position.epoch - best.epoch >= patience
        if has_stalled:
            logger.info("no better epoch in the last %d: stopped", patience)
        return has_stalled

    def _learn(self, position: Position) -> _Speed | None:
        """The rest of an epoch; None where a stop was wished."""
        plan = self._plan
        self._feed.start(position.epoch, position.batch)
        speed = _Speed(self._clock, position.seconds)
        groups = speed.timed(_grouped(self._feed, plan.accumulate))
        while position.batch // plan.accumulate < plan.steps:
            group = next(groups, None)
            if group is None:  # so many pictures were broken that the epoch is shorter
                break
            lr = self._rate(position.epoch * plan.steps + position.batch // plan.accumulate)
            step = self._learner.step(group, lr)
            position.batch += plan.accumulate
            position.step += 1
            if not step.was_skipped:
                position.sums = position.sums.plus(step.losses)
                position.learnt += 1
            speed.count(sum(len(batch.truths) for batch in group) * self._world.size)
            position.seconds = speed.seconds
            self._report(position, lr, step, speed)
            if self._wants_stop():
                return None
            if self._is_time_to_write(position):
                self._write(LAST, position)
        return speed

    def _rate(self, step: int) -> float:
        """The learning rate of a step, if all were of this plan.

        So that epochs decide: who goes on with another batch or number of processes has made
        another number of steps than that.
        """
        return learning_rate(self._plan.schedule, self._plan.lr, step, self._plan.steps)

    def _report(self, position: Position, lr: float, step: Step, speed: _Speed) -> None:
        if not self._observers:
            return
        report = StepReport(
            epoch=position.epoch + 1,
            step=position.batch // self._plan.accumulate,
            steps=self._plan.steps,
            total_step=position.step,
            lr=lr,
            losses=step.losses,
            gradient_norm=step.gradient_norm,
            pictures_per_second=speed.pictures_per_second,
            data_wait=speed.wait_share,
        )
        for observer in self._observers:
            observer.stepped(report)

    def _is_time_to_write(self, position: Position) -> bool:
        every = self._plan.keep.every_steps
        return every > 0 and position.step % every == 0

    def _wants_stop(self) -> bool:
        """Whether any process was asked to stop; all must then, or the others wait for ever."""
        if self._world.size == 1:
            return self._should_stop()
        asked = torch.tensor(float(self._should_stop()), device=self._learner.device)
        self._world.add(asked)
        return bool(asked)

    def _close_epoch(self, position: Position, speed: _Speed) -> bool:
        """Looks at other pictures where it is time, keeps the row and writes what is to be kept.

        Returns:
            False where a stop was wished meanwhile: then the epoch is not over yet.
        """
        plan = self._plan
        epoch = position.epoch + 1
        measured = None
        is_last = epoch == plan.schedule.epochs
        if self._validation is not None and (is_last or epoch % plan.val_every == 0):
            measured = self._validation.measure(self._learner, self._wants_pause)
            if measured is None:
                return False
        position.epoch = epoch
        position.rows.append(self._row(position, speed, measured))
        self._tell_left_out()
        position.batch, position.seconds = 0, 0.0
        position.sums, position.learnt = LossValues(), 0
        # LAST comes last: killed before it, the end of the epoch is done again, with all files.
        best = best_epoch(position.rows)
        if best is not None and best.epoch == position.epoch:
            self._write(BEST, position, is_resumable=False)
        if plan.keep.every_epochs and position.epoch % plan.keep.every_epochs == 0:
            self._write(f"epoch_{position.epoch:04d}.pth", position)
        self._write(LAST, position)
        for observer in self._observers:
            observer.finished(position.rows, measured.pictures if measured else [])
        return True

    def _wants_pause(self) -> bool:
        """As `_wants_stop` between pictures that are only looked at; several processes go on.

        They do not look at the same number of batches, so they cannot ask each other after each.
        """
        return self._world.size == 1 and self._should_stop()

    def _tell_left_out(self) -> None:
        """Counts broken pictures, each time there are more."""
        count = len(self._feed.skipped)
        if count > self._left_out:
            logger.warning(
                "%d broken pictures skipped so far, the last: %s", count, self._feed.skipped[-1]
            )
        self._left_out = count

    def _row(self, position: Position, speed: _Speed, measured: Measured | None) -> EpochRow:
        means = position.sums.over(position.learnt)
        row = EpochRow(
            epoch=position.epoch,
            steps=position.step,
            lr=self._rate(position.epoch * self._plan.steps - 1),
            loss=means.total,
            heatmap=means.heatmap,
            size=means.size,
            offset=means.offset,
            overlap=means.overlap,
            pictures_per_second=speed.pictures_per_second,
            data_wait=speed.wait_share,
            seconds=position.seconds,
            skipped=self._learner.skipped,
        )
        return row if measured is None else with_measured(row, measured)

    def _write(self, name: str, position: Position, *, is_resumable: bool = True) -> None:
        """By the first process; the others wait, so that none trains on while a disk is full.

        Raises:
            DivergedError: the weights are no numbers, and the checkpoint before is to stay.
            CheckpointError: it cannot be written.
        """
        check_numbers(self._learner.kept(), position.step)
        if self._world.is_first:
            content = snapshot(
                self._about, position, self._learner, self._config, is_resumable=is_resumable
            )
            write_checkpoint(self._plan.folder / name, content)
        self._world.wait()


def with_measured(row: EpochRow, measured: Measured) -> EpochRow:
    """The row with what a look at other pictures gave; None where that is no number."""
    found, losses = measured.precision, measured.losses
    return replace(
        row,
        val_loss=_number(losses.total),
        val_heatmap=_number(losses.heatmap),
        val_size=_number(losses.size),
        val_offset=_number(losses.offset),
        val_overlap=_number(losses.overlap),
        ap=_number(found.ap),
        ap50=_number(found.ap50),
        ap75=_number(found.ap75),
    )


def _number(value: float) -> float | None:
    """COCO's figures are NaN without a box to find, losses where weights are still wild."""
    return value if math.isfinite(value) else None


class _Speed:
    """How fast an epoch goes, and how long it waited for its pictures."""

    def __init__(self, clock: Clock, earlier_s: float) -> None:
        self._clock = clock
        self._earlier_s = earlier_s
        self._start_ns = clock.now_ns()
        self._waited_ns = 0
        self._pictures = 0

    def timed(self, groups: Iterator[list[Batch]]) -> Iterator[list[Batch]]:
        """The groups; the time until each is there counts as waited."""
        while True:
            asked_ns = self._clock.now_ns()
            group = next(groups, None)
            self._waited_ns += self._clock.now_ns() - asked_ns
            if group is None:
                return
            yield group

    def count(self, pictures: int) -> None:
        """They are learnt."""
        self._pictures += pictures

    @property
    def seconds(self) -> float:
        """Of the epoch, with what it took before it was interrupted."""
        return self._earlier_s + self._spent_s()

    @property
    def pictures_per_second(self) -> float:
        """Since it began or went on."""
        return self._pictures / self._spent_s()

    @property
    def wait_share(self) -> float:
        """In 0..1, since it began or went on."""
        return self._waited_ns / 1e9 / self._spent_s()

    def _spent_s(self) -> float:
        return max(1, self._clock.now_ns() - self._start_ns) / 1e9


def _grouped(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """`size` at a time; what is left over is not given."""
    group: list[Batch] = []
    for batch in batches:
        group.append(batch)
        if len(group) == size:
            yield group
            group = []
