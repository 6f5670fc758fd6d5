"""When a device will be free is learnt from when its batches came back, however late one looked."""

from streamer.forecast import Forecast

MS = 1_000_000


def learnt(took_ms: int, *, works: int = 1) -> Forecast:
    """After one batch of 4 frames, queued at 0, which somebody waited for."""
    forecast = Forecast(works)
    forecast.came_back(4, 0, asked_ns=1 * MS, back_ns=took_ms * MS)
    return forecast


def test_nothing_is_known_of_a_size_that_never_came_back() -> None:
    forecast = learnt(10)

    assert (forecast.due_ns(8, 0), forecast.last_call_ns(8, 0)) == (None, None)


def test_batch_that_finds_the_device_free_starts_when_it_is_queued() -> None:
    assert learnt(10).due_ns(4, 50 * MS) == 60 * MS


def test_batch_that_was_queued_behind_another_starts_when_that_is_back() -> None:
    assert learnt(10).due_ns(4, 3 * MS) == 20 * MS  # back at 10, then 10 more


def test_device_that_works_on_two_at_once_starts_when_the_one_before_the_last_is_back() -> None:
    forecast = learnt(10, works=2)
    assert forecast.due_ns(4, 3 * MS) == 13 * MS  # the other half was free

    forecast.came_back(4, 2 * MS, asked_ns=10 * MS, back_ns=12 * MS)
    assert forecast.due_ns(4, 5 * MS) == 20 * MS  # free at 10 and at 12


def test_batch_that_was_ready_when_asked_for_is_asked_for_sooner_the_next_time() -> None:
    forecast = learnt(16)

    forecast.came_back(4, 100 * MS, asked_ns=150 * MS, back_ns=150 * MS)  # 50 ms at most
    assert forecast.due_ns(4, 200 * MS) == 214 * MS  # 16 less an eighth

    forecast.came_back(4, 300 * MS, asked_ns=308 * MS, back_ns=308 * MS)  # 8 ms at most
    assert forecast.due_ns(4, 400 * MS) == 407 * MS  # 8 less an eighth


def test_estimate_that_a_slow_start_made_too_long_comes_down() -> None:
    forecast = learnt(1000)
    now_ns = 2000 * MS

    for _ in range(50):  # batches that take 10 ms, asked for when they are expected
        due_ns = forecast.due_ns(4, now_ns)
        assert due_ns is not None
        forecast.came_back(4, now_ns, due_ns, max(due_ns, now_ns + 10 * MS))
        now_ns += 2000 * MS

    due_ns = forecast.due_ns(4, now_ns)
    assert due_ns is not None
    assert 8 * MS < due_ns - now_ns <= 10 * MS


def test_batch_that_began_unnoticed_took_no_less_than_was_seen() -> None:
    forecast = learnt(16)
    forecast.came_back(4, 20 * MS, asked_ns=50 * MS, back_ns=50 * MS)  # through some time before

    forecast.came_back(4, 25 * MS, asked_ns=50 * MS, back_ns=53 * MS)  # 3 ms after that was seen

    assert forecast.due_ns(4, 100 * MS) == 114 * MS  # 16 less an eighth, for the first of them


def test_last_call_leaves_time_for_handing_over_and_waking_late() -> None:
    forecast = learnt(10)
    assert forecast.last_call_ns(4, 100 * MS) == 109_500_000  # half a millisecond is left anyway

    forecast.handed_over(0, 4 * MS)  # a quarter of it counts at first: 1 ms
    forecast.woke(0, 2 * MS)  # likewise: 0.5 ms, twice
    assert forecast.last_call_ns(4, 100 * MS) == 107_500_000
