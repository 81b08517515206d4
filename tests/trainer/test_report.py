"""The log of a run."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image

from ioebss.trainer.report import write_report

ROWS = [
    {"epoch": 1, "loss": 0.75, "learning_rate": 1e-3, "photos_per_second": 7.5, "iou_1": 0.5},
    {"epoch": 2, "loss": 1 / 3, "learning_rate": 5e-4, "photos_per_second": 7.25, "iou_1": 0.625},
]


def test_csv_has_a_row_per_epoch(tmp_path: Path) -> None:
    write_report(tmp_path, ROWS[:1])
    write_report(tmp_path, ROWS)
    with (tmp_path / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [list(row) for row in rows] == [list(ROWS[0])] * 2
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert rows[1]["loss"] == "0.333333" and rows[1]["learning_rate"] == "0.0005"


def test_epochs_are_whole_and_values_are_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An axis of one epoch, or of values that hardly differ, is no puzzle."""
    figures = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *a, **k: (figures.append(self), save(self, *a, **k))
    )
    write_report(tmp_path, [*ROWS[:1], {**ROWS[0], "epoch": 2, "iou_1": 0.500001}])
    for axes in figures[-1].axes:
        assert all(tick == round(tick) for tick in axes.get_xticks())
        assert not axes.yaxis.get_offset_text().get_text()


def test_picture_is_a_png_that_changes_with_the_rows(tmp_path: Path) -> None:
    write_report(tmp_path, ROWS[:1])
    first = (tmp_path / "log.png").read_bytes()
    write_report(tmp_path, ROWS)
    with Image.open(tmp_path / "log.png") as picture:
        assert picture.format == "PNG" and picture.width > 500
        picture.load()
    assert (tmp_path / "log.png").read_bytes() != first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.csv", "log.png"]
