"""A recording that is left before its end holds nobody up."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.paths import ROOT
from tests.streamer.clips import write_clip

_LEAVE = """
import os, sys
from streamer.sources.stdin import StdinSource
for count in range(1, 13):
    with StdinSource(descriptor=os.open(sys.argv[1], os.O_RDONLY)) as source:
        frames = iter(source)
        for _ in range(count):
            next(frames)
"""


def test_a_decoder_of_several_threads_can_be_left_midway(tmp_path: Path) -> None:
    """FFmpeg's threads reported what was cut short, for which they wanted the interpreter's lock,
    while its owner waited for them: the process hung for good, deaf to Ctrl-C."""
    clip = tmp_path / "clip.mkv"  # needs no seeking
    write_clip(clip, [40 * number for number in range(60)], size_wh=(640, 360))
    done = subprocess.run(
        [sys.executable, "-c", _LEAVE, str(clip)], cwd=ROOT, timeout=60, check=False
    )
    assert done.returncode == 0
