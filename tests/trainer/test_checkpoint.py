"""Checkpoints: whole or not at all, and nothing believed that a file says."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
from pathlib import Path

import pytest
import torch

from ioebss.errors import ModelError, OutputError
from ioebss.trainer import checkpoint


def tensors(value: float) -> dict[str, torch.Tensor]:
    return {
        "a": torch.full((3, 4), value).t(),  # not contiguous
        "half": torch.full((2,), value, dtype=torch.bfloat16),
        "count": torch.tensor(int(value)),
    }


def test_round_trip(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, checkpoint.WEIGHTS, 12, tensors(3.0), {"rows": [{"x": 0.1}]})
    for path in (tmp_path, tmp_path / "weights.json"):
        loaded, state = checkpoint.load(path, checkpoint.WEIGHTS)
        assert loaded.keys() == tensors(3.0).keys()
        for key, value in tensors(3.0).items():
            assert torch.equal(loaded[key], value) and loaded[key].dtype == value.dtype
        assert (state["step"], state["rows"]) == (12, [{"x": 0.1}])


def test_only_the_newest_of_each_kind_is_kept(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, checkpoint.WEIGHTS, 1, tensors(1), {})
    checkpoint.save(tmp_path, checkpoint.CHECKPOINT, 1, tensors(1), {})
    checkpoint.save(tmp_path, checkpoint.CHECKPOINT, 2, tensors(2), {})
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "checkpoint-00000002.safetensors",
        "checkpoint.json",
        "weights-00000001.safetensors",
        "weights.json",
    ]


def _killed_while_saving(folder: Path, renames: int) -> None:
    """Saves step 2 and dies just before the rename number `renames`."""
    rename, done = Path.replace, 0

    def replace(self: Path, target: Path) -> Path:
        nonlocal done
        if done == renames:
            os.kill(os.getpid(), signal.SIGKILL)
        done += 1
        return rename(self, target)

    Path.replace = replace  # type: ignore[method-assign]
    checkpoint.save(folder, checkpoint.CHECKPOINT, 2, tensors(2), {})


@pytest.mark.parametrize(("renames", "step"), [(0, 1), (1, 1), (2, 2)])
def test_killed_before_a_rename_the_old_one_stays(tmp_path: Path, renames: int, step: int) -> None:
    checkpoint.save(tmp_path, checkpoint.CHECKPOINT, 1, tensors(1), {})
    process = multiprocessing.get_context("fork").Process(
        target=_killed_while_saving, args=(tmp_path, renames)
    )
    process.start()
    process.join(60)
    assert process.exitcode == (-signal.SIGKILL if renames < 2 else 0)
    loaded, state = checkpoint.load(tmp_path, checkpoint.CHECKPOINT)
    assert state["step"] == step and torch.equal(loaded["a"], tensors(step)["a"])
    # The next save clears away what the killed one left.
    checkpoint.save(tmp_path, checkpoint.CHECKPOINT, 3, tensors(3), {})
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["checkpoint-00000003.safetensors", "checkpoint.json"]


def _saved_on_a_full_disk(folder: Path) -> None:
    """Ends with 7 if that is an error of ours."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
    try:
        checkpoint.save(folder, checkpoint.CHECKPOINT, 2, {"a": torch.zeros(1000)}, {})
    except OutputError:
        os._exit(7)


def test_on_a_full_disk_the_old_one_stays(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, checkpoint.CHECKPOINT, 1, tensors(1), {})
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    process = multiprocessing.get_context("fork").Process(
        target=_saved_on_a_full_disk, args=(tmp_path,)
    )
    process.start()
    process.join(60)
    assert process.exitcode == 7
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def saved(folder: Path) -> tuple[Path, Path]:
    checkpoint.save(folder, checkpoint.WEIGHTS, 1, tensors(1), {})
    return folder / "weights.json", folder / "weights-00000001.safetensors"


@pytest.mark.parametrize("keep", [0, 4, 40, -1])
def test_truncated_tensors_are_refused(tmp_path: Path, keep: int) -> None:
    _, file = saved(tmp_path)
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(ModelError, match="cannot be read"):
        checkpoint.load(tmp_path, checkpoint.WEIGHTS)


@pytest.mark.parametrize(
    "name", ["../weights-00000001.safetensors", "/tmp/x.safetensors", "a/b", "..", ".", "", 3, None]
)
def test_the_json_cannot_name_a_file_elsewhere(tmp_path: Path, name: object) -> None:
    inner = tmp_path / "run"
    inner.mkdir()
    path, file = saved(inner)
    (tmp_path / file.name).write_bytes(file.read_bytes())
    state = json.loads(path.read_text())
    path.write_text(json.dumps({**state, "file": name}))
    with pytest.raises(ModelError, match=r"names no tensor file|cannot be read"):
        checkpoint.load(inner, checkpoint.WEIGHTS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ("[1]", "no JSON object"),
        ('{"format": 2}', "format 2.*update ioebss"),
        ("{}", "format None"),
        ('{"format": 1}', "names no tensor file"),
    ],
)
def test_other_json_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path, _ = saved(tmp_path)
    path.write_text(text)
    with pytest.raises(ModelError, match=message):
        checkpoint.load(tmp_path, checkpoint.WEIGHTS)


def test_missing_checkpoint_and_tensor_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        checkpoint.load(tmp_path, checkpoint.WEIGHTS)
    _, file = saved(tmp_path)
    file.unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        checkpoint.load(tmp_path, checkpoint.WEIGHTS)
