"""`python -m detector.quantise`: a network in 8-bit integers, if it still finds the same boxes.

Pictures of what the network will see are needed: three of four calibrate, the fourth judges.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from configs.parser import CommandParser, fail
from detector.command import add_network, build_ours, check_target, run_command
from detector.errors import DetectorError
from detector.failure import DONE
from detector.hardnet_detector import CenterNetDetector
from detector.int8 import Agreement, Model, agreement, boxes_of, load_nncf, quantised, repaired
from detector.prepared import fingerprint, prepare
from detector.program import write_pictures
from detector.runtime_quantised import FINGERPRINT, SHARE
from streamer.frame import Frame
from streamer.sources.inlets import open_inlets

BOUND = 0.95  # least share of boxes in common; bf16 of the starter reaches 0.96 without the slack
FEWEST = 40  # pictures; what fewer say is chance
_JUDGING = 4  # one picture of so many
_SKIPPED = 5  # frames of a recording between two that are taken: neighbours show the same

EPILOG = """\
examples:
  python -m detector.quantise --detector fchardnet70 --source street.mp4 \\
      --out street.int8.xml
  python run.py --detector fchardnet70 --source street.mp4 \\
      --quantised street.int8.xml

exit codes: 0 written, 1 refused: too few boxes in common, 2 usage,
5 model, weights or source.
"""
REFUSED = 1


def quantise(
    detector: CenterNetDetector, inputs: Sequence[NDArray[np.float32]]
) -> tuple[Model, Agreement]:
    """The better of two ways, and how it agrees on pictures it has not seen.

    Args:
        detector: in float32, on the CPU, not entered.
        inputs: (1, H, W, 3) each, normalised, in the order they were taken.

    Raises:
        DetectorError: a package is not installed, or there are too few pictures.
    """
    if len(inputs) < FEWEST:
        raise DetectorError(
            f"quantisation: expected at least {FEWEST} pictures, got {len(inputs)}; add sources"
        )
    openvino, _ = load_nncf()
    prepared = prepare(detector.program.network, folder=None, name="openvino")
    model = openvino.Core().read_model(prepared.path)
    calibration = [each for index, each in enumerate(inputs) if index % _JUDGING]
    held_out = inputs[::_JUDGING]
    expected = boxes_of(model, held_out)
    _say(f"{len(calibration)} pictures to calibrate with, {len(held_out)} to judge by")
    candidate = quantised(model, calibration)
    verdict = agreement(boxes_of(candidate, held_out), expected)
    _say(f"plain: {_words(verdict)}")
    if verdict.boxes and verdict.share < BOUND:
        _say("giving layers back their float, the worst first")
        half = len(calibration) // 2
        candidate = repaired(model, calibration[:half], calibration[half:], least=BOUND)
        verdict = agreement(boxes_of(candidate, held_out), expected)
        _say(f"repaired: {_words(verdict)}")
    return candidate, verdict


def main(arguments: Sequence[str] | None = None) -> int:
    """Quantise as a command line says; gives back the exit code."""
    return run_command(lambda: _quantise(sys.argv[1:] if arguments is None else arguments))


def _quantise(typed: Sequence[str]) -> int:
    options = _parser().read(typed)
    check_target(options.out, ".xml")
    detector = build_ours(options)
    inputs = [_input(detector, frame) for frame in _frames(options.source, options.pictures)]
    made_for = fingerprint(detector.program.network)
    model, verdict = quantise(detector, inputs)
    if verdict.share < BOUND:
        return fail(f"refused: expected {BOUND:.0%} of the boxes, got {_words(verdict)}", REFUSED)
    model.set_rt_info(made_for, FINGERPRINT)
    model.set_rt_info(f"{verdict.share:.4f}", SHARE)
    load_nncf()[0].save_model(model, options.out, compress_to_fp16=False)
    _say(f"wrote {options.out}: {_words(verdict)}")
    return DONE


def _frames(specs: Sequence[str], most: int) -> Iterator[Frame]:
    """Single pictures all, of recordings every few frames, the sources in turn."""
    count = 0
    for inlet in open_inlets(specs):
        with inlet.source as source:
            step = 1 if source.stream.kind == "images" else _SKIPPED
            for index, frame in enumerate(source):
                if index % step == 0:
                    yield frame
                    count += 1
                if count >= most:
                    return


def _input(detector: CenterNetDetector, frame: Frame) -> NDArray[np.float32]:
    place = detector.geometry.place(frame.width, frame.height)
    pictures = np.empty((1, place.height, place.width, 3), np.float32)
    write_pictures([frame], [place], detector.program.lookup, pictures)
    return pictures


def _words(verdict: Agreement) -> str:
    return f"{verdict.share:.1%} of {verdict.boxes} boxes in common with fp32"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _parser() -> CommandParser:
    parser = CommandParser(
        "python -m detector.quantise",
        "Quantise a network to int8, and write it only if it finds the same boxes.",
        epilog=EPILOG,
    )
    add = parser.add_argument
    add("--source", action="append", required=True, metavar="S", help="as for run.py; repeatable")
    add("--out", type=Path, required=True, metavar="FILE", help="OpenVINO .xml file to write")
    add_network(parser)
    add("--pictures", type=int, default=300, metavar="N", help="pictures at most (default: 300)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
