"""Who gets all cores, and who shares them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from fractions import Fraction

import numpy as np
import pytest

from detector.company import Company
from streamer.frame import Frame, StreamInfo
from streamer.picture import BgrPicture

PIXELS = BgrPicture(np.zeros((2, 4, 3), np.uint8))


class Visits:
    """Batches that come to a Company, and leave it."""

    def __init__(self) -> None:
        self.company = Company()
        self._in_flight: list[Future[None]] = []

    def comes(self, *streams: str) -> bool:
        """A batch of a frame of each; those whose name begins with "live" are live."""
        is_alone = self.company.comes_alone([_frame(each) for each in streams])
        work: Future[None] = Future()
        self.company.started(work)
        self._in_flight.append(work)
        return is_alone

    def leaves(self) -> None:
        """The oldest."""
        self._in_flight.pop(0).set_result(None)


def _frame(stream_id: str) -> Frame:
    stream = StreamInfo(
        stream_id, stream_id, 4, 2, Fraction(1, 25), is_live=stream_id.startswith("live")
    )
    return Frame(stream, 0, 0, stream.time_base, 0, PIXELS)


def test_a_single_picture_gets_all_cores() -> None:
    assert Visits().comes("file")


def test_a_recording_shares_with_its_own_frames_in_flight() -> None:
    visits = Visits()
    assert [visits.comes("file") for _ in range(4)] == [True, False, False, False]


def test_batches_that_end_together_go_on_sharing() -> None:
    visits = Visits()
    for _ in range(2):
        visits.comes("live a")
        visits.comes("live b")
        visits.leaves()
        visits.leaves()
    assert not visits.comes("live a")  # the last one had company, this one will


def test_who_twice_comes_alone_gets_all_cores_again() -> None:
    visits = Visits()
    visits.comes("file")
    visits.comes("file")
    visits.leaves()
    found = []
    for _ in range(3):
        visits.leaves()
        found.append(visits.comes("file"))
    assert found == [False, True, True]


@pytest.mark.parametrize(
    ("batches", "is_lone"),
    [
        pytest.param([], False, id="nobody came"),
        pytest.param([["live a"]], False, id="one batch"),
        pytest.param([["live a"], ["live a"]], True, id="a camera"),
        pytest.param([["live a"], ["live a", "live a"]], True, id="two of its frames at once"),
        pytest.param([["live a"], ["live b"]], False, id="two cameras"),
        pytest.param([["live a", "live b"]] * 2, False, id="two cameras at once"),
        pytest.param([["file"], ["file"]], False, id="a recording"),
        pytest.param([["live a"], ["live a"], ["file"]], False, id="a recording beside it"),
    ],
)
def test_a_lone_camera_has_all_cores_while_its_last_frame_is_at_work(
    batches: Sequence[Sequence[str]], is_lone: bool
) -> None:
    visits = Visits()
    found = [visits.comes(*streams) for streams in batches]
    assert visits.company.is_lone_camera is is_lone
    assert found[1:][-1:] == [is_lone] * (len(batches) > 1)
