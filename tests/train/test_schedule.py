from __future__ import annotations

import pytest

from train.schedule import ScheduleConfig, learning_rate

STEPS = 10  # an epoch


def test_published_rate_rises_over_the_first_epoch_and_falls_twice() -> None:
    config = ScheduleConfig(epochs=300, drops=(230, 280), warmup=1, warmup_lr=5e-5)
    at = {step: learning_rate(config, 0.01, step, STEPS) for step in (0, 9, 10, 2299, 2300, 2800)}
    assert at[0] == pytest.approx(5e-5 + (0.01 - 5e-5) / 10)
    assert at[9] == at[10] == at[2299] == 0.01
    assert at[2300] == pytest.approx(1e-3)
    assert at[2800] == pytest.approx(1e-4)


def test_cosine_goes_from_the_rate_to_its_final_share() -> None:
    config = ScheduleConfig(epochs=10, decay="cosine", final=0.1, warmup=0)
    rates = [learning_rate(config, 1.0, step, STEPS) for step in range(101)]
    assert rates[0] == 1
    assert rates[50] == pytest.approx(0.55)  # half way between 1 and 0.1
    assert rates[100] == pytest.approx(0.1)
    assert rates == sorted(rates, reverse=True)


def test_warm_up_may_be_a_part_of_an_epoch_or_nothing() -> None:
    half = ScheduleConfig(epochs=2, decay="constant", warmup=0.5, warmup_lr=0)
    assert [learning_rate(half, 1.0, step, STEPS) for step in (0, 4, 5)] == [0.2, 1, 1]
    none = ScheduleConfig(epochs=2, decay="constant", warmup=0)
    assert learning_rate(none, 1.0, 0, STEPS) == 1


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"epochs": 0}, "epochs: expected at least 1"),
        ({"drops": (5, 3)}, "drops: expected rising epochs"),
        ({"final": 2.0}, r"final: expected 0\.\.1"),
        ({"warmup": -1.0}, "warmup: expected at least 0"),
    ],
)
def test_impossible_schedule_is_refused(wrong: dict[str, float], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        ScheduleConfig(**wrong)  # type: ignore[arg-type]  # a table of one wrong field each
