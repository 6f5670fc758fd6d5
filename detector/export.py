"""`python -m detector.export`: a network of ours as an ONNX file for other programs.

The file is run by onnxruntime and held against torch before it gets its name.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from detector.agreement import boxes_that_differ, heads_error
from detector.config import AUTO, DetectorConfig
from detector.engine import TOLERANCES
from detector.errors import DetectorError
from detector.geometry import Stretch
from detector.hardnet_detector import CenterNetDetector
from detector.network import Heads, PointNetwork
from detector.onnx import load_onnxruntime, one_line, runtime_errors, session_options
from detector.onnx_graph import PICTURES, Graph, GraphForm, write_onnx
from detector.replaced import replaced
from detector.table import build_detector
from streamer.signals import Interrupted, StopSignals

DONE, USAGE, MODEL = 0, 2, 5  # as run.py
_TOP_K = 100

EPILOG = """\
examples:
  python -m detector.export --detector starter --out starter.onnx
  python -m detector.export --detector starter --pixels --decode --out starter_boxes.onnx
  python -m detector.export --weights centernet_hardnet85_coco.pth --imgsz 416x320 --batch 1 \\
      --out hardnet85.onnx

input `pictures`: (B, 3, H, W) float32, BGR, normalised; with --pixels (B, H, W, 3) uint8 BGR.
output: `heatmap` (logits), `size` and `offset` in cells; with --decode `boxes` (B, 100, 6): x1, y1,
x2, y2 in pixels of the input, score, class. The file's metadata has the class names, the stride and
the normalisation.
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
    return until_stopped(lambda: _export(_parse(arguments)))


def until_stopped(body: Callable[[], int]) -> int:
    """The exit code of `body`, or of the signal that ended it."""
    try:
        with StopSignals():
            return body()
    except Interrupted as interrupted:
        sys.stderr.write("stopped\n")
        return interrupted.exit_code


def check_target(out: Path, suffix: str) -> None:
    """Before any work: whether a file can be written there.

    Raises:
        ValueError: its name ends otherwise, or its folder is not there.
    """
    if out.suffix != suffix:
        raise ValueError(f"--out: expected a name ending in {suffix}, got {out.name!r}")
    if not out.parent.is_dir():
        raise ValueError(f"--out: expected a folder that is there, got {str(out.parent)!r}")
    if out.is_dir():
        raise ValueError(f"--out: expected a file, got the folder {str(out)!r}")


def _export(options: argparse.Namespace) -> int:
    try:
        check_target(options.out, ".onnx")
        detector = build_ours(options)
        agreement = export(detector, _form(detector, options), options.out)
    except ValueError as error:
        return _fail(str(error), USAGE)
    except DetectorError as error:
        return _fail(str(error), MODEL)
    except OSError as error:
        return _fail(f"{str(options.out)!r}: cannot be written: {error.strerror or error}", MODEL)
    sys.stdout.write(f"wrote {options.out}: {agreement}\n")
    return DONE


def build_ours(options: argparse.Namespace) -> CenterNetDetector:
    """A detector whose network is one of ours, in float32 on the CPU, not yet entered.

    Args:
        options: `detector`, `weights` and `imgsz`, as for run.py.

    Raises:
        ValueError: these make no sense.
        DetectorError: it is another one, or `build_detector` cannot.
    """
    config = DetectorConfig(
        name=options.detector,
        weights=options.weights,
        imgsz=options.imgsz,
        device="cpu",
        precision="fp32",
    )
    detector = build_detector(config)
    if not isinstance(detector, CenterNetDetector):
        raise DetectorError(f"detector {config.name!r}: it has no network of ours to export")
    return detector


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


def _fail(reason: str, code: int) -> int:
    sys.stderr.write(f"error: {reason}\n")
    return code


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m detector.export",
        description="Write a network as an ONNX file, and check it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="to write")
    parser.add_argument("--detector", default=AUTO, metavar="NAME", help="as for run.py")
    parser.add_argument("--weights", metavar="W", help="as for run.py")
    parser.add_argument("--imgsz", metavar="SIZE", help="of the input; the weights' own")
    parser.add_argument("--any-size", action="store_true", help="leave height and width open")
    parser.add_argument("--batch", type=int, metavar="N", help="fixed; open without it")
    parser.add_argument("--pixels", action="store_true", help="normalise inside: uint8 BGR in")
    parser.add_argument("--decode", action="store_true", help="boxes out instead of maps")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
