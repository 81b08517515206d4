"""Results in the manifest of the model they belong to, so that they travel with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ioebss.evaluation.summary import Summary
from ioebss.manifest import read_manifest, write_manifest

# What makes two results the same measurement: a quick look at a few objects of a list takes no
# place, nor does another data set whose list has the same name.
SAME = ("data", "split", "side", "protocol", "n", "size", "zoom", "flip")


def record(model: Path, setup: dict[str, Any], summary: Summary) -> None:
    """Adds a result to a model's manifest, in place of an earlier one that was measured alike.

    Args:
        model: the ONNX file that was measured.
        setup: model, data, protocol and provenance, as `result_files.write_result` takes it.

    Raises:
        ModelError: the manifest cannot be read.
        OutputError: it cannot be written.
    """
    manifest = read_manifest(model)
    data = setup["data"]
    entry = {
        "data": data["folders"],
        "split": data["split"],
        "side": data["side"],
        "protocol": setup["protocol"],
        "n": summary.objects,
        **{key: setup["model"].get(key) for key in ("size", "zoom", "flip")},
        "mean_iou": {str(k): round(e.mean, 4) for k, e in summary.mean_iou.items()},
        "noc": {f"{t:.2f}": round(r.noc.mean, 3) for t, r in summary.targets.items()},
        "commit": setup["commit"],
        "command": setup["command"],
    }
    others = [m for m in manifest.metrics if any(m.get(k) != entry[k] for k in SAME)]
    write_manifest(replace(manifest, metrics=[*others, entry]), model)
