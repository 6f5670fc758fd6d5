"""The detectors there are, by name, and how a config becomes one of them.

A detector's module is imported when it is asked for: torch and onnxruntime take seconds to load.
"""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from detector.choice import choose_detector
from detector.config import DetectorConfig
from detector.contract import Detector
from detector.download import Progress
from detector.errors import DetectorError, WeightsError
from detector.stride import StridedDetector
from detector.weights import SHIPPED, UNTRAINED, WEIGHTS, resolve_weights


@dataclass(frozen=True, slots=True)
class WeightsNeed:
    """Which weights a detector takes.

    Attributes:
        default: a key of SHIPPED or WEIGHTS, or None where a person has to choose.
        choices: what a person may pass, in words.
        may_be_untrained: whether "untrained" is one of them.
    """

    default: str | None
    choices: str
    may_be_untrained: bool


@dataclass(frozen=True, slots=True)
class DetectorEntry:
    """One row of the table.

    Attributes:
        build: from the config and a weights file; without a file, untrained.
        weights: None where the detector has none.
    """

    build: Callable[[DetectorConfig, Path | None], Detector]
    weights: WeightsNeed | None


def _build_centernet(config: DetectorConfig, weights: Path | None) -> Detector:
    from detector.hardnet_detector import CenterNetDetector

    return CenterNetDetector.from_config(config, weights)


def _build_yolox(config: DetectorConfig, weights: Path | None) -> Detector:
    from detector.yolox import YoloxDetector

    return YoloxDetector.from_config(config, weights)


def _build_none(config: DetectorConfig, _: Path | None) -> Detector:
    from detector.none import NoneDetector

    return NoneDetector(config)


DETECTORS: Mapping[str, DetectorEntry] = MappingProxyType(
    {
        "hardnet85": DetectorEntry(
            _build_centernet,
            WeightsNeed(
                "centernet_hardnet85_coco",
                "a checkpoint of CenterNet on HarDNet-85, or 'untrained'",
                may_be_untrained=True,
            ),
        ),
        "hardnet68": DetectorEntry(
            _build_centernet,
            WeightsNeed(
                None,
                "a checkpoint of CenterNet on HarDNet-68 (none is published), or 'untrained'",
                may_be_untrained=True,
            ),
        ),
        "fchardnet70": DetectorEntry(
            _build_centernet,
            WeightsNeed(
                "streets_fchardnet70",
                "a checkpoint of FC-HarDNet-70 trained here, or 'untrained'",
                may_be_untrained=True,
            ),
        ),
        "starter": DetectorEntry(
            _build_centernet,
            WeightsNeed(
                "starter_coco", "a checkpoint of the starter, or 'untrained'", may_be_untrained=True
            ),
        ),
        "yolox": DetectorEntry(
            _build_yolox,
            WeightsNeed(
                None,
                "an ONNX file of YOLOX for COCO, such as yolox_nano.onnx",
                may_be_untrained=False,
            ),
        ),
        "none": DetectorEntry(_build_none, None),
    }
)


def build_detector(
    config: DetectorConfig,
    *,
    cache_dir: Path | None = None,
    on_progress: Progress | None = None,
) -> Detector:
    """The detector a person asked for, not yet entered; blocks while weights are fetched.

    Args:
        config: `name` is a key of DETECTORS, AUTO, or `package.module:Class`, called as
            Class(config).
        cache_dir: where fetched weights live; None for the user's cache folder.
        on_progress: called with (file name, bytes so far, bytes in all or None).

    Raises:
        DetectorError: there is no such detector, or it cannot be built.
        WeightsError: its weights are missing, damaged, or for another network.
        ValueError: a setting is no such word.
    """
    detector = _build_every_frame(config, cache_dir, on_progress)
    if config.detect_every == 1:
        return detector
    return StridedDetector(detector, config.detect_every)


def _build_every_frame(
    config: DetectorConfig, cache_dir: Path | None, on_progress: Progress | None
) -> Detector:
    if ":" in config.name:
        return _build_from_outside(config)
    config = choose_detector(config, cache_dir=cache_dir, on_progress=on_progress)
    entry = DETECTORS.get(config.name)
    if entry is None:
        near = difflib.get_close_matches(config.name, DETECTORS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise DetectorError(
            f"detector: expected one of {', '.join(DETECTORS)}, or package.module:Class, "
            f"got {config.name!r}{hint}"
        )
    weights = None
    if entry.weights is not None:
        weights = _find_weights(config, entry.weights, cache_dir, on_progress)
    return entry.build(config, weights)


def _find_weights(
    config: DetectorConfig,
    need: WeightsNeed,
    cache_dir: Path | None,
    on_progress: Progress | None,
) -> Path | None:
    spec = need.default if config.weights is None else config.weights
    if spec == UNTRAINED and need.may_be_untrained:
        return None
    if spec is None or spec == UNTRAINED:
        got = "nothing" if spec is None else repr(spec)
        raise WeightsError(f"weights of {config.name!r}: expected {need.choices}, got {got}")
    known = SHIPPED.get(spec) or WEIGHTS.get(spec)
    if known is not None and known.architecture != config.name:  # before it is fetched
        raise WeightsError(
            f"weights of {config.name!r}: expected {need.choices}, got {spec!r}, which are for "
            f"{known.architecture!r}"
        )
    return resolve_weights(spec, cache_dir=cache_dir, on_progress=on_progress)


def _build_from_outside(config: DetectorConfig) -> Detector:
    """The detector of a `package.module:Class`."""
    if re.fullmatch(r"\w+(\.\w+)*:\w+", config.name) is None:
        raise DetectorError(f"detector: expected package.module:Class, got {config.name!r}")
    module_name, _, class_name = config.name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise DetectorError(
            f"detector {config.name!r}: expected a module that can be imported, got: {error}"
        ) from error
    if not hasattr(module, class_name):
        near = difflib.get_close_matches(class_name, dir(module), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise DetectorError(
            f"detector {config.name!r}: expected a class of {module_name}, which has no "
            f"{class_name!r}{hint}"
        )
    found = getattr(module, class_name)
    if not (isinstance(found, type) and hasattr(found, "submit")):  # nothing else is ever called
        raise DetectorError(
            f"detector {config.name!r}: expected a class with a submit(), got {found!r}"
        )
    return _checked(found(config), config.name)


def _checked(candidate: object, name: str) -> Detector:
    members = (
        "class_names",
        "times",
        "max_batch",
        "depth",
        "submit",
        "collect",
        "__enter__",
        "__exit__",
    )
    # By its class first: a property may not be readable before the detector is entered.
    missing = [
        member
        for member in members
        if not hasattr(type(candidate), member) and not hasattr(candidate, member)
    ]
    if missing:
        raise DetectorError(
            f"detector {name!r}: expected the members of detector.contract.Detector, "
            f"without {', '.join(missing)}; add them"
        )
    detector: Detector = candidate  # type: ignore[assignment]  # just checked
    return detector
