"""Every odd recording comes out annotated with as many frames and the same times."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from detector.config import DetectorConfig
from detector.none import NoneDetector
from sinks.file import FileSink
from streamer.outlet import Outlet
from streamer.pipeline import Pipeline
from streamer.sources.file import FileSource
from tests.paths import SHARED, needs_shared

FOLDERS = [SHARED / "data" / name for name in ("reliability", "video")]
RECORDINGS = [path for folder in FOLDERS if folder.exists() for path in sorted(folder.iterdir())]
TOLERANCE = 10.0  # mean grey levels: 4:4:4 test patterns of pure colours in 4:2:0 take 8 of them


def read(path: Path) -> tuple[list[Fraction], av.VideoFrame, Fraction | None]:
    """Times, the middle frame and the shape of a pixel."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        times, frames = [], []
        for frame in container.decode(video):
            assert frame.pts is not None
            assert frame.time_base is not None
            times.append(frame.pts * frame.time_base)
            frames.append(frame)
        return times, frames[len(frames) // 2], video.sample_aspect_ratio


@needs_shared("data", "reliability")
@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.name)
def test_recording_comes_out_with_the_same_frames_and_times(
    recording: Path, tmp_path: Path
) -> None:
    target = tmp_path / "out.mp4"
    source = FileSource(recording, stream_id="clip")
    sink = FileSink(target, ())
    end = Pipeline([source], NoneDetector(DetectorConfig()), [Outlet(sink)]).run()
    times, middle, aspect = read(recording)
    got_times, got_middle, got_aspect = read(target)

    assert end.streams[0].state == "ended"
    assert got_times == times
    width, height = source.stream.width, source.stream.height
    assert (got_middle.width, got_middle.height) == (width + width % 2, height + height % 2)
    assert got_middle.format.name == "yuv420p"
    if not middle.rotation:
        assert (got_aspect or 1) == (aspect or 1)
        expected = middle.to_ndarray(format="bgr24").astype(int)
        got = got_middle.to_ndarray(format="bgr24").astype(int)[:height, :width]
        assert np.abs(got - expected).mean() < TOLERANCE
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
