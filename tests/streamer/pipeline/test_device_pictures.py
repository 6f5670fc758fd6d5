"""Sources learn from which device's memory the stage takes pictures, before they are entered."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streamer.contract import Source
from streamer.feed import Inlet
from streamer.outlet import Outlet
from streamer.pipeline import Pipeline
from streamer.samples import DlDevice
from streamer.sources.loop import Looped
from streamer.sources.pace import Paced
from tests.streamer.parts import CountingSource, IndexStage, ListSink

CUDA = (2, 1)


class HomedStage(IndexStage):
    """Takes pictures from `home`."""

    def __init__(self, home: DlDevice | None) -> None:
        super().__init__()
        self.home = home


class LeavingSource(CountingSource):
    """Notes where its pictures may stay, and whether that was said in time."""

    def __init__(self, stream_id: str = "a") -> None:
        super().__init__(stream_id, 3)
        self.told: list[tuple[DlDevice, bool]] = []

    def stay_on(self, device: DlDevice) -> None:
        self.told.append((device, self.entered == 0))


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda source: source, id="plain"),
        pytest.param(Inlet, id="inlet"),
        pytest.param(lambda source: Paced(source), id="at its pace"),
        pytest.param(lambda source: Paced(Looped(lambda: source)), id="again, at its pace"),
    ],
)
def test_a_source_is_told_where_pictures_may_stay(
    wrap: Callable[[Source], Source | Inlet],
) -> None:
    source = LeavingSource()
    Pipeline([wrap(source)], HomedStage(CUDA), [Outlet(ListSink())], limit=3).run()
    assert source.told == [(CUDA, True)]


def test_every_pass_of_a_loop_is_told() -> None:
    made: list[LeavingSource] = []

    def make() -> Source:
        made.append(LeavingSource())
        return made[-1]

    Pipeline([Looped(make)], HomedStage(CUDA), [Outlet(ListSink())], limit=7).run()
    assert [source.told for source in made] == 3 * [[(CUDA, True)]]


@pytest.mark.parametrize("stage", [HomedStage(None), IndexStage()], ids=["none", "says nothing"])
def test_a_stage_on_the_host_says_nothing(stage: IndexStage) -> None:
    source = LeavingSource()
    Pipeline([source], stage, [Outlet(ListSink())]).run()
    assert source.told == []


def test_sources_that_cannot_leave_pictures_are_as_ever() -> None:
    sink = ListSink()
    Pipeline([Paced(CountingSource("a", 3))], HomedStage(CUDA), [Outlet(sink)]).run()
    assert sink.indices() == [0, 1, 2]
