from __future__ import annotations

from pathlib import Path

import pytest

from tests.train.running import run
from tests.train.shapes import configured

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
    last = run(configured(tmp_path, changes, count=16)).rows[-1]
    assert last.ap is not None
    assert last.ap > 0.9, last
