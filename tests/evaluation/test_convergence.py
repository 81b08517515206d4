"""Convergence with and without Label Loss: killed and started again it ends the same; and what the
report says, worked by hand."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ioebss.errors import UsageError
from ioebss.evaluation.cli import main
from ioebss.evaluation.convergence import Lists, run_convergence
from ioebss.evaluation.convergence_report import Curve, format_convergence, write_convergence
from ioebss.trainer.recipe import load_recipe

TIMEOUT = 240
TINY = (
    "pretrained=false",
    "network.architecture=fcn8s",
    "network.backbone=vgg16",
    "network.width=0.03",
    "data.size=32",
    "data.photos_per_epoch=8",
    "data.validation_photos=2",
    "optimisation.epochs=2",
)


@pytest.fixture
def command(ellipses: Path) -> list[str]:
    files = ["--data", str(ellipses), "--seeds", "7", "--device", "cpu"]
    options = ["--workers", "0", "--checkpoint-every", "0"]
    overrides = [word for key in TINY for word in ("--set", key)]
    program = str(Path(sys.executable).with_name("ioebss-bench"))
    return [program, "convergence", *files, *options, *overrides]


def run(command: list[str], out: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*command, "--out", str(out)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def kill_within_second_run(command: list[str], out: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    state = out / "without-label-loss-7" / "checkpoint.json"
    with subprocess.Popen(
        [*command, "--out", str(out)], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + TIMEOUT
        while not state.exists():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)


def test_killed_and_started_again_ends_the_same(tmp_path: Path, command: list[str]) -> None:
    broken, unbroken = tmp_path / "broken", tmp_path / "unbroken"
    kill_within_second_run(command, broken)
    partial = list(csv.DictReader((broken / "convergence.csv").open()))
    assert {row["kind"] for row in partial} == {"with-label-loss"}, "what is done is written"
    resumed, straight = run(command, broken), run(command, unbroken)
    assert resumed.returncode == straight.returncode == 0, resumed.stderr + straight.stderr
    assert "resuming at epoch" in resumed.stderr
    # Loss and IoU, not the photos per second, are the same to the last digit.
    tables = [list(csv.DictReader((out / "convergence.csv").open())) for out in (broken, unbroken)]
    for one, other in zip(*tables, strict=True):
        del one["photos_per_second"], other["photos_per_second"]
        assert one == other
    assert [(r["kind"], r["seed"], r["iteration"]) for r in tables[0]] == [
        (kind, "7", iteration)
        for kind in ("with-label-loss", "without-label-loss")
        for iteration in ("2", "4")
    ]
    assert resumed.stdout == straight.stdout == (broken / "convergence.md").read_text("utf-8")
    assert Image.open(broken / "convergence.png").size[0] > 600
    # The two kinds differ in Label Loss alone.
    recipes = [
        json.loads((broken / f"{kind}-7" / "checkpoint.json").read_text())["recipe"]
        for kind in ("with-label-loss", "without-label-loss")
    ]
    assert [recipe["loss"].pop("label") for recipe in recipes] == [1.0, 0.0]
    assert recipes[0] == recipes[1] and recipes[0]["seed"] == 7


def curve(kind: str, seed: int, *ious: float) -> Curve:
    rows = [
        {"iteration": 10.0 * (i + 1), "loss": 1.0, "iou_1": v, "iou_3": v, "pairs_iou": v}
        for i, v in enumerate(ious)
    ]
    return Curve(kind, seed, rows)


def test_the_table_worked_by_hand() -> None:
    text = format_convergence(
        [
            curve("with", 0, 0.50, 0.60),
            curve("without", 0, 0.40, 0.62),
            curve("with", 1, 0.54, 0.70),
            curve("without", 1, 0.50, 0.66),
        ]
    )
    # Standard deviations of two numbers: their difference over the root of 2.
    assert (
        "| 10 | 0.5200 ± 0.0283 | 0.4500 ± 0.0707 | +0.0700 (+0.0400 to +0.1000) |\n"
        "| 20 | 0.6500 ± 0.0707 | 0.6400 ± 0.0283 | +0.0100 (-0.0200 to +0.0400) |\n"
    ) in text
    assert text.count("Validation IoU") == 3 and "with (seeds 0, 1)" in text


def test_an_unfinished_comparison(tmp_path: Path) -> None:
    """Only what there is: one kind, one seed, then a shorter training."""
    first = curve("with", 0, 0.5, 0.6)
    assert "| 20 | 0.6000 |" in format_convergence([first])
    curves = [first, curve("without", 0, 0.4)]
    text = format_convergence(curves)
    assert "| 10 | 0.5000 | 0.4000 | +0.1000 (+0.1000 to +0.1000) |" in text
    assert "| 20 |" not in text
    write_convergence(tmp_path, curves)
    rows = list(csv.DictReader((tmp_path / "convergence.csv").open()))
    assert [row["iou_1"] for row in rows] == ["0.5", "0.6", "0.4"]
    assert np.asarray(Image.open(tmp_path / "convergence.png")).std() > 5


def test_long_trainings_have_ten_rows() -> None:
    text = format_convergence([curve("with", 0, *np.linspace(0, 1, 25))])
    assert text.split("Validation")[1].count("\n| ") == 11 and "| 250 | 1.0000 |" in text


@pytest.mark.parametrize(
    ("seeds", "overrides", "message"),
    [
        ([], [], "at least one"),
        ([1, 1], [], "none twice"),
        ([0], ["loss.label=0.0"], "no Label Loss to leave out"),
    ],
)
def test_mistakes(
    tmp_path: Path, ellipses: Path, seeds: list[int], overrides: list[str], message: str
) -> None:
    recipe = load_recipe("convergence", [*TINY, *overrides])
    with pytest.raises(UsageError, match=message):
        run_convergence(recipe, Lists((ellipses,)), tmp_path / "out", seeds)
    assert not (tmp_path / "out").exists()


def test_pictures_without_matplotlib_are_refused_before_training(monkeypatch, capsys) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["ioebss-bench", "convergence", "--data", ".", "--out", "out"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    assert 'pip install "ioebss[bench]"' in capsys.readouterr().err


def test_a_mistake_on_the_command_line(tmp_path: Path, command: list[str]) -> None:
    done = run([*command, "--train-split", "none"], tmp_path / "out")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "error: " in done.stderr and "train, val" in done.stderr
