from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from ioebss.calibration.ranges import Ranges, measure_ranges, read_ranges, write_ranges
from ioebss.errors import DataError, ModelError, UsageError
from ioebss.manifest import sha256_of

Command = Callable[..., subprocess.CompletedProcess[str]]


def random_inputs(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.random((1, 6, 32, 48), np.float32) * (i + 1) for i in range(count)]


def test_minmax_is_the_extremes_over_all_inputs(make_model: Callable[..., Path]) -> None:
    model, inputs = make_model(), random_inputs(11)  # more than are in memory at a time
    session = onnxruntime.InferenceSession(str(model))
    logits = np.concatenate([session.run(None, {"input": x})[0] for x in inputs])
    ranges, count = measure_ranges(model, iter(inputs), "minmax")
    assert count == 11
    assert ranges["logits"] == pytest.approx((logits.min(), logits.max()), rel=1e-5)
    everything = np.concatenate(inputs)
    assert ranges["input"] == pytest.approx((everything.min(), everything.max()), rel=1e-6)


@pytest.mark.parametrize("method", ["entropy", "percentile"])
def test_other_methods_cut_the_tail_off(
    make_model: Callable[..., Path], method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    inputs = [rng.exponential(size=(1, 6, 64, 64)).astype(np.float32) for _ in range(9)]
    inputs[0][0, 0, 0, 0] = 30
    model = make_model()
    low, high = measure_ranges(model, inputs, method)[0]["input"]
    assert measure_ranges(model, inputs, "minmax")[0]["input"][1] == 30
    assert 0 <= low <= 0.01
    assert 2 < high < 20
    assert capsys.readouterr().out == ""  # the calibrators' own chatter


def test_nothing_to_measure(make_model: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="nothing to calibrate on"):
        measure_ranges(make_model(), [], "minmax")
    with pytest.raises(UsageError, match="no calibration method 'best'"):
        measure_ranges(make_model(), random_inputs(1), "best")


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    ranges = Ranges("ab", "entropy", {"a": (-1.5, 2.0), "b": (0.0, 6.0)}, {"seed": 3})
    write_ranges(ranges, path)
    assert read_ranges(path) == ranges
    with pytest.raises(ModelError, match="a is not finite"):
        write_ranges(Ranges("ab", "minmax", {"a": (0.0, float("inf"))}), path)
    assert read_ranges(path) == ranges


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"sha256": 3},
        {"method": "best"},
        {"samples": []},
        {"ranges": []},
        {"ranges": {"a": [1.0]}},
        {"ranges": {"a": [2.0, 1.0]}},
        {"ranges": {"a": ["0", "1"]}},
        {"ranges": {"a": [0.0, float("nan")]}},
    ],
)
def test_files_that_are_damaged(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "r.json"
    write_ranges(Ranges("ab", "minmax", {"a": (0.0, 1.0)}), path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match="run ioebss-calibrate again"):
        read_ranges(path)


def test_the_command(
    command: Command,
    call: Command,
    make_model: Callable[..., Path],
    ellipses: Path,
    tmp_path: Path,
) -> None:
    model = make_model()
    arguments = ("ioebss-calibrate", model, "--data", ellipses)
    result = command(*arguments, "--photos", "2", "-o", "ranges.json")
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "ranges.json"
    ranges = read_ranges(tmp_path / "ranges.json")
    assert ranges.sha256 == sha256_of(model)
    assert ranges.samples["photos"] == 2 and 2 <= ranges.samples["inputs"] <= 6
    assert ranges.samples["data"] == ["ellipses"]
    for wrong, code, text in (
        (("-o", "discs.json"), 2, "not like the model's manifest"),
        (("-o", "ranges.txt"), 2, "name the ranges file .json"),
        (("-o", "none/ranges.json"), 1, "is not a folder"),
        (("-o", "r.json", "--photos", "0"), 2, "1 or more"),
        (("-o", "r.json", "--split", "none"), 1, "none"),
    ):
        result = call(*arguments, *wrong)
        assert result.returncode == code, (wrong, result.stderr)
        assert text in result.stderr
