"""`python -m detector.export`: a network of ours as an ONNX file for other programs.

The file is run by onnxruntime and held against torch before it gets its name.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from configs.parser import CommandParser
from detector.agreement import boxes_that_differ, heads_error
from detector.command import add_network, build_ours, check_target, run_command
from detector.engine import TOLERANCES
from detector.errors import DetectorError
from detector.failure import DONE
from detector.geometry import Stretch
from detector.hardnet_detector import CenterNetDetector
from detector.network import Heads, PointNetwork
from detector.onnx import load_onnxruntime, one_line, runtime_errors, session_options
from detector.onnx_graph import PICTURES, Graph, GraphForm, write_onnx
from detector.replaced import replaced

_TOP_K = 100

EPILOG = """\
examples:
  python -m detector.export --detector starter --out starter.onnx
  python -m detector.export --pixels --decode --out starter_boxes.onnx
  python -m detector.export --weights centernet_hardnet85_coco \\
      --imgsz 416x320 --batch 1 --out hardnet85.onnx

input `pictures`: (B, 3, H, W) float32, BGR, normalised; with --pixels
(B, H, W, 3) uint8 BGR.
output: `heatmap` (logits), `size` and `offset` in cells; with --decode `boxes`
(B, 100, 6): x1, y1, x2, y2 in pixels of the input, score, class. The file's
metadata has the class names, the stride and the normalisation.

exit codes: 0 done, 2 usage, 5 model, weights or file.
"""


def export(detector: CenterNetDetector, form: GraphForm, path: Path) -> str:
    """Write a detector's network to `path`, checked; what is there stays if the check fails.

    Args:
        detector: in float32, on the CPU, not entered.
        form: of the graph.
        path: of the file.

    Returns:
        How well it agrees with torch, in words.

    Raises:
        DetectorError: a package is not installed, or the file disagrees with torch.
        OSError: the file cannot be written.
    """
    network = detector.program.network
    with replaced(path) as beside:
        try:
            write_onnx(network, form, beside, metadata=_metadata(detector))
        except RuntimeError as error:  # torch's, of maps that do not fit each other
            raise DetectorError(
                f"export: the network cannot take this input: {one_line(error)}; choose an imgsz "
                "of multiples of 32"
            ) from error
        return check_file(beside, network, form)


def check_file(path: Path, network: PointNetwork, form: GraphForm) -> str:
    """Run the file and torch on the same noise; how well they agree, in words.

    Raises:
        DetectorError: onnxruntime is not installed, cannot run the file, or they disagree.
    """
    runtime = load_onnxruntime(extra="onnx")
    height, width = form.size or (160, 128)
    pictures = form.example(form.batch or 3, height, width)
    try:
        session = runtime.InferenceSession(
            path, session_options(runtime, 1, spin=False), providers=["CPUExecutionProvider"]
        )
        found = session.run(list(form.outputs), {PICTURES: pictures.numpy()})
    except runtime_errors(runtime) as error:
        raise DetectorError(f"onnxruntime: could not run the file: {one_line(error)}") from error
    with torch.no_grad():
        expected = Graph(network, form).eval()(pictures)
    if form.top_k is not None:
        return _compare_boxes(found[0], expected[0].numpy())
    error_share = heads_error(Heads(*map(torch.from_numpy, found)), Heads(*expected))
    most = TOLERANCES[torch.float32]
    if not error_share <= most:
        raise DetectorError(f"export: expected heads within {most:g} of torch, got {error_share:g}")
    return f"heads within {error_share:.1e} of torch's (at most {most:g})"


def _compare_boxes(found: np.ndarray, expected: np.ndarray) -> str:
    wrong = sum(map(boxes_that_differ, found, expected))
    if wrong:
        raise DetectorError(f"export: expected the boxes of torch, {wrong} are others")
    return "the same boxes as torch, within 0.05 px and 0.001 of score"


def _metadata(detector: CenterNetDetector) -> Mapping[str, str]:
    lookup = detector.program.lookup[0]
    scale = (lookup[255].astype(np.float64) - lookup[0]) / 255
    return {
        "class_names": "\n".join(detector.class_names),
        "stride": str(detector.program.network.stride),
        "normalisation": "value * scale + shift, blue first",
        "scale": " ".join(f"{value:.9g}" for value in scale),
        "shift": " ".join(f"{value:.9g}" for value in lookup[0]),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Export as a command line says; gives back the exit code."""
    return run_command(lambda: _export(sys.argv[1:] if arguments is None else arguments))


def _export(typed: Sequence[str]) -> int:
    options = _parser().read(typed)
    check_target(options.out, ".onnx")
    detector = build_ours(options)
    form = _form(detector, options)
    try:
        agreement = export(detector, form, options.out)
    except OSError as error:
        raise DetectorError(
            f"{str(options.out)!r}: cannot be written: {error.strerror or error}"
        ) from error
    sys.stdout.write(f"wrote {options.out}: {agreement}\n")
    return DONE


def _form(detector: CenterNetDetector, options: argparse.Namespace) -> GraphForm:
    geometry = detector.geometry
    size = None
    if not options.any_size:
        if not isinstance(geometry, Stretch):
            raise ValueError("imgsz: expected a size for a fixed input, got native; use --any-size")
        size = (geometry.height, geometry.width)
    if options.batch is not None and options.batch < 1:
        raise ValueError(f"--batch: expected at least 1, got {options.batch}")
    return GraphForm(
        pictures="pixels" if options.pixels else "nchw",
        lookup=detector.program.lookup if options.pixels else None,
        top_k=_TOP_K if options.decode else None,
        batch=options.batch,
        size=size,
    )


def _parser() -> CommandParser:
    parser = CommandParser(
        "python -m detector.export",
        "Write a network as an ONNX file, and check it against torch.",
        epilog=EPILOG,
    )
    add = parser.add_argument
    add("--out", type=Path, required=True, metavar="FILE", help="ONNX file to write")
    add_network(parser)
    add("--any-size", action="store_true", help="leave height and width open")
    add("--batch", type=int, metavar="N", help="fixed batch size (default: open)")
    add("--pixels", action="store_true", help="take uint8 BGR and normalise inside")
    add("--decode", action="store_true", help="give boxes instead of maps")
    return parser


if __name__ == "__main__":
    sys.exit(main())
