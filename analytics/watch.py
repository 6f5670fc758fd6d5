"""Counting as a step of the pipeline: results in, the same with an Analysis in their notes out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from analytics.analysis import Analysis
from analytics.engine import Engine
from detector.detections import Detections
from streamer.result import Result


class Watch:
    """Counts on one stream, result by result, in order.

    Args:
        engine: with no frame of another stream in it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def update(self, result: Result[Detections]) -> Result[Detections]:
        """The result with what is known after it among its notes."""
        return dataclasses.replace(result, notes=(*result.notes, self._engine.update(result)))

    def finish(self) -> Sequence[Analysis]:
        """What ended with the stream, or nothing where there never was a frame."""
        last = self._engine.finish()
        return () if last is None else (last,)


def analysis_in(notes: Iterable[object]) -> Analysis | None:
    """The Analysis among the notes of a result or of a stream's end, or None.

    >>> analysis_in(("something else",)) is None
    True
    """
    return next((note for note in notes if isinstance(note, Analysis)), None)
