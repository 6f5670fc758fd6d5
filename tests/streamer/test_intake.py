"""Batches take what is ready, in turn, and never wait for a slow stream."""

import threading

import pytest

from streamer.channel import Channel, Overflow
from streamer.errors import ChannelClosed
from streamer.intake import Intake

WAIT_S = 10


def filled(*streams: list[str]) -> Intake[str]:
    intake: Intake[str] = Intake()
    for items in streams:
        channel = intake.open_channel(8)
        for item in items:
            channel.put(item)
    return intake


def test_nothing_ready_and_not_waiting_gives_nothing() -> None:
    assert filled([]).take(4, wait=False) == []


def test_streams_are_served_in_turn() -> None:
    intake = filled(["a1", "a2", "a3"], ["b1"], ["c1", "c2"])

    assert intake.take(4, wait=False) == ["a1", "b1", "c1", "a2"]
    assert intake.take(4, wait=False) == ["c2", "a3"]  # b is empty: its turn passes


def test_busy_stream_cannot_starve_another() -> None:
    intake = filled(["a1", "a2", "a3"], ["b1"])

    assert [intake.take(1, wait=False) for _ in range(4)] == [["a1"], ["b1"], ["a2"], ["a3"]]


def test_waiting_ends_with_the_first_item() -> None:
    intake: Intake[str] = Intake()
    quiet, busy = intake.open_channel(1), intake.open_channel(1)
    writer = threading.Timer(0.01, lambda: busy.put("b1"))
    writer.start()

    assert intake.take(4, wait=True) == ["b1"]
    writer.join(WAIT_S)
    quiet.close()


def test_end_of_one_stream_wakes_the_reader_without_items() -> None:
    intake: Intake[str] = Intake()
    ending, quiet = intake.open_channel(1), intake.open_channel(1)
    writer = threading.Timer(0.01, ending.close)
    writer.start()

    assert intake.take(4, wait=True) == []
    writer.join(WAIT_S)
    quiet.close()


def test_intake_ends_once_sealed_and_drained() -> None:
    intake: Intake[str] = Intake()
    channel = intake.open_channel(2)
    channel.put("a1")
    channel.close()
    intake.seal()

    assert intake.take(4, wait=True) == ["a1"]
    with pytest.raises(ChannelClosed):
        intake.take(4, wait=True)


def test_waiting_for_a_batch_ends_when_it_is_full() -> None:
    intake: Intake[str] = Intake()
    first, second = intake.open_channel(2), intake.open_channel(2)
    first.put("a1")
    writer = threading.Timer(0.01, lambda: second.put("b1"))
    writer.start()

    assert intake.wait_for(2, WAIT_S)
    assert intake.take(2, wait=False) == ["a1", "b1"]
    writer.join(WAIT_S)


def test_waiting_for_a_batch_ends_when_no_stream_can_fill_it() -> None:
    intake: Intake[str] = Intake()
    for item in ("a1", "b1"):
        channel: Channel[str] = intake.open_channel(1)
        channel.put(item)
        channel.close()

    assert not intake.wait_for(3, WAIT_S)
    assert intake.take(3, wait=False) == ["a1", "b1"]


def test_waiting_for_a_batch_without_time_only_looks() -> None:
    intake = filled(["a1"])

    assert (intake.wait_for(1, 0), intake.wait_for(2, -1)) == (True, False)


@pytest.mark.parametrize(
    ("overflow", "streams", "waiting"),
    [
        pytest.param(Overflow.BLOCK, 1, [8], id="alone, it may fill a batch"),
        pytest.param(Overflow.BLOCK, 3, [3, 3, 3], id="three may fill one together"),
        pytest.param(Overflow.BLOCK, 8, [2] * 8, id="none may hold less than it was given"),
        pytest.param(Overflow.DROP_OLDEST, 1, [2], id="where the newest wins, nothing changes"),
    ],
)
def test_streams_may_hold_a_full_batch_together(
    overflow: Overflow, streams: int, waiting: list[int]
) -> None:
    intake: Intake[int] = Intake()
    channels = [intake.open_channel(2, overflow=overflow) for _ in range(streams)]
    assert intake.take(8, wait=False) == []

    for channel, room in zip(channels, waiting, strict=True):
        for number in range(room + (overflow is Overflow.DROP_OLDEST)):
            channel.put(number)  # never blocks

    assert [channel.counts.waiting for channel in channels] == waiting


def test_room_that_a_stream_leaves_is_the_others() -> None:
    intake: Intake[int] = Intake()
    ending, other = intake.open_channel(2), intake.open_channel(2)
    intake.take(8, wait=False)
    ending.close()
    intake.take(8, wait=False)

    for number in range(8):
        other.put(number)  # never blocks

    assert intake.take(8, wait=False) == list(range(8))
