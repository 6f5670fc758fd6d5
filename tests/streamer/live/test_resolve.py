from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from streamer.clock import ManualClock
from streamer.sources.resolve import PYTHON, Resolver

HANG = (sys.executable, "-c", "import time; time.sleep(60)")
ONLY_ONCE = (sys.executable, "-c", "import pathlib, sys; pathlib.Path(sys.argv[1]).rmdir()")
COUNT = "import sys; open(sys.argv[1], 'a').write('asked '); sys.exit(1)"
SECOND_NS = 1_000_000_000


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(None, id="as this system asks"),
        pytest.param(PYTHON, id="as a system without getent asks"),
    ],
)
@pytest.mark.parametrize(
    ("host", "answer"),
    [
        pytest.param("127.0.0.1", True, id="an address"),
        pytest.param("::1", True, id="an address of version 6"),
        pytest.param("localhost", True, id="a name"),
        pytest.param("no-such-camera.invalid", False, id="a name of nobody"),
        pytest.param("; exit 0", False, id="no name at all"),
        pytest.param("--help", False, id="no option of the program that is asked"),
    ],
)
def test_names_are_told_from_nonsense(ask: Sequence[str] | None, host: str, answer: bool) -> None:
    assert Resolver(ask=ask).resolves(host, timeout_s=20) is answer


def test_a_name_server_that_does_not_answer_is_given_up() -> None:
    assert not Resolver(ask=HANG).resolves("door", timeout_s=0.2)


def test_stop_ends_a_question_at_once() -> None:
    resolver = Resolver(ask=HANG)
    asking = threading.Thread(target=resolver.resolves, args=("door",), kwargs={"timeout_s": 50})
    asking.start()
    time.sleep(0.2)  # until it hangs; nothing tells when
    start_s = time.monotonic()
    resolver.stop()
    asking.join()
    assert time.monotonic() - start_s < 2
    assert not resolver.resolves("door", timeout_s=50)


def test_a_yes_is_remembered_for_a_minute(tmp_path: Path) -> None:
    clock = ManualClock()
    resolver = Resolver(clock=clock, ask=ONLY_ONCE)
    host = str(tmp_path)
    assert resolver.resolves(host, timeout_s=20)
    clock.advance(59_000_000_000)
    assert resolver.resolves(host, timeout_s=20)
    clock.advance(2_000_000_000)
    assert not resolver.resolves(host, timeout_s=20)


def test_a_no_is_asked_about_less_and_less(tmp_path: Path) -> None:
    """A hundred cameras with dead names took both cores and flooded the name server."""
    clock, asked = ManualClock(), tmp_path / "asked"
    resolver = Resolver(clock=clock, ask=(sys.executable, "-c", COUNT))
    for _ in range(4 * 10):  # four tries a second, as an outage begins
        assert not resolver.resolves(str(asked), timeout_s=20)
        clock.advance(SECOND_NS // 4)
    assert asked.read_text().split() == ["asked"] * 5  # after 0, 0.5, 1.5, 3.5, 7.5 s
