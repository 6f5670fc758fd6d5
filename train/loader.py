"""Batches from worker processes, the same whatever their number, and how long they kept us.

What a sample looks like follows from the seed, the epoch and its index alone, so that neither the
number of workers nor a resume changes it. PyTorch's DataLoader moves the batches.
"""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, NamedTuple, Protocol, TypeVar

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from streamer.clock import Clock, MonotonicClock
from train.data.config import Broken
from train.errors import SampleError, TrainError
from train.order import Order, Place
from train.sample import Sample, Samples

Item = TypeVar("Item")
Batch = TypeVar("Batch")
ItemIn = TypeVar("ItemIn")
BatchOut = TypeVar("BatchOut", covariant=True)

PREFETCHED = 2  # batches a worker keeps ready; each holds some file handles of ours
_SAYS_WHO = hasattr(signal, "sigwaitinfo")  # sent a signal; macOS and Windows do not
MOST_TRIES = 16  # broken pictures in a row for one place: then the data set is what is broken


class Look(Protocol):
    """Turns a sample of a data set into one of the network's size: Augment or Stretched."""

    def __call__(self, index: int, samples: Samples, rng: np.random.Generator) -> Sample:
        """The sample at `index`, by the chances of `rng`."""
        ...


class Encode(Protocol[ItemIn, BatchOut]):
    """Adds targets to a sample, and makes batches of the result; runs in the workers."""

    def __call__(self, sample: Sample) -> ItemIn:
        """Of one sample."""
        ...

    def collate(self, items: Sequence[ItemIn]) -> BatchOut:
        """Of several."""
        ...


class WaitMeter:
    """How long the training waited for data.

    Args:
        clock: that measures.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waited_ns, self._total_ns = 0, 0

    @property
    def share(self) -> float:
        """Waiting's share of all time, 0..1."""
        return self._waited_ns / self._total_ns if self._total_ns else 0.0

    def reset(self) -> None:
        """Begin at nothing."""
        self._waited_ns, self._total_ns = 0, 0

    def measured(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """The same batches; the time to get each is waiting, the time between is not."""
        before_ns = self._clock.now_ns()
        try:
            while True:
                asked_ns = self._clock.now_ns()
                batch = next(batches, None)
                had_ns = self._clock.now_ns()
                self._waited_ns += had_ns - asked_ns
                self._total_ns += had_ns - before_ns
                before_ns = had_ns
                if batch is None:
                    return
                yield batch
        finally:
            self._total_ns += self._clock.now_ns() - before_ns


class _Made(NamedTuple, Generic[Item]):
    """A sample's item, or None with the failure that ends it all; and what was left out."""

    item: Item | None
    failure: str
    skipped: tuple[str, ...]


class _Packed(NamedTuple, Generic[Batch]):
    """The same for a batch."""

    batch: Batch | None
    failure: str
    skipped: tuple[str, ...]


class _Workshop(Dataset[_Made[Item]], Generic[Item, Batch]):
    """What the workers do: place -> item, items -> batch."""

    def __init__(
        self,
        samples: Samples,
        look: Look,
        encoder: Encode[Item, Batch],
        seed: int,
        broken: Broken,
        *,
        is_replacing: bool,
    ) -> None:
        self._samples = samples
        self._look = look
        self._encoder = encoder
        self._seed = seed
        self._broken = broken
        self._tries = MOST_TRIES if broken == "skip" and is_replacing else 1

    def __getitem__(self, place: Place) -> _Made[Item]:
        """The item of a place; where it is broken and may be skipped, another's or none."""
        rng = np.random.default_rng([self._seed, place.epoch, place.sample])
        index, failure = place.sample, ""
        skipped: list[str] = []
        for _ in range(self._tries):
            try:
                sample = self._look(index, self._samples, rng)
            except SampleError as error:
                failure = str(error)
                skipped.append(failure)
                index = int(rng.integers(len(self._samples)))
            else:
                return _Made(self._encoder(sample), "", tuple(skipped))
        if self._broken == "skip" and self._tries == 1:
            return _Made(None, "", tuple(skipped))
        # A value: raised here, it would reach the trainer with a worker's traceback in its text.
        return _Made(None, failure, ())

    def collate(self, made: Sequence[_Made[Item]]) -> _Packed[Batch]:
        """One batch, the first failure in it, or neither where all of it was left out."""
        skipped = tuple(text for each in made for text in each.skipped)
        failure = next((each.failure for each in made if each.failure), "")
        items = [each.item for each in made if each.item is not None]
        if failure or not items:
            return _Packed(None, failure, skipped)
        return _Packed(self._encoder.collate(items), "", skipped)


class _Batches:
    """The batch sampler: an order, and where in it the next iteration begins."""

    def __init__(self, order: Order, epoch: int, first: int) -> None:
        self.order = order
        self.epoch = epoch
        self.first = first

    def __len__(self) -> int:
        return max(0, len(self.order) - self.first)

    def __iter__(self) -> Iterator[list[Place]]:
        return self.order.batches(self.epoch, self.first)


class Loader(Generic[Item, Batch]):
    """Gives the batches of one epoch an iteration; `make_loader` builds it.

    Attributes:
        wait: how long whoever iterates waited.
        skipped: what was wrong with each picture that was left out so far.
    """

    def __init__(
        self,
        workshop: _Workshop[Item, Batch],
        batches: _Batches,
        *,
        workers: int,
        is_pinned: bool,
        clock: Clock,
    ) -> None:
        self.wait = WaitMeter(clock)
        self.skipped: list[str] = []
        self._batches = batches
        with _quiet_about_workers():
            self._loader: DataLoader[_Made[Item]] = DataLoader(
                workshop,
                batch_sampler=batches,
                num_workers=workers,
                collate_fn=workshop.collate,
                pin_memory=is_pinned and torch.cuda.is_available(),
                worker_init_fn=_start_worker,
                persistent_workers=workers > 0,
                prefetch_factor=PREFETCHED if workers else None,
                generator=torch.Generator().manual_seed(
                    batches.order.seed
                ),  # not the training's own
            )

    def __len__(self) -> int:
        """Batches of the next iteration."""
        return len(self._batches)

    def start(self, epoch: int, first_batch: int = 0) -> None:
        """Have the next iteration give `epoch` from batch `first_batch` on; workers stay."""
        self._batches.epoch, self._batches.first = epoch, first_batch

    def __iter__(self) -> Iterator[Batch]:
        """The batches of the epoch that was started.

        Raises:
            SampleError: a picture is broken, and such are not skipped, or too many are.
            TrainError: a worker process died.
        """
        return self.wait.measured(self._unpacked())

    def _unpacked(self) -> Iterator[Batch]:
        with _quiet_about_workers(), _without_sigterm():
            packed: Iterator[_Packed[Batch]] = iter(self._loader)
        while True:
            with told_of_dead_workers():
                each = next(packed, None)
            if each is None:
                return
            self.skipped.extend(each.skipped)
            if each.failure:
                raise SampleError(each.failure)
            if each.batch is not None:
                yield each.batch


def make_loader(
    samples: Samples,
    augment: Look,
    encoder: Encode[Item, Batch],
    *,
    batch: int,
    workers: int,
    seed: int,
    epoch: int = 0,
    first_batch: int = 0,
    rank: int = 0,
    world: int = 1,
    broken: Broken = "error",
    is_shuffled: bool = True,
    is_dropping_last: bool = True,
    is_pinned: bool = False,
    clock: Clock | None = None,
) -> Loader[Item, Batch]:
    """A loader of batches for training, or, unshuffled and with nothing dropped, for validation.

    Args:
        samples: the data set.
        augment: what is done to each sample; picklable, as the encoder.
        encoder: adds targets and makes batches.
        batch: samples a batch, of this process.
        workers: processes beside this one; 0 works in this one.
        seed: of the order and of every chance in `augment`.
        epoch: that the first iteration gives.
        first_batch: of it, for resuming inside an epoch.
        rank: of this process among those that train together.
        world: how many those are.
        broken: raise at a broken picture, or leave it out and count. With `is_shuffled` another
            one takes its place, so that batches stay full; else its batch is smaller, so that
            validation sees none twice.
        is_shuffled: another order every epoch.
        is_dropping_last: leave out a last batch that is not full.
        is_pinned: put batches into memory from which a device copies while computing.
        clock: of the wait meter; the machine's where None.

    Raises:
        ValueError: the batch is larger than the data set, or a number is out of range.
    """
    order = Order(len(samples), batch, seed, rank, world, is_shuffled, is_dropping_last)
    workshop = _Workshop(samples, augment, encoder, seed, broken, is_replacing=is_shuffled)
    batches = _Batches(order, epoch, first_batch)
    return Loader(
        workshop,
        batches,
        workers=workers,
        is_pinned=is_pinned,
        clock=clock or MonotonicClock(),
    )


@contextmanager
def told_of_dead_workers() -> Iterator[None]:
    """Around all that is done while there are workers: torch says of one's death anywhere.

    Raises:
        TrainError: a worker process died.
    """
    try:
        yield
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise TrainError(
            f"a data worker died: {str(error).splitlines()[0].strip()}; if memory ran out, fewer "
            "workers need less"
        ) from error


@contextmanager
def _quiet_about_workers() -> Iterator[None]:
    """Whoever asks for more workers than there are cores has a reason."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This DataLoader will create", UserWarning)
        yield


@contextmanager
def _without_sigterm() -> Iterator[None]:
    """Hold SIGTERM up; workers that start meanwhile do so for good, in every thread of theirs."""
    if not _SAYS_WHO:
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with(trainer: int) -> None:
    """End the process when the trainer, by its process id, says so, and nobody else.

    Who ends a service or a job sends SIGTERM to every process; the trainer needs its workers until
    it has written a checkpoint.
    """
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != trainer:
        pass
    os._exit(0)


def _start_worker(_: int) -> None:
    """In each worker: one core a worker, and signals are for the trainer to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if _SAYS_WHO:
        # A daemon, for a worker's end must not wait for a signal that may never come.
        waiting = threading.Thread(target=_end_with, args=(os.getppid(),), name="end", daemon=True)
        waiting.start()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
