from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from streamer.clock import ManualClock
from streamer.sources.resolve import Resolver

HANG = "import time; time.sleep(60)"
ONLY_ONCE = "import pathlib, sys; pathlib.Path(sys.argv[1]).rmdir()"


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        pytest.param("127.0.0.1", True, id="an address"),
        pytest.param("::1", True, id="an address of version 6"),
        pytest.param("localhost", True, id="a name"),
        pytest.param("no-such-camera.invalid", False, id="a name of nobody"),
        pytest.param("; exit 0", False, id="no name at all"),
    ],
)
def test_names_are_told_from_nonsense(host: str, answer: bool) -> None:
    assert Resolver().resolves(host, timeout_s=20) is answer


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
