from __future__ import annotations

from pathlib import Path

import pytest

from detector.checkpoint import load_weights
from detector.config import DetectorConfig
from detector.device import choose_compute
from detector.geometry import parse_imgsz
from detector.hardnet_detector import CenterNetDetector
from tests.detector.tiny import RECIPE, tiny_network
from tests.train.running import run
from tests.train.shapes import configured
from train.checkpoint import LAST
from train.eval.evaluation import evaluate
from train.eval.look import find_pictures
from train.eval.truth import read_truth

# Everything that makes pictures differ from one epoch to the next is off.
STILL = {
    "placement": {"scales": [1.0], "distortion": 0, "shift": 0, "flip": 0},
    "colour": {"strength": 0, "lighting": 0},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "epochs"),
    [
        # The published 0.05 is for boxes of up to 128 cells; these have 4 to 7.
        pytest.param({"size": 0.5, "offset": 1.0}, 120, id="distances"),
        pytest.param({"box": "giou"}, 70, id="overlaps"),
    ],
)
def test_sixteen_pictures_can_be_learnt_by_heart(
    tmp_path: Path, loss: dict[str, object], epochs: int
) -> None:
    changes = {
        "loss": loss,
        "augment": STILL,
        "optimizer": {"kind": "adamw", "lr": 0.01, "weight_decay": 0, "clip_norm": 10},
        "schedule": {"epochs": epochs, "decay": "cosine", "warmup": 2},
        "learner": {"precision": "fp32", "average_decay": 0.98, "average_ramp": 20},
        "batch": 8,
        "val_every": epochs,
    }
    config = configured(tmp_path, changes, count=16)
    last = run(config).rows[-1]
    assert last.ap is not None
    assert last.ap > 0.9, last
    # The detector folds the normalisation into the convolutions; a score's last bit may differ.
    assert _detected(config.output / LAST, tmp_path / "shapes") == pytest.approx(last.ap, abs=1e-3)


def _detected(weights: Path, folder: Path) -> float:
    """The AP of the same weights in the application's own detector, on the pictures as files."""
    network = tiny_network()
    load_weights(network, weights)
    detector = CenterNetDetector(
        network,
        RECIPE,
        parse_imgsz("64"),
        choose_compute("cpu", "fp32"),
        DetectorConfig(score_threshold=0),
    )
    truth = read_truth(folder / "labels.json")
    return evaluate(detector, truth, find_pictures(truth, folder)).summary.ap
