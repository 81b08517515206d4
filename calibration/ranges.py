"""Ranges of activations, measured once and kept in a file, so that quantising can be repeated."""

from __future__ import annotations

import io
import json
import math
import tempfile
from collections.abc import Iterable
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ioebss.atomic import write_text_atomically
from ioebss.calibration.defaults import METHODS
from ioebss.errors import DataError, MissingExtraError, ModelError, UsageError
from ioebss.json_files import read_json_object
from ioebss.manifest import INPUT

FORMAT = 1
MAX_BYTES = 16 * 1024 * 1024
ONE_SHAPE = ("entropy", "percentile")  # these take inputs of one shape only


@dataclass(frozen=True)
class Ranges:
    """What calibration measured.

    Attributes:
        sha256: of the ONNX file.
        method: one of `METHODS`.
        ranges: least and greatest value of each activation, by its name in the graph.
        samples: photos, seed, data and command that made it.
    """

    sha256: str
    method: str
    ranges: dict[str, tuple[float, float]]
    samples: dict[str, Any] = field(default_factory=dict)


def measure_ranges(
    model: Path, inputs: Iterable[NDArray[np.float32]], method: str
) -> tuple[dict[str, tuple[float, float]], int]:
    """The range of each activation over some inputs, by ONNX Runtime's calibrators.

    Args:
        model: float32 ONNX file.
        inputs: float32 (1, C, H, W) each; of one shape for the methods in `ONE_SHAPE`.
        method: "minmax" takes the extremes; "entropy" the range that loses least information
            (Kullback-Leibler); "percentile" the middle 99.999 %.

    Returns:
        The ranges, and the number of inputs.

    Raises:
        UsageError: unknown method.
        DataError: there is no input.
        MissingExtraError: onnx is not installed.
    """
    if method not in METHODS:
        raise UsageError(f"no calibration method {method!r}; choose one of {', '.join(METHODS)}")
    try:
        from onnxruntime.quantization import CalibrationMethod, create_calibrator

        from ioebss.calibration.histograms import BINS, BoundedHistograms
    except ImportError as error:
        raise MissingExtraError(
            f'calibrating needs more than the runtime ({error}); pip install "ioebss[export]"'
        ) from None
    kind = {
        "minmax": CalibrationMethod.MinMax,
        "entropy": CalibrationMethod.Entropy,
        "percentile": CalibrationMethod.Percentile,
    }[method]
    options = {"symmetric": False, "num_bins": BINS}
    # The calibrators print what they do; progress is on stderr and stays.
    with (
        tempfile.TemporaryDirectory(prefix="ioebss-calibrate-") as folder,
        redirect_stdout(io.StringIO()),
    ):
        augmented = str(Path(folder) / "augmented.onnx")
        calibrator = create_calibrator(model, None, augmented, kind, extra_options=options)
        if method in ONE_SHAPE:
            settings = ("method", "symmetric", "num_bins", "num_quantized_bins", "percentile")
            values = (getattr(calibrator, name) for name in settings)
            calibrator.collector = BoundedHistograms(*values, calibrator.scenario)
        count = 0
        for value in inputs:  # one by one: all activations of what is given are in memory at once
            calibrator.collect_data(_Reader(value))
            count += 1
        if not count:
            raise DataError("nothing to calibrate on: no photo has an object that is large enough")
        measured = calibrator.compute_data()
    ranges = {
        name: (float(np.min(data.lowest)), float(np.max(data.highest)))
        for name, data in sorted(measured.items())  # they come in the order of a set
    }
    return ranges, count


class _Reader:
    """An input as ONNX Runtime's calibrators read it."""

    def __init__(self, value: NDArray[np.float32]) -> None:
        self._left = [{INPUT: value}]

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """The input, then None."""
        return self._left.pop() if self._left else None


def write_ranges(ranges: Ranges, path: Path) -> None:
    """Writes a ranges file.

    Raises:
        ModelError: a range is not finite: the model overflows.
        OutputError: it cannot be written.
    """
    for name, bounds in ranges.ranges.items():
        if not all(map(math.isfinite, bounds)):
            raise ModelError(f"the activation {name} is not finite on these photos: {bounds}")
    text = json.dumps({"format": FORMAT, **asdict(ranges)}, indent=1) + "\n"
    write_text_atomically(path, text)


def read_ranges(path: Path) -> Ranges:
    """Reads a ranges file.

    Raises:
        DataError: missing, not JSON, of another format, or holding what it should not.
    """
    table = read_json_object(path, MAX_BYTES, DataError, "a ranges file")
    if table.get("format") != FORMAT:
        raise DataError(f"{path} is no ranges file of format {FORMAT}; run ioebss-calibrate again")
    sha256, method, ranges = table.get("sha256"), table.get("method"), table.get("ranges")
    samples = table.get("samples")
    if not isinstance(sha256, str) or method not in METHODS or not isinstance(samples, dict):
        raise DataError(f"{path} does not say what was calibrated; run ioebss-calibrate again")
    if not isinstance(ranges, dict) or not all(map(_is_range, ranges.values())):
        raise DataError(f"{path} holds something else than ranges; run ioebss-calibrate again")
    return Ranges(sha256, method, {k: (v[0], v[1]) for k, v in ranges.items()}, samples)


def _is_range(value: Any) -> bool:
    if not isinstance(value, list) or [type(v) for v in value] != [float, float]:
        return False
    return all(map(math.isfinite, value)) and value[0] <= value[1]
