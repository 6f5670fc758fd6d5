"""Whole pieces of one recording, put one behind the other without encoding anything again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from sinks.partial import partial_path, unwritable
from sinks.timeline import movie_timescale


@dataclass(frozen=True, slots=True)
class Piece:
    """An mp4 file that begins with a keyframe at time 0.

    Attributes:
        path: of the file.
        start_s: where in the stream it begins, media seconds.
        end_s: where the frame after its last one begins, or would.
    """

    path: Path
    start_s: Fraction
    end_s: Fraction


def join(pieces: Sequence[Piece], target: Path) -> None:
    """Write `pieces`, which follow each other in one stream, as one file that begins at 0.

    The file has its final name only once it is whole.

    Raises:
        SinkError: a piece cannot be read or the file not be written.
    """
    partial = partial_path(target)
    try:
        with av.open(str(pieces[0].path)) as first:
            time_base = first.streams.video[0].time_base or Fraction(1, 90_000)
            options = {
                "movflags": "+faststart",
                "movie_timescale": str(movie_timescale(time_base, None)),
            }
            with av.open(f"file:{partial}", "w", format="mp4", options=options) as output:
                track = output.add_stream_from_template(first.streams.video[0])
                track.time_base = time_base
                for piece in pieces:
                    _append(piece, pieces[0].start_s, output, track)
        partial.replace(target)
    except (av.FFmpegError, OSError, ValueError) as error:
        partial.unlink(missing_ok=True)
        raise unwritable(target, error) from error


def _append(
    piece: Piece,
    origin_s: Fraction,
    output: av.container.OutputContainer,
    track: av.VideoStream,
) -> None:
    with av.open(str(piece.path)) as container:
        video = container.streams.video[0]
        for packet in container.demux(video):
            if packet.pts is None or packet.dts is None:
                continue  # the empty packet that ends the file
            shift = round((piece.start_s - origin_s) / packet.time_base)
            packet.pts += shift
            packet.dts += shift
            packet.stream = track
            output.mux(packet)
