"""The desktop overlay sink: annotations over the very screen that is looked at."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from detector.detections import Detections
from sinks.annotate import Annotator, Style
from sinks.canvas import BgraCanvas
from sinks.desktop.layer import Layer
from streamer.errors import SinkError, SourceOpenError
from streamer.frame import StreamInfo
from streamer.result import Result
from streamer.sources.screen import parse_screen

logger = logging.getLogger(__name__)


class DesktopOverlaySink:
    """Lays the boxes of every screen that is a source over that screen; clicks go through.

    The layer lies in the picture of the next capture, except where the system can leave it out, see
    `sinks.desktop.capture`: on X11 the detector sees its own boxes.

    Args:
        class_names: of the detector.
        style: how results look.
    """

    name = "overlay desktop"

    def __init__(self, class_names: Sequence[str], style: Style | None = None) -> None:
        self._annotator = Annotator(class_names, style)
        self._layers: dict[str, Layer | None] = {}

    def __enter__(self) -> Self:
        """Look for the toolkit; a layer appears with the first result of its screen.

        Raises:
            SinkError: it is not installed.
        """
        if importlib.util.find_spec("PySide6") is None:
            raise SinkError(
                f"{self.name}: expected PySide6 for a window over the desktop, got none; "
                "pip install -e '.[desktop]'"
            )
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take all layers away."""
        for layer in self._layers.values():
            if layer is not None:
                layer.close()

    def write(self, result: Result[Detections]) -> None:
        """Show a result, unless the last one is still on its way; never waits.

        Raises:
            SinkError: there is no desktop to draw on, or the layer was closed.
        """
        frame = result.frame
        if frame.stream_id not in self._layers:
            self._layers[frame.stream_id] = self._layer_of(frame.stream)
        layer = self._layers[frame.stream_id]
        pixels = None if layer is None else layer.blank()
        if layer is None or pixels is None:
            return
        canvas = BgraCanvas(pixels)
        scale_xy = pixels.shape[1] / frame.width, pixels.shape[0] / frame.height
        self._annotator.draw_result(canvas, result, scale_xy)
        layer.show()

    def _layer_of(self, stream: StreamInfo) -> Layer | None:
        kind, _, text = stream.name.partition(":")
        if kind == "screen" and stream.is_live:
            try:
                area = parse_screen(text)
            except SourceOpenError:
                pass  # a file may be called so
            else:
                return Layer(str(area.number) if area.box is None else ",".join(map(str, area.box)))
        logger.warning(
            "%s: expected a screen as the source, got %r; nothing is drawn for it",
            self.name,
            stream.name,
        )
        return None
