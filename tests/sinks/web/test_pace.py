from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.web.pace import MOST, IdleMeter, Pace, processors

NS = 1_000_000_000


@given(
    took_ns=st.integers(0, 10 * NS),
    share=st.floats(0.001, 1),
    idle=st.floats(0, 1),
    cores=st.integers(1, 128),
)
def test_rounds_never_take_more_than_allowed(
    took_ns: int, share: float, idle: float, cores: int
) -> None:
    pause_s = Pace(25, share, processors=cores, idle=lambda: idle).pause_s(took_ns)
    assert pause_s >= 1 / 25
    sure = share * cores
    assert took_ns / NS / pause_s <= max(sure, min(sure + idle * cores, MOST)) * 1.000001


@pytest.mark.parametrize(
    ("idle", "expected_s"),
    [
        pytest.param(0.0, 0.5, id="busy: 20 ms of work at 4 % of a processor"),
        pytest.param(0.25, 0.5, id="idle between the steps of others: as busy"),
        pytest.param(0.41, 0.1, id="16 % idle beyond that: half of it, 16 % of one, besides"),
        pytest.param(1.0, 0.04, id="idle: as often as wanted"),
    ],
)
def test_what_is_idle_is_used(idle: float, expected_s: float) -> None:
    pace = Pace(25, 0.02, processors=2, idle=lambda: idle)
    assert pace.pause_s(20_000_000) == pytest.approx(expected_s)


def test_the_machine_tells_how_idle_it_is() -> None:
    assert 0 <= IdleMeter()() <= 1
    assert processors() >= 1
