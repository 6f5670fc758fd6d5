"""`python -m analytics.mot`: track the boxes of a MOTChallenge sequence."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from analytics.mot_text import MotError, Sequence, read_boxes, read_sequence, tracks_text
from analytics.tracking.tracker import TRACKERS, TrackerConfig, build_tracker
from detector.detections import Detections

FAILED = 2


def track_sequence(
    frames: list[Detections], sequence: Sequence, config: TrackerConfig
) -> list[Detections]:
    """The tracked boxes of each frame, at the sequence's own rate."""
    tracker = build_tracker(config, rate=sequence.rate)
    size = (sequence.width, sequence.height)
    return [
        tracker.update(frame, index / sequence.rate, size) for index, frame in enumerate(frames)
    ]


def main(arguments: list[str] | None = None) -> int:
    """Read, track and write; 0, or 2 after one line on standard error."""
    options = _parse(arguments)
    try:
        sequence = read_sequence(options.seqinfo)
        frames = read_boxes(options.detections, sequence.length, has_classes=options.classes)
        config = TRACKERS[options.tracker][0]()
        tracked = track_sequence(frames, sequence, config)
        options.out.write_text(tracks_text(tracked, has_classes=options.classes), encoding="utf-8")
    except MotError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{options.out}: cannot be written: {error.strerror or error}")
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m analytics.mot", description="Track the boxes of a MOTChallenge sequence."
    )
    parser.add_argument(
        "--detections", type=Path, required=True, metavar="FILE", help="det.txt of the sequence"
    )
    parser.add_argument(
        "--seqinfo", type=Path, required=True, metavar="FILE", help="seqinfo.ini of the sequence"
    )
    parser.add_argument(
        "--tracker", choices=sorted(TRACKERS), default="bytetrack", help="(default: bytetrack)"
    )
    parser.add_argument(
        "--classes",
        action="store_true",
        help="the eighth column is a class id from 1, as from MOT16 on (default: one class)",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="tracks to write")
    return parser.parse_args(arguments)


def _fail(message: str) -> int:
    sys.stderr.write(f"error: {message}\n")
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
