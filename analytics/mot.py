"""`python -m analytics.mot`: track the boxes of a MOTChallenge sequence."""

from __future__ import annotations

import sys
from pathlib import Path

from analytics.mot_text import MotError, Sequence, read_boxes, read_sequence, tracks_text
from analytics.tracking.tracker import TRACKERS, TrackerConfig, build_tracker
from configs.errors import ConfigError
from configs.parser import CommandParser, fail
from detector.detections import Detections


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
    try:
        options = _parser().read(sys.argv[1:] if arguments is None else arguments)
        sequence = read_sequence(options.seqinfo)
        frames = read_boxes(options.detections, sequence.length, has_classes=options.classes)
        config = TRACKERS[options.tracker][0]()
        tracked = track_sequence(frames, sequence, config)
        _write(options.out, tracks_text(tracked, has_classes=options.classes))
    except (ConfigError, MotError) as error:
        return fail(str(error))
    return 0


def _write(out: Path, text: str) -> None:
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise MotError(f"{out}: cannot be written: {error.strerror or error}") from error


def _parser() -> CommandParser:
    parser = CommandParser("python -m analytics.mot", "Track the boxes of a MOTChallenge sequence.")
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
    return parser


if __name__ == "__main__":
    sys.exit(main())
