"""Which detector is meant where nobody named one: its weights say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

from detector.config import AUTO, DetectorConfig
from detector.download import Progress
from detector.weights import SHIPPED, UNTRAINED, WEIGHTS, resolve_weights

_DEFAULT = "starter"
_PUBLISHED = "hardnet85"  # of checkpoints that do not say what they are for

ADVICE = (
    "starter, a small network that came with the program; for accuracy "
    "--weights centernet_hardnet85_coco (150 MB, best on a GPU)"
)


def choose_detector(
    config: DetectorConfig, *, cache_dir: Path | None, on_progress: Progress | None
) -> DetectorConfig:
    """The config with the name of a detector; blocks while weights are fetched to be asked.

    Without weights it is the network that comes with the program. Weights of a table, and files
    written by this program, know their detector; an ONNX file is a YOLOX, any other checkpoint a
    CenterNet on HarDNet-85.

    Args:
        config: its name may be AUTO.
        cache_dir: where fetched weights live; None for the user's cache folder.
        on_progress: as for `resolve_weights`.

    Raises:
        WeightsError: the weights cannot be had or read.
    """
    if config.name != AUTO:
        return config
    return replace(config, name=_name_for(config.weights, cache_dir, on_progress))


def _name_for(weights: str | None, cache_dir: Path | None, on_progress: Progress | None) -> str:
    if weights is None:
        return _DEFAULT
    known = SHIPPED.get(weights) or WEIGHTS.get(weights)
    if known is not None and not Path(weights).is_file():
        return known.architecture
    if weights == UNTRAINED:
        return _PUBLISHED
    if PurePosixPath(weights.partition("?")[0]).suffix.lower() == ".onnx":
        return "yolox"
    path = resolve_weights(weights, cache_dir=cache_dir, on_progress=on_progress)
    from detector.checkpoint import read_checkpoint  # torch takes seconds to load

    about = read_checkpoint(path).about
    return _PUBLISHED if about is None else about.architecture
