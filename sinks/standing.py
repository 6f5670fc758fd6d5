"""All that a console says about a run, at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sinks.gpu import GpuLoad, GpuProbe
from sinks.load import Load, Loads
from sinks.progress import Progress, Rates, total
from streamer.snapshot import RunSnapshot


@dataclass(frozen=True, slots=True)
class Standing:
    """How a run stands.

    Attributes:
        streams: in the order of the sources, at least one.
        load: where the time of the last seconds went, or None before any work.
        gpu: how busy it is, or None where there is none.
    """

    streams: Sequence[Progress]
    load: Load | None = None
    gpu: GpuLoad | None = None

    @property
    def total(self) -> Progress:
        """All streams as one."""
        return total(self.streams)


class Standings:
    """Turns snapshots, as they come, into standings.

    Args:
        limit: frames a stream at most, as the pipeline has it.
        sink_names: of every sink of the run.
        gpu: asks the GPU.
    """

    def __init__(
        self,
        *,
        limit: int | None = None,
        sink_names: Sequence[str] = (),
        gpu: GpuProbe | None = None,
    ) -> None:
        self._rates = Rates(limit=limit)
        self._loads = Loads(sink_names)
        self._gpu = gpu

    def add(self, snapshot: RunSnapshot) -> Standing:
        """How the run stands with this snapshot."""
        return Standing(
            self._rates.add(snapshot),
            self._loads.add(snapshot),
            None if self._gpu is None else self._gpu(),
        )
