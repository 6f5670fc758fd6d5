from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.tracking.kalman import Floats, KalmanBank

POSITION_NOISE = np.array([1.0, 1.0, 2.0, 0.5])
VELOCITY_NOISE = np.array([0.01, 0.02, 0.1, 0.0])
MEASUREMENT = np.array([1.0, 4.0, 10.0, 10.0])


def _bank(rng: np.random.Generator, count: int = 3) -> KalmanBank:
    bank = KalmanBank()
    bank.start(rng.normal(0, 100, (count, 4)), np.full(4, 10.0), np.array([1e4, 1e4, 1e4, 0.0]))
    return bank


def _matrices(bank: KalmanBank, track: int) -> tuple[Floats, Floats]:
    """The eight-dimensional state and covariance of one track."""
    position, velocity, pp, pv, vv = bank.state[:, track]
    mixed = np.diag(pv)
    covariance = np.block([[np.diag(pp), mixed], [mixed, np.diag(vv)]])
    return np.concatenate([position, velocity]), covariance


def test_bank_equals_the_textbook_filter_with_matrices() -> None:
    rng = np.random.default_rng(1)
    bank = _bank(rng)
    move = np.eye(8) + np.eye(8, k=4)
    look = np.eye(4, 8)
    for _ in range(20):
        measured = bank.position + rng.normal(0, 3, (3, 4))
        before = [_matrices(bank, track) for track in range(3)]
        bank.predict(1, POSITION_NOISE, VELOCITY_NOISE)
        bank.observe(np.arange(3), measured, MEASUREMENT)
        for track, (state, covariance) in enumerate(before):
            state = move @ state
            noise = np.diag(np.concatenate([POSITION_NOISE, VELOCITY_NOISE]))
            covariance = move @ covariance @ move.T + noise
            total = look @ covariance @ look.T + np.diag(MEASUREMENT)
            gain = covariance @ look.T @ np.linalg.inv(total)
            state = state + gain @ (measured[track] - look @ state)
            covariance = (np.eye(8) - gain @ look) @ covariance
            ours, our_covariance = _matrices(bank, track)
            np.testing.assert_allclose(ours, state, rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(our_covariance, covariance, rtol=1e-7, atol=1e-7)


@given(st.integers(0, 40), st.integers(0, 2**32 - 1))
def test_many_steps_at_once_equal_single_steps(steps: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    bank = _bank(rng)
    bank.predict(1, POSITION_NOISE, VELOCITY_NOISE)
    bank.observe(np.arange(3), bank.position + rng.normal(0, 5, (3, 4)), MEASUREMENT)
    other = bank.pick(np.arange(3))
    bank.predict(steps, POSITION_NOISE, VELOCITY_NOISE)
    for _ in range(steps):
        other.predict(1, POSITION_NOISE, VELOCITY_NOISE)
    np.testing.assert_allclose(bank.state, other.state, rtol=1e-9, atol=1e-9)


@given(st.floats(0, 30), st.floats(0, 30))
def test_parts_of_steps_add_up(first: float, second: float) -> None:
    bank = _bank(np.random.default_rng(2))
    other = bank.pick(np.arange(3))
    bank.predict(first + second, POSITION_NOISE, VELOCITY_NOISE)
    other.predict(first, POSITION_NOISE, VELOCITY_NOISE)
    other.predict(second, POSITION_NOISE, VELOCITY_NOISE)
    np.testing.assert_allclose(bank.state, other.state, rtol=1e-9, atol=1e-7)


def test_no_time_changes_nothing() -> None:
    bank = _bank(np.random.default_rng(3))
    before = bank.state.copy()
    bank.predict(0, POSITION_NOISE, VELOCITY_NOISE)
    np.testing.assert_array_equal(bank.state, before)


def test_axis_without_velocity_variance_never_moves() -> None:
    bank = _bank(np.random.default_rng(4))
    for _ in range(5):
        bank.predict(1, POSITION_NOISE, VELOCITY_NOISE)
        bank.observe(np.arange(3), bank.position + 50, MEASUREMENT)
    assert not bank.velocity[:, 3].any()
    assert bank.velocity[:, :3].all()


@pytest.mark.parametrize("rows", [[], [1], [2, 0]], ids=["none", "one", "two in another order"])
def test_only_the_rows_observed_change(rows: list[int]) -> None:
    bank = _bank(np.random.default_rng(5))
    before = bank.state.copy()
    bank.observe(np.array(rows, np.intp), before[0, rows] + 7.0, MEASUREMENT)
    changed = (bank.state != before).any(axis=(0, 2))
    assert set(np.nonzero(changed)[0]) == set(rows)
