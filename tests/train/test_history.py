from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from train.curves import curves
from train.history import HISTORY_FILE, EpochRow, best_epoch, write_table

ROW = EpochRow(epoch=1, steps=4, lr=0.01, loss=2.0, heatmap=1.5, size=4.0, offset=0.6, overlap=0.0)


@pytest.mark.parametrize(
    ("measured", "best"),
    [
        pytest.param([], None, id="none"),
        pytest.param([(None, None), (None, None)], None, id="never measured"),
        pytest.param([(3.0, 0.1), (2.0, 0.3), (1.0, 0.2)], 2, id="highest AP"),
        pytest.param([(3.0, 0.0), (2.0, 0.0), (2.5, 0.0)], 2, id="equal AP: lowest loss"),
        pytest.param([(3.0, None), (2.0, None)], 2, id="no AP: lowest loss"),
        pytest.param([(None, 0.0), (9.0, 0.0)], 2, id="a loss that is no number is never best"),
    ],
)
def test_best_epoch(measured: list[tuple[float | None, float | None]], best: int | None) -> None:
    rows = [
        replace(ROW, epoch=index + 1, val_loss=loss, ap=ap)
        for index, (loss, ap) in enumerate(measured)
    ]
    found = best_epoch(rows)
    assert (found.epoch if found else None) == best


def test_row_comes_back_from_a_checkpoint_and_other_versions_columns_are_left_out() -> None:
    row = replace(ROW, ap=0.5)
    assert EpochRow.read({**row.plain(), "of_tomorrow": 3}) == row


def test_table_has_a_line_an_epoch_and_nothing_where_nothing_was_measured(tmp_path: Path) -> None:
    write_table(tmp_path, [ROW, replace(ROW, epoch=2, ap=0.123456789)])
    names, first, second = (tmp_path / HISTORY_FILE).read_text().splitlines()
    assert names.startswith("epoch,steps,lr,loss,")
    place = names.split(",").index("ap")
    assert (first.split(",")[place], second.split(",")[place]) == ("", "0.123457")


def test_curves_show_a_panel_for_what_was_measured() -> None:
    rows = [replace(ROW, epoch=epoch, loss=8 / epoch) for epoch in (1, 2, 3)]
    few = cv2.imdecode(np.frombuffer(curves(rows), np.uint8), cv2.IMREAD_COLOR)
    rows = [replace(row, ap=row.epoch / 10, pictures_per_second=9.0) for row in rows]
    more = cv2.imdecode(np.frombuffer(curves(rows), np.uint8), cv2.IMREAD_COLOR)
    assert few is not None
    assert more is not None
    assert more.shape[0] > few.shape[0]  # five panels in two rows, seven in three
    assert len(np.unique(more.reshape(-1, 3), axis=0)) > 10  # not an empty page
