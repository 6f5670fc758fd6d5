"""A drawn street as a source: no camera, no file, and the truth beside every frame."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from streamer.clock import Clock, MonotonicClock
from streamer.frame import Frame, StreamInfo
from streamer.picture import BgrPicture
from streamer.scene.config import SyntheticConfig as SyntheticConfig
from streamer.scene.scene import Scene
from streamer.truth import Truth

Drawing = tuple[NDArray[np.uint8], Truth]


class SyntheticSource:
    """The frames of a drawn scene, as fast as they are asked for.

    Args:
        config: the scene.
        stream_id: unique within a run.
        clock: stamps each frame when it is drawn.
    """

    def __init__(
        self,
        config: SyntheticConfig,
        *,
        stream_id: str = "synthetic",
        clock: Clock | None = None,
    ) -> None:
        self._config = config
        self._clock = clock or MonotonicClock()
        self._scene: Scene | None = None
        self._cache: list[Drawing] = []
        self._stream = StreamInfo(
            stream_id=stream_id,
            name=f"synthetic (seed {config.seed})",
            width=config.width,
            height=config.height,
            time_base=1 / config.rate,
            rate=config.rate,
            frame_count=config.frames,
        )

    @property
    def stream_id(self) -> str:
        """The stream's id."""
        return self._stream.stream_id

    @property
    def stream(self) -> StreamInfo:
        """What is known of the stream; all of it, from the start."""
        return self._stream

    def __enter__(self) -> Self:
        """Draw the street, and the frames to be repeated."""
        self._scene = Scene(self._config)
        ahead = self._config.cache
        if self._config.frames is not None:
            ahead = min(ahead, self._config.frames)
        self._cache = [self._scene.render(index) for index in range(ahead)]
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let the drawings go."""
        self._scene, self._cache = None, []

    def __iter__(self) -> Iterator[Frame]:
        """The frames, pts counting in ticks of one frame."""
        indices = count() if self._config.frames is None else range(self._config.frames)
        for index in indices:
            if self._scene is None:
                return  # closed meanwhile
            pixels, truth = self._draw(self._scene, index)
            yield Frame(
                stream=self._stream,
                index=index,
                pts=index,
                time_base=self._stream.time_base,
                captured_ns=self._clock.now_ns(),
                picture=BgrPicture(pixels),
                duration=1,
                truth=truth,
            )

    def _draw(self, scene: Scene, index: int) -> Drawing:
        return self._cache[index % len(self._cache)] if self._cache else scene.render(index)
