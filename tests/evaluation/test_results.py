"""Summaries, their tables, and result files."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ioebss.clicks import Click
from ioebss.errors import DataError, UsageError
from ioebss.evaluation.instances import Instance
from ioebss.evaluation.network_table import network_table
from ioebss.evaluation.protocol import Course, Measurement
from ioebss.evaluation.result_files import read_instances, write_result
from ioebss.evaluation.run_table import run_table
from ioebss.evaluation.summary import summarise
from ioebss.evaluation.tables import effort_table, format_summary

IOUS = [(0.9, 0.95, 0.95), (0.5, 0.85, 0.875), (0.1, 0.2, 0.3)]


@pytest.fixture
def measurements() -> list[Measurement]:
    return [
        Measurement(
            Instance(i, f"scene{i}", 1, 400),
            Course((Click(3, i), Click(5, 6, 0)), ious, ious[::-1], (0.25,) * 3, (10.0 * i, 20.0)),
        )
        for i, ious in enumerate(IOUS)
    ]


def test_summary_by_hand(measurements) -> None:
    summary = summarise(measurements)
    assert (summary.objects, summary.max_clicks) == (3, 3)
    assert list(summary.mean_iou) == [1, 2, 3]
    assert summary.mean_iou[2].mean == pytest.approx(2 / 3)
    assert summary.targets[0.85].noc.mean == pytest.approx((1 + 2 + 3) / 3)
    assert summary.targets[0.85].failures == 1
    assert summary.targets[0.9].noc.mean == pytest.approx((1 + 3 + 3) / 3)
    assert summary.targets[0.9].failures == 2
    assert summary.pixel_accuracy[1].mean == pytest.approx((0.95 + 0.875 + 0.3) / 3)
    assert summary.boundary_iou[3].mean == 0.25
    assert summary.median_ms == 20


def test_the_last_click_is_always_shown() -> None:
    course = Course((Click(0, 0),), (0.5,) * 7, (1.0,) * 7, (0.5,) * 7, (1.0,))
    summary = summarise([Measurement(Instance(0, "a", 1, 1), course)])
    assert list(summary.mean_iou) == [1, 2, 3, 5, 7]


def test_nothing_measured_has_no_summary() -> None:
    with pytest.raises(UsageError, match="nothing was measured"):
        summarise([])


def test_table(measurements) -> None:
    lines = [line.split() for line in format_summary(summarise(measurements)).splitlines()]
    assert lines[2][:2] == ["2", "0.667"]
    noc = next(line for line in lines if line[:1] == ["NoC@85"])
    assert noc[1] == "2.00"
    assert noc[3:] == ["1", "of", "3", "(33.3", "%)"]


def cells(table: str) -> list[list[str]]:
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_objects_that_are_never_good_are_called_so(measurements) -> None:
    heads, _, row = cells(effort_table({"a": summarise(measurements)}))
    named = dict(zip(heads, row, strict=True))
    # The second reaches 0.85 after two clicks: only the third never does, whatever comes after.
    assert (named["never 85 % in 3"], named["never 90 % in 3"]) == ("33.3 %", "66.7 %")


def test_one_mask_takes_no_number_of_clicks() -> None:
    course = Course((), (0.5,), (0.75,), (0.25,), (1.0,))
    summary = summarise([Measurement(Instance(0, "a", 1, 1), course)])
    assert summary.targets == {}
    assert "NoC" not in format_summary(summary)
    heads, _, row = cells(effort_table({"a": summary}))
    assert heads == ["method", "pixel accuracy@1", "boundary IoU@1", "ms per click"]
    assert [cell.split()[0] for cell in row] == ["a", "0.750", "0.250", "1"]


def run_of(architecture: str, label_loss: float, **changes: object) -> dict[str, object]:
    training = {"label_loss": label_loss, "updates": 9, "reduced": False}
    model = {"architecture": architecture, "planes": "discs", "training": training}
    return (
        model
        | {k: v for k, v in changes.items() if k != "reduced"}
        | ({"training": training | {"reduced": True}} if "reduced" in changes else {})
    )


def first_clicks(count: int) -> dict[str, tuple[float, ...]]:
    return {"ious": (0.5,) * count, "accuracies": (0.7,) * count, "boundary_ious": (0.2,) * count}


def test_networks_of_table_4_stand_in_the_papers_order_without_those_not_given() -> None:
    course = Course((Click(0, 0),), (0.5,) * 20, (0.75,) * 20, (0.25,) * 20, (1.0,))
    resnet = "deeplabv3plus-resnet101"
    models = {
        "r0": run_of(resnet, 0),
        "r1": run_of(resnet, 1.0),
        "x": run_of("deeplabv3plus-xception65", 1.0),
        "f": run_of("fcn8s-vgg16", 0, reduced=True),
        "small": run_of("deeplabv3plus-resnet18", 1.0),
        "distances": run_of("fcn8s-vgg16", 0, planes="distances"),
        "exported": {k: v for k, v in run_of(resnet, 1.0).items() if k != "training"},
        "classical": {"name": "watershed", "files": {}},
    }
    summary = summarise([Measurement(Instance(0, "a", 1, 1), course)])
    table = network_table(models, dict.fromkeys(models, summary))
    assert table is not None
    heads, _, *rows = cells(table)
    assert [row[:3] for row in rows] == [
        ["FCN-8s, reduced", "no", "f"],
        ["DeepLabv3+ Xception-65", "yes", "x"],
        ["DeepLabv3+ ResNet-101", "yes", "r1"],
        ["DeepLabv3+ ResNet-101", "no", "r0"],
    ]
    assert (heads[5], rows[2][5], heads[6], rows[2][6]) == ("mIoU@20", "0.500", "paper", "0.941")
    assert [row[6] for row in rows if row[2] != "r1"] == ["not known here"] * 3
    assert network_table({"small": models["small"]}, {"small": summary}) is None
    # The paper's NoC is of 20 clicks at most.
    few = summarise([Measurement(Instance(0, "a", 1, 1), replace(course, **first_clicks(5)))])
    for one, noc in ((summary, "4.72"), (few, "not known here")):
        text = network_table({"r1": models["r1"]}, {"r1": one})
        assert text is not None
        heads, _, row = cells(text)
        assert row[heads.index("NoC@85") + 1] == noc


def test_how_each_method_was_run() -> None:
    models = {
        "ours": {"size": 320, "zoom": {"margin": 1.4}, "flip": True, "backend": "onnxruntime-cpu"},
        "dios": {
            "size": 64,
            "zoom": None,
            "flip": False,
            "backend": "torch",
            "constants": {"a": 1},
        },
        "contour": {"name": "contour", "files": {}, "constants": {"side": 256}},
        "watershed": {"name": "watershed", "files": {}, "constants": {"sigma": 1.0}},
        "pair": {"name": "pair", "files": {"e.onnx": "ab", "d.onnx": "cd"}},
    }
    assert [row[1:] for row in cells(run_table(models))[2:]] == [
        ["320", "the whole photo, then the object", "yes", "onnxruntime-cpu"],
        ["64", "the whole photo", "no", "torch, then a graph cut"],
        ["256 at most", "the whole photo", "no", "-"],
        ["1024 at most", "the whole photo", "no", "-"],
        ["-", "the whole photo", "no", "-"],
    ]


def test_a_result_holds_everything_and_lists_its_objects(measurements, tmp_path) -> None:
    path = tmp_path / "result.json"
    write_result(path, {"commit": "abc"}, summarise(measurements), measurements)
    stored = json.loads(path.read_text())
    assert (stored["format"], stored["commit"]) == (2, "abc")
    assert stored["summary"]["mean_iou"]["1"]["mean"] == pytest.approx(0.5)
    assert stored["instances"][1]["ious"] == [0.5, 0.85, 0.875]
    assert stored["instances"][1]["clicks"] == [[3, 1, 1], [5, 6, 0]]
    assert stored["instances"][1]["milliseconds"] == [10, 20]
    assert read_instances(path) == [m.instance for m in measurements]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"instances": []}', '{"instances": [{"index": 1}]}', '{"instances": 3}',
     '{"instances": [{"index": "0", "scene": "a", "label": 1, "area": 2}]}'],
)  # fmt: skip
def test_what_is_no_result_is_refused(text, tmp_path) -> None:
    path = tmp_path / "result.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"result\.json"):
        read_instances(path)


def test_an_object_that_is_listed_twice_would_count_twice(tmp_path) -> None:
    row = {"index": 0, "scene": "a", "label": 1, "area": 2}
    path = tmp_path / "list.json"
    path.write_text(json.dumps({"instances": [row, row | {"label": 2}, row]}))
    with pytest.raises(DataError, match="lists object 1 of a twice"):
        read_instances(path)


def test_a_missing_result_is_refused(tmp_path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_instances(tmp_path / "none.json")
