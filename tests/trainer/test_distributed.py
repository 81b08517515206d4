"""Two processes through torchrun: the same run as one process with twice the batch."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ioebss.trainer import checkpoint
from ioebss.trainer.distributed import world

TIMEOUT = 180
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]

# One update of a network without batch statistics, with terms that are means over photos of one
# size without void: then the mean over processes is the mean over the whole batch.
ONE_UPDATE = """
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from ioebss.progress import Progress
from ioebss.trainer import model
from ioebss.trainer.datasets.scene import Scene
from ioebss.trainer.distributed import world
from ioebss.trainer.loop import Trainer
from ioebss.trainer.recipe import load_recipe

torch.set_num_threads(1)
recipe, *runs = sys.argv[1:]  # each as FOLDER,BATCH,ACCUMULATE
model.build_network = lambda spec: nn.Sequential(
    nn.Conv2d(6, 4, 5, padding=2), nn.Tanh(), nn.Conv2d(4, 2, 3, padding=1)
)


class Scenes:
    def __len__(self):
        return 4

    def scene(self, index):
        rng = np.random.default_rng(index)
        labels = np.zeros((32, 32), np.uint8)
        labels[4 : 12 + 4 * index, 6:20] = 1
        return Scene(str(index), rng.integers(0, 256, (32, 32, 3), dtype=np.uint8), labels)


for out, batch, accumulate in (text.split(",") for text in runs):
    out = Path(out)
    overrides = f"optimisation.batch={batch} optimisation.accumulate={accumulate} loss.label=0.0 "
    overrides += "data.augment=false data.photos_per_epoch=4 optimisation.epochs=1 clicks.rounds=1 "
    overrides += "clicks.later=2 clicks.coarse=0.3"
    with world("cpu") as here:
        trainer = Trainer(
            load_recipe(recipe, overrides.split()), Scenes(), Scenes(), out, here,
            Progress(quiet=True), ["drawn"], workers=0,
        )
        trainer.run()
        save_file(
            {k: v.contiguous() for k, v in trainer.learner.model.state_dict().items()},
            out / f"rank{here.rank}.safetensors",
        )
"""


def run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess:
    done = subprocess.run(
        command, env=environment, timeout=TIMEOUT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def test_two_processes_average_their_gradients(
    tmp_path: Path, tiny_recipe: Path, child_environment: dict[str, str]
) -> None:
    script = tmp_path / "one_update.py"
    script.write_text(ONE_UPDATE)
    runs = {"one": "4,1", "two": "2,1", "accumulated": "2,2"}
    for name in runs:
        (tmp_path / name).mkdir()
    folders = {name: f"{tmp_path / name},{sizes}" for name, sizes in runs.items()}
    arguments = [str(script), str(tiny_recipe)]
    run([*TORCHRUN, *arguments, folders["two"]], child_environment)
    alone = [folders["one"], folders["accumulated"]]
    run([sys.executable, *arguments, *alone], child_environment)
    gradients = {}
    for name in runs:
        tensors, state = checkpoint.load(tmp_path / name, checkpoint.CHECKPOINT)
        assert (state["updates"], state["processes"]) == (1, 2 if name == "two" else 1)
        # After one update Adam's first moment is a tenth of the gradient.
        gradients[name] = {k: v for k, v in tensors.items() if k.endswith("/exp_avg")}
        assert len(gradients[name]) == 4
    for name in ("two", "accumulated"):
        for key, expected in gradients["one"].items():
            assert expected.abs().max() > 1e-5
            torch.testing.assert_close(gradients[name][key], expected, rtol=1e-4, atol=1e-7)
    ranks = [load_file(tmp_path / "two" / f"rank{r}.safetensors") for r in range(2)]
    assert all(torch.equal(ranks[0][k], ranks[1][k]) for k in ranks[0])


def test_the_command_under_torchrun_ends_with_a_checkpoint(
    tmp_path: Path,
    tiny_recipe: Path,
    write_voc: Callable[..., Path],
    child_environment: dict[str, str],
) -> None:
    write_voc(tmp_path / "data")
    files = ["--recipe", str(tiny_recipe), "--data", str(tmp_path / "data")]
    options = ["--device", "cpu", "--workers", "0", "--set", "optimisation.accumulate=2"]
    out = ["--out", str(tmp_path / "run")]
    done = run([*TORCHRUN, "-m", "ioebss.trainer", *files, *options, *out], child_environment)
    assert done.stderr.count("epoch 2: loss") == 1, "one process talks"
    tensors, state = checkpoint.load(tmp_path / "run", checkpoint.CHECKPOINT)
    assert (state["epoch"], state["processes"], state["updates"]) == (2, 2, 2 * 2 * 2)
    assert all(torch.isfinite(value.float()).all() for value in tensors.values())
    weights, _ = checkpoint.load(tmp_path / "run", checkpoint.WEIGHTS)
    assert weights
    rows = json.loads((tmp_path / "run" / "checkpoint.json").read_text())["rows"]
    assert [row["epoch"] for row in rows] == [1, 2]


@pytest.mark.parametrize("before", [False, True])
def test_the_choice_of_algorithms_is_given_back(
    monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", lambda device: None)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", before)

    def interrupted() -> None:
        with world() as here:
            assert here.device.type == "cuda" and torch.backends.cudnn.benchmark
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert torch.backends.cudnn.benchmark is before
    with world("cpu"):
        assert torch.backends.cudnn.benchmark is before
