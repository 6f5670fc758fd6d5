"""Channels keep order, account for every item, and wake whoever waits."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.channel import Channel, ChannelCounts, Overflow
from streamer.errors import ChannelClosed

WAIT_S = 10  # far above any real wait: a hang fails instead of blocking the suite


def test_items_come_out_in_the_order_they_went_in() -> None:
    channel: Channel[int] = Channel(3)
    for item in (1, 2, 3):
        channel.put(item)
    channel.close()

    assert list(channel) == [1, 2, 3]


def test_full_channel_gives_back_the_oldest_when_the_newest_wins() -> None:
    channel: Channel[int] = Channel(2, overflow=Overflow.DROP_OLDEST)

    evicted = [channel.put(item) for item in (1, 2, 3)]

    assert evicted == [None, None, 1]
    assert channel.get() == 2


def test_writer_waits_for_room_when_nothing_may_be_lost() -> None:
    channel: Channel[int] = Channel(1)
    channel.put(1)
    has_put = threading.Event()

    def write() -> None:
        channel.put(2)
        has_put.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert not has_put.is_set()
    assert channel.get() == 1
    assert has_put.wait(WAIT_S)
    writer.join()
    assert channel.get() == 2


def test_close_wakes_a_waiting_writer() -> None:
    channel: Channel[int] = Channel(1)
    channel.put(1)
    outcome: list[str] = []

    def write() -> None:
        try:
            channel.put(2)
        except ChannelClosed:
            outcome.append("closed")

    writer = threading.Thread(target=write)
    writer.start()
    channel.close()
    writer.join(WAIT_S)

    assert outcome == ["closed"]
    assert list(channel) == [1]


def test_close_wakes_a_waiting_reader() -> None:
    channel: Channel[int] = Channel(1)
    seen: list[list[int]] = []
    reader = threading.Thread(target=lambda: seen.append(list(channel)))
    reader.start()
    channel.close()
    reader.join(WAIT_S)

    assert seen == [[]]


def test_reading_an_empty_channel_ends_at_the_time_out() -> None:
    with pytest.raises(TimeoutError):
        Channel[int](1).get(timeout_s=0.001)


def test_aborted_channel_returns_what_waited_and_counts_it_as_dropped() -> None:
    channel: Channel[int] = Channel(4)
    for item in (1, 2, 3):
        channel.put(item)
    channel.get()

    assert channel.abort() == [2, 3]
    assert channel.counts == ChannelCounts(accepted=3, delivered=1, dropped=2, waiting=0)


def test_capacity_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Channel(0)


@given(
    capacity=st.integers(1, 4),
    overflow=st.sampled_from(Overflow),
    moves=st.lists(st.sampled_from(["put", "get", "abort"]), max_size=40),
)
def test_every_item_is_accounted_for(capacity: int, overflow: Overflow, moves: list[str]) -> None:
    channel: Channel[int] = Channel(capacity, overflow=overflow)
    delivered: list[int] = []
    for number, move in enumerate(moves):
        waiting = channel.counts.waiting
        if move == "put" and (overflow is Overflow.DROP_OLDEST or waiting < capacity):
            if not channel.is_drained and "abort" not in moves[:number]:
                channel.put(number)
        elif move == "get" and waiting:
            delivered.append(channel.get())
        elif move == "abort":
            channel.abort()
        counts = channel.counts
        assert counts.accepted == counts.delivered + counts.dropped + counts.waiting
        assert counts.waiting <= capacity
    assert delivered == sorted(delivered)
    assert channel.counts.delivered == len(delivered)
