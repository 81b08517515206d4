"""`ioebss-train`: mistakes become one line and an exit code."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from ioebss.manifest import read_manifest
from ioebss.segmenter import BUNDLED
from ioebss.trainer import checkpoint, loop
from ioebss.trainer.cli import main

BAD_WEIGHTS = ("", "0", "-1", "1001", "1.5", "often", "2:3")


Refused = Callable[..., tuple[int, str]]


@pytest.fixture
def refused(
    call: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
    tiny_recipe: Path,
    write_voc: Callable[..., Path],
) -> Refused:
    """Runs the command on `data` in `run` and returns its exit code and the line that it ends with,
    the only one unless `said` more before."""
    write_voc(tmp_path / "data")
    files = ("--recipe", tiny_recipe, "--data", tmp_path / "data", "--out", tmp_path / "run")

    def run(*arguments: object, said: bool = False) -> tuple[int, str]:
        result = call("ioebss-train", "--device", "cpu", *files, *arguments)
        lines = result.stderr.strip().splitlines()
        assert lines[-1].startswith("ioebss-train: error: ") and (said or len(lines) == 1)
        return result.returncode, lines[-1]

    return run


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
    refused: Refused, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    found, line = refused(*arguments)
    assert found == code and message in line
    assert not (tmp_path / "run").exists()


def test_a_damaged_checkpoint_is_not_trained_over(refused: Refused, tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / "checkpoint.json").write_text("{")
    code, line = refused(said=True)
    assert code == 1 and "checkpoint.json cannot be read" in line
    assert (out / "checkpoint.json").read_text() == "{"


def damage(root: Path) -> str:
    """Spoils a photo of a VOC folder; a word of the error that it becomes."""
    (root / "JPEGImages" / "scene0.png").write_bytes(b"no photo")
    return "scene0.png is not a JPEG, PNG, WebP, BMP, TIFF or GIF image"


def shrink(root: Path) -> str:
    """As `damage`, of a mask that does not fit."""
    Image.new("L", (9, 7)).save(root / "SegmentationObject" / "scene0.png")
    return "scene0: the photo is 48x40 but its mask is 9x7"


@pytest.mark.parametrize("spoil", [damage, shrink])
def test_what_a_worker_cannot_read_is_one_line(
    refused: Refused,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Path], str],
) -> None:
    """PyTorch hands the error of a worker process on with its whole traceback in the message."""
    reason = spoil(tmp_path / "data")
    monkeypatch.setattr("ioebss.trainer.datasets.cache.cached", lambda data, *_: data)
    code, line = refused("--workers", "1")
    assert code == 1 and reason in line


def test_a_worker_that_is_killed_is_one_line(
    refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the kernel does where memory is short."""
    monkeypatch.setattr(loop, "_start_worker", lambda _: os.kill(os.getpid(), signal.SIGKILL))
    code, line = refused("--workers", "1", said=True)
    assert code == 1
    assert line.startswith("ioebss-train: error: a process that makes samples was killed")
    assert "fewer --workers" in line


@pytest.mark.parametrize("kind", ["other", "nothing"])
def test_a_start_that_does_not_fit_is_one_line(refused: Refused, tmp_path: Path, kind: str) -> None:
    """And the only one: nothing is decoded before, which may take minutes."""
    start = tmp_path / "start"
    start.mkdir()
    if kind == "other":
        checkpoint.save(start, checkpoint.WEIGHTS, 1, {"network.head": torch.zeros(3)}, {})
    code, line = refused("--start", start)
    reason = {
        "other": "start holds the weights of another network: ",
        "nothing": "weights.json does not exist",
    }[kind]
    assert code == 1 and reason in line
    assert len(line) < len(str(tmp_path)) + 400
    assert not list((tmp_path / "run").glob("*.json"))


def test_a_run_goes_on_with_the_lists_that_it_began_with(
    call: Callable[..., subprocess.CompletedProcess[str]], refused: Refused, tmp_path: Path
) -> None:
    recipe, data, run = (tmp_path / name for name in ("tiny.toml", "data", "run"))
    files = ("--recipe", recipe, "--data", data, "--out", run, "--device", "cpu")
    once = ("--set", "optimisation.epochs=1")
    assert call("ioebss-train", *files, *once).returncode == 0
    again = call("ioebss-train", *files, *once)
    assert again.returncode == 0 and "run has all its epochs (1); --set" in again.stderr
    assert "decoding" not in again.stderr and "resuming" not in again.stderr
    lists = ", ".join(f"{name} ({', '.join(words)})" for name, words in listed(data).items())
    began = f"run holds a run on data, {lists}; go on with the same --data"
    code, line = refused("--val-split", "train", said=True)
    assert code == 2 and began in line
    code, line = refused("--train-split", "train:2", said=True)
    assert code == 2 and began in line
    names = data / "ImageSets" / "Segmentation" / "train.txt"
    known = names.read_text().split()
    for other in (known[:5], [*known[:5], known[4]], known[::-1]):
        names.write_text("\n".join(other))
        code, line = refused(said=True)
        assert code == 2 and began in line


def listed(data: Path) -> dict[str, list[str]]:
    """What is said of each list: how many photos, and the SHA-256 of their names."""
    said = {}
    for name in ("train", "val"):
        names = (data / "ImageSets" / "Segmentation" / f"{name}.txt").read_text().split()
        digest = hashlib.sha256("\n".join(names).encode()).hexdigest()
        said[name] = [f"{len(names)} photos", f"names {digest[:8]}"]
    return said


@pytest.mark.parametrize(("recipe", "start"), [("adapt", False), ("default", True)])
def test_a_run_begins_with_the_bundled_model(
    recipe: str,
    start: bool,
    tmp_path: Path,
    write_voc: Callable[..., Path],
    call: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    data = write_voc(tmp_path / "data", train=3, val=1)
    sizes = ("data.size=64", "data.photos_per_epoch=2")
    small = (*sizes, "optimisation.batch=2", "optimisation.epochs=1")
    overrides = [word for key in small for word in ("--set", key)]
    files = ("--data", data, "--out", tmp_path / "run", "--device", "cpu")
    named = ("--recipe", recipe, *(("--start", "bundled") if start else ()))
    done = call("ioebss-train", *named, *files, *overrides)
    assert done.returncode == 0, done.stderr
    state = json.loads((tmp_path / "run" / "weights.json").read_text())
    assert state["start"]["sha256"] == read_manifest(BUNDLED).sha256
    assert state["recipe"]["name"] == recipe


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
        finished = False

        def __init__(self, recipe, train, *others: object) -> None:
            self.train_scenes = train

        def run(self) -> None:
            train = self.train_scenes  # decoded by now
            seen.update(train.scene(i).name for i in range(len(train)))

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
