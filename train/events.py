"""TensorBoard's events of a training."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from streamer.picture import BgrArray
from train.draw import tiled
from train.history import EpochRow
from train.observer import Observer, StepReport

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

logger = logging.getLogger(__name__)

_EVERY = 10  # steps between two points: a training of 750,000 steps stays below 100 MB


class Events:
    """An observer that writes curves and pictures for TensorBoard, as long as the disk takes them.

    Args:
        writer: of torch; closed at the end.
    """

    def __init__(self, writer: SummaryWriter) -> None:
        self._writer = writer
        self._has_failed = False

    def __enter__(self) -> Self:
        """Nothing yet."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Writes what is still in memory."""
        with self._tried():
            self._writer.close()

    def began(self, rows: Sequence[EpochRow]) -> None:
        """What was is told already."""

    def stepped(self, report: StepReport) -> None:
        """A point of every curve, now and then."""
        if report.total_step % _EVERY and report.total_step != 1:
            return
        values = dict(report.losses._asdict())
        values |= {"lr": report.lr, "gradient_norm": report.gradient_norm}
        values |= {"pictures_per_second": report.pictures_per_second, "wait": report.data_wait}
        with self._tried():
            for name, value in values.items():
                self._add(f"step/{name}", value, report.total_step)

    def finished(self, rows: Sequence[EpochRow], pictures: Sequence[BgrArray]) -> None:
        """The epoch's numbers, and what was found."""
        row = rows[-1]
        with self._tried():
            for name, value in row.plain().items():
                if value is not None and name not in ("epoch", "steps"):
                    self._add(f"epoch/{name}", value, row.epoch)
            if pictures and not self._has_failed:
                rgb = tiled(pictures)[:, :, ::-1].copy()
                self._writer.add_image("found", rgb, row.epoch, dataformats="HWC")

    def _add(self, name: str, value: float, step: int) -> None:
        if not self._has_failed:
            self._writer.add_scalar(name, value, step)

    @contextmanager
    def _tried(self) -> Iterator[None]:
        """Curves are not worth a training: where they cannot be written, that is told once."""
        try:
            yield
        except OSError as error:
            if not self._has_failed:
                logger.warning("no more events for TensorBoard: %s", error.strerror or error)
            self._has_failed = True


def make_events(folder: Path, *, from_step: int) -> AbstractContextManager[Observer | None]:
    """An observer, or None where TensorBoard is not installed, which is logged.

    Args:
        folder: for the events.
        from_step: where the training goes on; what an earlier run wrote beyond is hidden.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        logger.info(
            "TensorBoard is not installed: no event files are written (pip install tensorboard)"
        )
        return nullcontext()
    return Events(SummaryWriter(str(folder), purge_step=from_step or None))
