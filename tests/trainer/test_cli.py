"""`ioebss-train`: mistakes become one line and an exit code."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from ioebss.trainer import checkpoint, loop
from ioebss.trainer.cli import main

BAD_WEIGHTS = ("", "0", "-1", "1001", "1.5", "often", "2:3")


def train(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["ioebss-train", "--device", "cpu", *arguments])
    monkeypatch.delenv("IOEBSS_TRACEBACK", raising=False)
    with pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--recipe", "none"], 2, "default, dios, paper"),
        (["--workers", "-1"], 2, "--workers -1"),
        (["--checkpoint-every", "nan"], 2, "--checkpoint-every nan: give seconds, 0 or more"),
        (["--checkpoint-every", "-1"], 2, "--checkpoint-every -1.0: give seconds, 0 or more"),
        (["--cache-gb", "nan"], 2, "--cache-gb nan: it must be a number from 0"),
        (["--set", "clicks.colour=1"], 2, "unknown key clicks.colour"),
        (["--train-split", "trainval"], 1, "splits that exist: train, val"),
        (["--val-split", "test"], 1, "splits that exist: train, val"),
        (["--train-split", "train", "--train-split", "more"], 1, "splits that exist: train, val"),
        *((["--train-split", f"train:{w}"], 2, f"--train-split train:{w}: ") for w in BAD_WEIGHTS),
        (["--data", "nowhere"], 1, "nowhere is not a folder"),
    ],
)
def test_mistakes(
    tmp_path: Path,
    tiny_recipe: Path,
    write_voc: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    write_voc(tmp_path / "data")
    out = tmp_path / "run"
    base = ["--recipe", str(tiny_recipe), "--data", str(tmp_path / "data"), "--out", str(out)]
    assert train(monkeypatch, *base, *arguments) == code
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("ioebss-train: error: ")
    assert message in lines[0]
    assert not out.exists()


def test_a_damaged_checkpoint_is_not_trained_over(
    tmp_path: Path,
    tiny_recipe: Path,
    write_voc: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_voc(tmp_path / "data")
    out = tmp_path / "run"
    out.mkdir()
    (out / "checkpoint.json").write_text("{")
    files = ["--recipe", str(tiny_recipe), "--data", str(tmp_path / "data"), "--out", str(out)]
    assert train(monkeypatch, *files) == 1
    assert "checkpoint.json cannot be read" in capsys.readouterr().err
    assert (out / "checkpoint.json").read_text() == "{"


def damage(root: Path) -> str:
    """Spoils a photo of a VOC folder; a word of the error that it becomes."""
    (root / "JPEGImages" / "scene0.png").write_bytes(b"no photo")
    return "scene0.png is not a JPEG, PNG, WebP, BMP or TIFF image"


def shrink(root: Path) -> str:
    """As `damage`, of a mask that does not fit."""
    Image.new("L", (9, 7)).save(root / "SegmentationObject" / "scene0.png")
    return "scene0: the photo is 48x40 but its mask is 9x7"


@pytest.mark.parametrize("spoil", [damage, shrink])
def test_what_a_worker_cannot_read_is_one_line(
    tmp_path: Path,
    tiny_recipe: Path,
    write_voc: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], str],
) -> None:
    """PyTorch hands the error of a worker process on with its whole traceback in the message."""
    reason = spoil(write_voc(tmp_path / "data"))
    files = ["--recipe", str(tiny_recipe), "--data", str(tmp_path / "data")]
    monkeypatch.setattr("ioebss.trainer.datasets.cache.cached", lambda data, *_: data)
    options = ["--workers", "1", "--out", str(tmp_path / "run")]
    assert train(monkeypatch, *files, *options) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("ioebss-train: error: ") and reason in line


def test_a_worker_that_is_killed_is_one_line(
    tmp_path: Path,
    tiny_recipe: Path,
    write_voc: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As the kernel does where memory is short."""
    write_voc(tmp_path / "data")
    monkeypatch.setattr(loop, "_start_worker", lambda _: os.kill(os.getpid(), signal.SIGKILL))
    files = ["--recipe", str(tiny_recipe), "--data", str(tmp_path / "data")]
    assert train(monkeypatch, *files, "--workers", "1", "--out", str(tmp_path / "run")) == 1
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("ioebss-train: error: a process that makes samples was killed")
    assert "fewer --workers" in line


@pytest.mark.parametrize("kind", ["other", "nothing"])
def test_a_start_that_does_not_fit_is_one_line(
    tmp_path: Path,
    tiny_recipe: Path,
    write_voc: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    kind: str,
) -> None:
    write_voc(tmp_path / "data")
    start = tmp_path / "start"
    start.mkdir()
    if kind == "other":
        checkpoint.save(start, checkpoint.WEIGHTS, 1, {"network.head": torch.zeros(3)}, {})
    files = ["--recipe", str(tiny_recipe), "--data", str(tmp_path / "data")]
    out = tmp_path / "run"
    assert train(monkeypatch, *files, "--start", str(start), "--out", str(out)) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    reason = {
        "other": "start holds the weights of another network: ",
        "nothing": "weights.json does not exist",
    }[kind]
    assert lines[-1].startswith("ioebss-train: error: ") and reason in lines[-1]
    assert len(lines[-1]) < len(str(tmp_path)) + 400
    assert not list(out.glob("*.json"))


@pytest.mark.parametrize(
    ("splits", "train_weight", "val_weight"),
    [
        ([], 1, 0),
        (["val"], 0, 1),
        (["train:3"], 3, 0),
        (["train", "val:4"], 1, 4),
        (["val:2", "train:1000"], 1000, 2),
        (["train:2", "train:3"], 5, 0),
    ],
)
def test_weighted_lists_come_as_often_as_said(
    tmp_path: Path,
    write_voc: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    splits: list[str],
    train_weight: int,
    val_weight: int,
) -> None:
    seen: Counter[str] = Counter()

    class Recorder:
        def __init__(self, recipe, train, *others: object) -> None:
            seen.update(train.scene(i).name for i in range(len(train)))

        def run(self) -> None:
            pass

    monkeypatch.setattr(loop, "Trainer", Recorder)
    write_voc(tmp_path / "data", train=3, val=2)
    arguments = [
        "--device",
        "cpu",
        "--data",
        str(tmp_path / "data"),
        "--out",
        str(tmp_path / "run"),
    ]
    lists = [word for split in splits for word in ("--train-split", split)]
    monkeypatch.setattr("sys.argv", ["ioebss-train", *arguments, *lists])
    main()
    expected = {f"scene{i}": train_weight for i in range(3)}
    expected |= {f"scene{i}": val_weight for i in (3, 4)}
    assert dict(seen) == {name: weight for name, weight in expected.items() if weight}
