from __future__ import annotations

import pytest

from streamer.clock import ManualClock
from streamer.health import Health
from streamer.sources.stall import Patience

SECOND_NS = 1_000_000_000


def test_a_stream_goes_from_connecting_to_live() -> None:
    health = Health()
    assert health.snapshot().state == "connecting"
    health.connected(is_again=False)
    assert health.snapshot().state == "live"
    assert health.snapshot().reconnects == 0


def test_a_lost_stream_says_why_and_counts_its_returns() -> None:
    health = Health()
    health.connected(is_again=False)
    health.lost("gone")
    assert (health.snapshot().state, health.snapshot().error) == ("retrying", "gone")
    health.connected(is_again=True)
    assert (health.snapshot().state, health.snapshot().reconnects) == ("live", 1)
    assert health.snapshot().error == "gone", "the last error stays for the summary"


@pytest.mark.parametrize(
    ("interval_s", "waited_s", "state"),
    [
        pytest.param(0, 0.5, "live", id="no interval known yet"),
        pytest.param(0.04, 0.9, "live", id="a fast camera may hiccup for a second"),
        pytest.param(0.04, 1.1, "stalled", id="a fast camera stands still"),
        pytest.param(1, 4.9, "live", id="a slow camera has five intervals"),
        pytest.param(1, 5.1, "stalled", id="a slow camera stands still"),
    ],
)
def test_a_standstill_shows(interval_s: float, waited_s: float, state: str) -> None:
    clock = ManualClock()
    health = Health(clock=clock)
    health.connected(is_again=False)
    health.waiting(interval_ns=int(interval_s * SECOND_NS))
    clock.advance(int(waited_s * SECOND_NS))
    assert health.snapshot().state == state
    health.received()
    assert health.snapshot().state == "live"


def test_a_reader_that_does_not_ask_makes_no_standstill() -> None:
    clock = ManualClock()
    health = Health(clock=clock)
    health.connected(is_again=False)
    health.waiting(interval_ns=0)
    health.received()
    clock.advance(100 * SECOND_NS)
    assert health.snapshot().state == "live"


def test_patience_follows_the_stream() -> None:
    patience = Patience(floor_s=5, intervals=5)
    assert patience.seconds == 5
    patience.interval(3)
    assert patience.seconds == 15
    for _ in range(5):
        patience.interval(0.04)
    assert patience.seconds == 5, "an odd long interval is forgotten"
