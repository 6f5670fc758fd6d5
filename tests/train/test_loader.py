"""Batches: the same for every number of workers, every index once, resumable, sharded."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from streamer.clock import ManualClock
from tests.train.data_sets import MemorySamples
from train.augment.chain import Augment, Stretched
from train.augment.config import AugmentConfig, MosaicConfig
from train.errors import SampleError, TrainError
from train.loader import Loader, WaitMeter, make_loader
from train.order import Order
from train.sample import Sample, Samples

MIXED = AugmentConfig(mosaic=MosaicConfig(probability=0.5))


class _Item(NamedTuple):
    sample: Sample


class _Batch(NamedTuple):
    pictures: Tensor  # (B, H, W, 3) uint8
    image_ids: tuple[int, ...]


class _Encoder:
    """Pictures as they are."""

    def __call__(self, sample: Sample) -> _Item:
        return _Item(sample)

    def collate(self, items: Sequence[_Item]) -> _Batch:
        pictures = torch.from_numpy(np.stack([item.sample.picture for item in items]))
        return _Batch(pictures, tuple(item.sample.image_id for item in items))


def _loader(
    count: int = 10, *, faults: frozenset[int] = frozenset(), **settings: object
) -> Loader[_Item, _Batch]:
    given_settings = {"batch": 3, "workers": 0, "seed": 1, **settings}
    augment = Augment(MIXED, width=32, height=32)
    return make_loader(
        MemorySamples(count, faults),
        augment,
        _Encoder(),
        **given_settings,  # type: ignore[arg-type]  # any of the keywords
    )


def _ids(batches: Iterator[_Batch] | Loader[_Item, _Batch]) -> list[int]:
    return list(chain.from_iterable(batch.image_ids for batch in batches))


def _same(ones: list[_Batch], others: list[_Batch]) -> bool:
    return [one.image_ids for one in ones] == [other.image_ids for other in others] and all(
        torch.equal(one.pictures, other.pictures) for one, other in zip(ones, others, strict=True)
    )


def test_any_number_of_workers_gives_the_same_batches() -> None:
    alone = list(_loader(workers=0))
    assert _same(alone, list(_loader(workers=1)))
    assert _same(alone, list(_loader(workers=3)))


def test_two_epochs_differ_and_an_epoch_can_be_had_again() -> None:
    loader = _loader(workers=2)
    first = list(loader)
    loader.start(1)
    second = list(loader)
    loader.start(0)
    again = list(loader)
    assert _same(first, again)
    assert [batch.image_ids for batch in first] != [batch.image_ids for batch in second]


def test_the_same_picture_looks_different_in_the_next_epoch() -> None:
    one, two = (list(_loader(batch=1, epoch=epoch, is_shuffled=False)) for epoch in (0, 1))
    assert sum(torch.equal(a.pictures, b.pictures) for a, b in zip(one, two, strict=True)) < 3


def test_another_seed_gives_other_batches() -> None:
    assert not _same(list(_loader(seed=1)), list(_loader(seed=2)))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_resume_inside_an_epoch_gives_the_batches_that_were_left(workers: int) -> None:
    whole = list(_loader(20, epoch=4))
    resumed = _loader(20, epoch=4, first_batch=2, workers=workers)
    assert len(resumed) == len(whole) - 2
    assert _same(whole[2:], list(resumed))


def test_abandoning_an_epoch_leaves_nothing_of_it_for_the_next() -> None:
    loader = _loader(40, workers=2)
    next(iter(loader))
    loader.start(1)
    assert _same(list(loader), list(_loader(40, epoch=1)))


def test_two_processes_see_what_one_with_twice_the_batch_sees() -> None:
    whole = list(_loader(26, batch=6))
    parts = [list(_loader(26, batch=3, rank=rank, world=2)) for rank in range(2)]
    for both, left, right in zip(whole, *parts, strict=True):
        assert both.image_ids == left.image_ids + right.image_ids
        assert torch.equal(both.pictures, torch.cat([left.pictures, right.pictures]))


def test_validation_gives_every_picture_once_in_order() -> None:
    loader = make_loader(
        MemorySamples(10),
        Stretched(width=32, height=32),
        _Encoder(),
        batch=4,
        workers=0,
        seed=0,
        is_shuffled=False,
        is_dropping_last=False,
    )
    assert len(loader) == 3
    assert _ids(loader) == list(range(10))


@given(
    count=st.integers(0, 60),
    batch=st.integers(1, 7),
    world=st.integers(1, 4),
    seed=st.integers(0, 9),
)
def test_all_processes_together_see_every_index_once(
    count: int, batch: int, world: int, seed: int
) -> None:
    orders = [
        Order(count, batch, seed, rank, world, is_dropping_last=False) for rank in range(world)
    ]
    dealt = [list(order.batches(epoch=2)) for order in orders]
    assert [len(batches) for batches in dealt] == [len(order) for order in orders]
    assert all(each for batches in dealt for each in batches)  # no batch is empty
    seen = [place.sample for batches in dealt for each in batches for place in each]
    assert sorted(seen) == list(range(count))


def test_a_batch_larger_than_the_data_set_is_refused() -> None:
    with pytest.raises(ValueError, match="10 pictures do not fill one batch of 6 x 2 processes"):
        _loader(10, batch=6, world=2)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_broken_picture_stops_with_its_name_in_one_line(workers: int) -> None:
    loader = _loader(faults=frozenset({4}), workers=workers)
    with pytest.raises(SampleError, match=r"^picture '4\.png': cut off after 12 bytes$"):
        list(loader)


def test_broken_pictures_are_replaced_and_counted_where_they_may_be() -> None:
    alone, by_workers = (
        make_loader(
            MemorySamples(10, frozenset({4, 6})),
            Stretched(width=32, height=32),
            _Encoder(),
            batch=5,
            workers=workers,
            seed=1,
            broken="skip",
        )
        for workers in (0, 2)
    )
    batches = list(alone)
    assert [len(batch.image_ids) for batch in batches] == [5, 5]
    assert not {4, 6} & set(chain.from_iterable(batch.image_ids for batch in batches))
    assert len(alone.skipped) >= 2
    assert "picture '4.png': cut off after 12 bytes" in alone.skipped
    assert _same(batches, list(by_workers))
    assert by_workers.skipped == alone.skipped


def test_validation_leaves_broken_pictures_out_and_sees_none_twice() -> None:
    loader = make_loader(
        MemorySamples(10, frozenset({1, 4, 5})),
        Stretched(width=32, height=32),
        _Encoder(),
        batch=2,
        workers=0,
        seed=1,
        broken="skip",
        is_shuffled=False,
        is_dropping_last=False,
    )
    assert [batch.image_ids for batch in loader] == [(0,), (2, 3), (6, 7), (8, 9)]
    assert len(loader.skipped) == 3


def test_a_data_set_of_broken_pictures_alone_stops_even_where_they_may_be_skipped() -> None:
    augment = Augment(MIXED, width=32, height=32)
    samples = MemorySamples(4, frozenset(range(4)))
    loader = make_loader(samples, augment, _Encoder(), batch=2, workers=0, seed=1, broken="skip")
    with pytest.raises(SampleError, match="cut off"):
        list(loader)


class _Killed:
    """A look at picture 4 that the operating system ends, as for lack of memory."""

    def __call__(self, index: int, samples: Samples, rng: np.random.Generator) -> Sample:
        if index == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return samples.read(index)


@pytest.mark.slow  # PyTorch waits 5 s for the dead when it tidies up
def test_a_worker_that_dies_ends_the_epoch_with_one_line() -> None:
    loader = make_loader(MemorySamples(10), _Killed(), _Encoder(), batch=2, workers=2, seed=1)
    with pytest.raises(TrainError, match=r"^a data worker died: .*$") as failure:
        list(loader)
    assert "\n" not in str(failure.value)


def test_the_trainings_own_chances_are_left_alone() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    list(_loader())
    assert torch.equal(torch.get_rng_state(), before)


def test_the_wait_meter_counts_only_the_time_until_a_batch_is_there() -> None:
    clock = ManualClock()

    def slow() -> Iterator[str]:
        for name in "ab":
            clock.advance(300_000_000)
            yield name

    meter = WaitMeter(clock)
    for _ in meter.measured(slow()):
        clock.advance(700_000_000)
    assert meter.share == 0.3  # 2 * 0.3 of 2 * (0.3 + 0.7)
