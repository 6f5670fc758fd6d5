"""Which data sets there are, and how each is read."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType

from train.data.coco import read_coco
from train.data.config import DataConfig, Layout
from train.data.folder import FolderSamples
from train.data.inspect import Inspection
from train.data.labels import pack
from train.data.problem import Problem
from train.data.raw import RawSet
from train.data.synthetic import SyntheticDataConfig, SyntheticSamples
from train.data.voc import read_voc
from train.data.yolo import read_yolo
from train.errors import DataError
from train.sample import Samples

logger = logging.getLogger(__name__)

AnyDataConfig = DataConfig | SyntheticDataConfig

READERS: Mapping[Layout, Callable[[DataConfig], RawSet]] = MappingProxyType(
    {"coco": read_coco, "yolo": read_yolo, "voc": read_voc}
)


def open_folder(config: DataConfig) -> tuple[FolderSamples, Inspection]:
    """The samples of a folder, and what was found wrong with its labels; no picture is opened.

    Raises:
        DataError: the label files cannot be read, or hold no picture or no box to learn.
    """
    raw = READERS[config.type](config)
    inspection = Inspection(raw, config)
    labels = pack(inspection, is_relative=raw.is_relative)
    return FolderSamples(labels, inspection.classes.names), inspection


def build_samples(config: AnyDataConfig) -> Samples:
    """The samples of a data set, as `config.broken` says where labels make no sense.

    Raises:
        DataError: the label files cannot be read, hold nothing to learn, or, where
            `config.broken` is `error`, make no sense somewhere.
    """
    if isinstance(config, SyntheticDataConfig):
        return SyntheticSamples(config)
    samples, inspection = open_folder(config)
    if inspection.problems and config.broken == "error":
        raise DataError(
            f"{inspection.problems[0]} ({_counted(inspection.problems)}); "
            "see all with python -m train.check, or leave them out with broken: skip"
        )
    if not len(samples.labels.class_id):
        raise DataError(f"data set {str(config.annotations or config.images)!r}: no box to learn")
    if inspection.problems:
        logger.warning("left out of the labels: %s", _counted(inspection.problems))
    return samples


def _counted(problems: list[Problem]) -> str:
    """Problems by kind, such as `2 box outside, 1 unknown class`."""
    counts = Counter(problem.trouble.value for problem in problems)
    return ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
