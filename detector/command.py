"""What the commands that write a network for elsewhere share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from configs.errors import ConfigError
from configs.parser import CommandParser, fail
from detector.config import AUTO, DetectorConfig
from detector.errors import DetectorError
from detector.failure import MODEL, USAGE
from detector.hardnet_detector import CenterNetDetector
from detector.table import build_detector
from streamer.errors import StreamerError
from streamer.signals import Interrupted, StopSignals


def run_command(body: Callable[[], int]) -> int:
    """The exit code of `body`, of what went wrong, or of the signal that ended it."""
    try:
        with StopSignals():
            return body()
    except Interrupted as interrupted:
        sys.stderr.write("stopped\n")
        return interrupted.exit_code
    except ValueError as error:
        return fail(str(error), USAGE)
    except (DetectorError, StreamerError, OSError) as error:
        return fail(str(error), MODEL)


def add_network(parser: CommandParser) -> None:
    """The options of run.py that say which network is meant."""
    parser.add_argument("--detector", default=AUTO, metavar="NAME", help="as for run.py")
    parser.add_argument("--weights", metavar="W", help="as for run.py")
    parser.add_argument("--imgsz", metavar="SIZE", help="network input, as for run.py")


def build_ours(given: argparse.Namespace) -> CenterNetDetector:
    """A detector whose network is one of ours, in float32 on the CPU, not yet entered.

    Args:
        given: the options of `add_network`.

    Raises:
        ValueError: these make no sense.
        DetectorError: it is another one, or `build_detector` cannot.
    """
    config = DetectorConfig(
        name=given.detector,
        weights=given.weights,
        imgsz=given.imgsz,
        device="cpu",
        precision="fp32",
    )
    detector = build_detector(config)
    if not isinstance(detector, CenterNetDetector):
        raise DetectorError(f"detector {config.name!r}: it has no network of ours to export")
    return detector


def check_target(out: Path, suffix: str) -> None:
    """Before any work: whether a file can be written there.

    Raises:
        ConfigError: its name ends otherwise, or its folder is not there.
    """
    if out.suffix != suffix:
        raise ConfigError("--out", f"expected a name ending in {suffix}, got {out.name!r}")
    if not out.parent.is_dir():
        raise ConfigError("--out", f"expected a folder that is there, got {str(out.parent)!r}")
    if out.is_dir():
        raise ConfigError("--out", f"expected a file, got the folder {str(out)!r}")
