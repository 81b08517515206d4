"""`ioebss-bench accuracy` on a tiny VOC tree, with a tiny model whose masks are known."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ioebss.evaluation.cli import main
from ioebss.manifest import read_manifest

pytest.importorskip("onnxruntime")


@pytest.fixture
def bench(monkeypatch, voc_tree, tiny_model, tmp_path):
    def run(*arguments: str) -> None:
        command = ["ioebss-bench", "accuracy", "--jobs", "1"]
        if "--data" not in arguments:
            command += ["--data", str(voc_tree)]
        if "--methods" not in arguments:
            command += ["--methods", f"tiny={tiny_model}"]
        if "--out" not in arguments:
            command += ["--out", str(tmp_path / "out")]
        monkeypatch.setattr(sys, "argv", [*command, *arguments])
        main()

    return run


def refusal(capsys, bench, *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as stop:
        bench(*arguments)
    return stop.value.code, capsys.readouterr().err


def test_result_holds_the_ious_that_the_model_must_give(bench, tmp_path, capsys) -> None:
    bench("--clicks", "1")
    stored = json.loads((tmp_path / "out" / "tiny.json").read_text())
    assert [(i["scene"], i["label"]) for i in stored["instances"]] == [
        (f"scene{n}", label) for n in range(3) for label in (1, 2)
    ]
    # The first click is the middle of the 20x20 square at (60, 30): depth 10, first in row order.
    second = stored["instances"][1]
    assert second["clicks"] == [[69, 39, 1]]
    # Its mask is the disc of radius 5 dilated by a square of 15: it covers the whole object.
    ys, xs = np.mgrid[:64, :96]
    beyond_y, beyond_x = (np.maximum(abs(d) - 15, 0) for d in (ys - 39, xs - 69))
    mask = beyond_y**2 + beyond_x**2 <= 25
    labels = np.asarray(Image.open(tmp_path / "squares" / "SegmentationObject" / "scene0.png"))
    expected = 400 / np.count_nonzero(mask & (labels != 255))
    assert second["ious"] == [pytest.approx(expected, abs=1e-6)]
    assert stored["model"]["sha256"][:12] in capsys.readouterr().out


def test_a_recorded_result_replaces_the_one_measured_alike(
    bench, tmp_path, tiny_model, voc_tree
) -> None:
    bench("--clicks", "1", "--record")
    bench("--clicks", "1", "--record", "--out", str(tmp_path / "again"))
    stored = json.loads((tmp_path / "out" / "tiny.json").read_text())
    (metrics,) = read_manifest(tiny_model).metrics
    bench("--clicks", "1", "--limit", "2", "--record")  # a quick look replaces nothing
    other = voc_tree.rename(tmp_path / "other")  # nor does another data set
    bench("--clicks", "1", "--record", "--data", str(other), "--out", str(tmp_path / "third"))
    assert [(m["data"], m["n"]) for m in read_manifest(tiny_model).metrics] == [
        (["squares"], 6),
        (["squares"], 2),
        (["other"], 6),
    ]
    assert (metrics["split"], metrics["n"]) == ("val", 6)
    assert metrics["mean_iou"]["1"] == round(stored["summary"]["mean_iou"]["1"]["mean"], 4)
    assert metrics["mean_iou"]["1"] == pytest.approx(
        np.mean([i["ious"][0] for i in stored["instances"]]), abs=1e-4
    )


def test_files_table_and_repetition(bench, tmp_path, capsys) -> None:
    first, again = tmp_path / "first", tmp_path / "deep" / "again"
    bench("--out", str(first), "--limit", "3")
    printed = capsys.readouterr()
    for text in ("size 96, ", "onnxruntime-cpu", "NoC@85", "n = 3 objects"):
        assert text in printed.out
    assert "measuring 3/3" in printed.err
    bench("--out", str(again), "--instances", str(first / "instances.json"))
    bench("--out", str(tmp_path / "third"), "--instances", str(first / "tiny.json"))
    results = [
        json.loads((folder / "tiny.json").read_text())
        for folder in (first, again, tmp_path / "third")
    ]
    kept = [
        [(i["scene"], i["label"], i["ious"], i["clicks"]) for i in r["instances"]] for r in results
    ]
    assert kept[0] == kept[1] == kept[2]
    assert [(i["scene"], i["label"]) for i in results[0]["instances"]] == [
        ("scene0", 1),
        ("scene1", 1),
        ("scene2", 1),
    ]
    assert all(len(i["ious"]) == 20 for i in results[0]["instances"])
    for name in ("tiny-curve.png", "tiny-cases.png", "iou-over-clicks.png", "methods.png"):
        with Image.open(first / name) as picture:
            assert np.asarray(picture.convert("L")).std() > 10
    assert not [path for path in first.iterdir() if path.name.startswith(".")]
    tables = (first / "tables.md").read_text()
    assert "| tiny | 3 |" in tables
    assert "| tiny | 96 | the whole photo | no | onnxruntime-cpu |" in tables


@pytest.mark.parametrize("changed", ["JPEGImages", "SegmentationObject"])
def test_another_photo_or_mask_of_the_same_name_is_refused(
    bench, capsys, tmp_path, voc_tree, changed
) -> None:
    bench("--clicks", "1", "--limit", "3")
    bench("--clicks", "1", "--limit", "6")  # the same photos, more objects
    path = voc_tree / changed / "scene1.png"
    pixels = np.array(Image.open(path))
    pixels[0, 0] = 1 - pixels[0, 0].clip(0, 1)
    Image.fromarray(pixels).save(path)
    journal = tmp_path / "out" / "journals" / "tiny.jsonl"
    before = journal.read_bytes()
    code, error = refusal(capsys, bench, "--clicks", "1", "--limit", "6")
    assert code == 2
    assert "another photo or mask of the name scene1" in error
    assert journal.read_bytes() == before


def test_a_run_that_is_refused_changes_nothing(bench, capsys, tmp_path, tiny_model) -> None:
    bench("--clicks", "1", "--limit", "3")

    def files() -> dict[Path, bytes]:
        return {p: p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}

    with (tmp_path / "out" / "journals" / "tiny.jsonl").open("a") as journal:
        journal.write("torn")
    before = files()
    methods = f"first={tiny_model},tiny={tiny_model}"
    code, error = refusal(capsys, bench, "--clicks", "2", "--limit", "2", "--methods", methods)
    assert code == 2 and "holds another measurement" in error
    assert files() == before


def test_a_folder_that_another_run_measures_in_is_refused(bench, capsys, tmp_path) -> None:
    # What held means is the system's: another opening of the file, of this process too.
    (tmp_path / "out" / "journals").mkdir(parents=True)
    with (tmp_path / "out" / "journals" / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        code, error = refusal(capsys, bench, "--clicks", "1")
    assert code == 2
    assert "another ioebss-bench is at work in" in error and "take another --out" in error
    assert [path.name for path in (tmp_path / "out").rglob("*")] == ["journals", ".lock"]
    bench("--clicks", "1")


def test_a_journal_without_fingerprints_goes_on(bench, tmp_path) -> None:
    bench("--clicks", "1")
    journal = tmp_path / "out" / "journals" / "tiny.jsonl"
    head, *rows = [json.loads(line) for line in journal.read_text().splitlines()]
    assert all(len(row.pop("photo")) == 16 for row in rows)
    old = "".join(f"{json.dumps(line)}\n" for line in (head, *rows))
    journal.write_text(old)
    bench("--clicks", "1")
    assert journal.read_text() == old


def test_a_trimap_run_has_one_mask_for_each_object(bench, tmp_path) -> None:
    bench("--protocol", "trimap")
    stored = json.loads((tmp_path / "out" / "tiny.json").read_text())
    assert all(len(row["ious"]) == 1 and not row["clicks"] for row in stored["instances"])
    assert all(row["ious"][0] > 0.5 for row in stored["instances"])
    assert stored["summary"]["targets"] == {}
    assert "NoC" not in (tmp_path / "out" / "tables.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--clicks", "0"), "at most 0 clicks"),
        (("--limit", "0"), "--limit 0"),
        (("--min-area", "0"), "--min-area 0"),
        (("--methods", "abacus"), "there is no 'abacus'; there are ioebss"),
        (("--methods", "a=x.onnx,a=y.onnx"), "a is given twice"),
        (("--methods", "../a=x.onnx"), "cannot name files"),
        (("--methods", "instances=x.onnx"), "no method can be named instances"),
        (("--methods", ","), "names no method"),
        (("--per-class", "2"), "names no classes"),
        (("--instances", "x.json", "--one-a-photo"), "leave --one-a-photo and --min-area out"),
        (("--instances", "x.json", "--min-area", "5"), "leave --one-a-photo and --min-area out"),
        (("--methods", "d=dios:x.engine"), "a graph cut refines ONNX files and runs"),
        (("--jobs", "0"), "--jobs 0"),
        (("--size", "100"), "multiple of 32"),
        (("--backend", "abacus"), "no backend"),
        (
            ("--methods", "x.engine", "--record"),
            "--record writes into the manifest of an ONNX file",
        ),
    ],
)
def test_wrong_usage(bench, capsys, arguments, message) -> None:
    code, error = refusal(capsys, bench, *arguments)
    assert code == 2
    assert message in error


def test_what_cannot_be_measured_or_written(bench, capsys, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    for arguments, message in (
        (("--out", str(tmp_path / "file" / "out")), "cannot be written"),
        (("--split", "absent"), "absent.txt is missing"),
        (("--methods", str(tmp_path / "none.onnx")), "no such model file"),
        (("--min-area", "5000"), "no object has 5000 pixels"),
        (("--instances", str(tmp_path / "none.json")), "cannot be read"),
    ):
        code, error = refusal(capsys, bench, *arguments)
        assert code == 1
        assert message in error


def test_pictures_without_matplotlib_are_refused_before_measuring(
    bench, capsys, monkeypatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    code, error = refusal(capsys, bench)
    assert code == 1
    assert 'pip install "ioebss[bench]"' in error
    assert "measuring" not in error


def test_data_sets_and_evaluation_import_no_heavy_library() -> None:
    heavy = ("torch", "onnx", "onnxruntime", "matplotlib", "rich")
    code = (
        "import sys, ioebss.trainer.datasets, ioebss.evaluation.cli\n"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path.home())
    assert done.stdout.strip() == "[]"
