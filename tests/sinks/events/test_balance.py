"""What went over a border, less what came back, is what is beyond it now: from records alone."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.region import LineConfig, ZoneConfig
from analytics.scene_config import SceneConfig
from analytics.watch import Watch
from sinks.events.database import DatabaseSink
from streamer.result import StreamEnd
from tests.analytics.paths_seen import engine, result

# The same border twice: "in" is from its left to its right, here from the west to the east.
SCENE = SceneConfig(
    lines=(LineConfig("border", (50.0, 100.0), (50.0, 0.0)),),
    zones=(ZoneConfig("east", ((50.0, 0.0), (100.0, 0.0), (100.0, 100.0), (50.0, 100.0))),),
)
ROWS = st.floats(10.0, 90.0)
ANYWHERE = st.tuples(st.floats(5.0, 95.0), ROWS)
ON_A_SIDE = st.tuples(st.floats(5.0, 45.0) | st.floats(55.0, 95.0), ROWS)  # known from the start


@settings(max_examples=40)
@given(
    paths=st.lists(st.tuples(ON_A_SIDE, st.lists(ANYWHERE, max_size=12)), min_size=1, max_size=4)
)
def test_in_minus_out_is_the_difference_of_inside(
    paths: list[tuple[tuple[float, float], list[tuple[float, float]]]],
) -> None:
    walks = [[first, *more] for first, more in paths]
    watch = Watch(engine(SCENE))
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "events.sqlite"
        with DatabaseSink(target, overwrite=False) as sink:
            stream = None
            for step in range(max(map(len, walks))):
                # Who has arrived stays there: all are inside or outside until the end.
                feet = {name: walk[min(step, len(walk) - 1)] for name, walk in enumerate(walks, 1)}
                watched = watch.update(result((step * 0.1, feet), index=step))
                sink.write(watched)
                stream = watched.frame.stream
            assert stream is not None
            sink.end_stream(StreamEnd(stream, tuple(watch.finish())))
        with closing(sqlite3.connect(target)) as database:

            def count(condition: str) -> int:
                question = f"SELECT count(*) FROM events WHERE {condition}"
                return int(database.execute(question).fetchone()[0])

            began = count("kind = 'visit' AND phase = 'new' AND cause = 'appeared'")
            last = count("kind = 'visit' AND phase = 'end' AND cause = 'lost'")
            went_in, went_out = count("direction = 'in'"), count("direction = 'out'")
    assert began == sum(walk[0][0] > 50 for walk in walks)
    assert went_in - went_out == last - began
