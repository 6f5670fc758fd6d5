"""Batches take what is ready, in turn, and never wait for a slow stream."""

import threading

import pytest

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
