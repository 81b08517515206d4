"""The `config.pbtxt` that tells a Triton Inference Server of a model, in protobuf's text format.

Fields and their meaning: Triton's documentation, "Model Configuration", and `model_config.proto`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from ioebss.engine_files import EngineManifest
from ioebss.manifest import INPUT, OUTPUT, Manifest

MADE_BY = "# Written by ioebss-export --triton."
MANIFEST = "ioebss_manifest"  # the parameter that holds a model's manifest as JSON
QUEUE_MICROSECONDS = 2000  # a click may wait this long for others to share a network call with
WARM_ASPECTS = ((1, 1), (3, 4), (4, 3))  # height to width: squares, and photographs lying, standing

Shape = tuple[int, int, int]  # batch, height, width


@dataclass(frozen=True)
class Served:
    """How a model is served.

    Attributes:
        backend: of Triton: "onnxruntime" or "tensorrt".
        platform: the older name of the same: "onnxruntime_onnx" or "tensorrt_plan".
        file: in the version's folder.
        kind: of the instances: "KIND_AUTO", "KIND_CPU" or "KIND_GPU".
        max_batch: greatest batch that Triton may make of requests; 0 where the graph has none open.
        profiles: number of optimisation profiles, all of which each instance has; 0 for ONNX.
        warm: shapes that are run before the model counts as ready.
    """

    backend: str
    platform: str
    file: str
    kind: str
    max_batch: int
    profiles: int
    warm: tuple[Shape, ...]


def serve_onnx(manifest: Manifest, max_batch: int) -> Served:
    """Of an ONNX file. One in 8 bits is made for CPUs; others run on a GPU where Triton has one.

    Args:
        max_batch: at least 1. Graphs of a fixed size take one input at a time.
    """
    if manifest.fixed_size:
        max_batch, shapes = 0, [(1, *manifest.fixed_size)]
    else:
        sides = [manifest.input_size(h, w) for h, w in WARM_ASPECTS]
        batches = sorted({1, max_batch})
        shapes = [(batch, height, width) for batch in batches for height, width in sides]
    kind = "KIND_CPU" if manifest.precision == "int8" else "KIND_AUTO"
    return Served(
        "onnxruntime", "onnxruntime_onnx", "model.onnx", kind, max_batch, 0, _once(shapes)
    )


def serve_engine(engine: EngineManifest) -> Served:
    """Of an engine of TensorRT: with all its profiles, each warmed up at its best and its largest
    shape."""
    largest = min(profile.max[0] for profile in engine.profile)
    shapes = [shape for p in engine.profile for shape in (p.opt, (largest, *p.max[1:]))]
    max_batch = 0 if engine.model.fixed_size else largest
    count = len(engine.profile)
    return Served(
        "tensorrt", "tensorrt_plan", "model.plan", "KIND_GPU", max_batch, count, _once(shapes)
    )


def config_text(name: str, manifest: Manifest, served: Served) -> str:
    """The whole `config.pbtxt`.

    Args:
        name: of the model in the repository, which is that of its folder.
        manifest: goes into the parameters, so that a client needs no file.
    """
    sides = list(manifest.fixed_size or (-1, -1))
    lines = [
        MADE_BY,
        f"name: {_quoted(name)}",
        f"backend: {_quoted(served.backend)}",
        f"platform: {_quoted(served.platform)}",
        f"default_model_filename: {_quoted(served.file)}",
        f"max_batch_size: {served.max_batch}",
        *_tensor("input", INPUT, _dims(served, [len(manifest.channels), *sides])),
        *_tensor("output", OUTPUT, _dims(served, [1, *sides])),
        *_instances(served),
        *_batching(served),
        *(line for shape in served.warm for line in _warm_up(shape, manifest, served)),
        "parameters {",
        f"  key: {_quoted(MANIFEST)}",
        f"  value {{ string_value: {_quoted(json.dumps(asdict(manifest)))} }}",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _once(shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    return tuple(dict.fromkeys(shapes))


def _dims(served: Served, dims: list[int]) -> list[int]:
    """The batch is no dimension where Triton manages it."""
    return dims if served.max_batch else [1, *dims]


def _tensor(field: str, name: str, dims: list[int]) -> list[str]:
    return [
        f"{field} {{",
        f"  name: {_quoted(name)}",
        "  data_type: TYPE_FP32",
        f"  dims: {dims}",
        "}",
    ]


def _instances(served: Served) -> list[str]:
    profiles = [_quoted(str(number)) for number in range(served.profiles)]
    chosen = [f"  profile: [ {', '.join(profiles)} ]"] if profiles else []
    return ["instance_group {", "  count: 1", f"  kind: {served.kind}", *chosen, "}"]


def _batching(served: Served) -> list[str]:
    """Requests are batched where they have the same shape, which Triton sees to."""
    if served.max_batch < 2:
        return []
    return [
        "dynamic_batching {",
        f"  max_queue_delay_microseconds: {QUEUE_MICROSECONDS}",
        "}",
    ]


def _warm_up(shape: Shape, manifest: Manifest, served: Served) -> list[str]:
    batch, height, width = shape
    dims = _dims(served, [len(manifest.channels), height, width])
    return [
        "model_warmup {",
        f"  name: {_quoted(f'{batch}x{height}x{width}')}",
        f"  batch_size: {batch if served.max_batch else 1}",
        "  inputs {",
        f"    key: {_quoted(INPUT)}",
        f"    value {{ data_type: TYPE_FP32 dims: {dims} zero_data: true }}",
        "  }",
        "}",
    ]


def _quoted(text: str) -> str:
    """A string of the text format: everything that is not plain ASCII as octal bytes."""
    plain = (chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\{b:03o}" for b in text.encode())
    return '"' + "".join(plain) + '"'
