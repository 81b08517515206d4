"""`ioebss-train`: mistakes become one line and an exit code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ioebss.trainer.cli import main


def train(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["ioebss-train", "--device", "cpu", *arguments])
    monkeypatch.delenv("IOEBSS_TRACEBACK", raising=False)
    with pytest.raises(SystemExit) as caught:
        main()
    return int(caught.value.code or 0)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--recipe", "none"], 2, "default, paper"),
        (["--workers", "-1"], 2, "--workers -1"),
        (["--set", "clicks.colour=1"], 2, "unknown key clicks.colour"),
        (["--train-split", "trainval"], 1, "splits that exist: train, val"),
        (["--val-split", "test"], 1, "splits that exist: train, val"),
        (["--data", "nowhere"], 1, "nowhere is not a folder"),
    ],
)
def test_mistakes(
    tmp_path: Path,
    write_voc: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    write_voc(tmp_path / "data")
    out = tmp_path / "run"
    base = ["--data", str(tmp_path / "data"), "--out", str(out)]
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
