"""Which engine runs a model, with which file, and why.

A model that is named is a float32 ONNX file, as a rule; beside it may lie what was made from it: an
8-bit file for CPUs, engines for GPUs. With "auto" the first engine is taken that works, with the
file that is fast on it; every refusal is kept and logged with its reason.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ioebss import backends
from ioebss.backends import AUTO, Backend
from ioebss.engine_files import (
    FLAVOURS,
    SUFFIX,
    EngineManifest,
    Target,
    check_engine,
    read_engine_manifest,
)
from ioebss.errors import BackendError, EngineMismatchError, ModelError
from ioebss.json_files import parse_json_object, strict_json
from ioebss.manifest import (
    MAX_MANIFEST_BYTES,
    Manifest,
    check_graph,
    check_model_file,
    manifest_from,
    read_manifest,
)
from ioebss.model_bytes import ModelBytes, Source
from ioebss.precision import (
    EXACT,
    FP32,
    INT8,
    Chosen,
    check_precision,
    file_for_cpu,
    named_file,
)

CPU = "onnxruntime-cpu"
MAX_GRAPH_BYTES = 2**31 - 1  # what ONNX's own format can hold


@dataclass(frozen=True)
class Model:
    """A model, loaded.

    Attributes:
        backend: the engine that runs it.
        path: the file that is run, or what is run from memory.
        manifest: of that file.
        reasons: in words, one each: why engines were refused, why this file was taken.
    """

    backend: Backend
    path: Source
    manifest: Manifest
    reasons: tuple[str, ...]


def is_engine(model: Source) -> bool:
    """Whether a model is an engine, by its file's name."""
    return isinstance(model, Path) and model.suffix == SUFFIX


def engine_path(model: Path, flavour: str) -> Path:
    """Where an engine that was made from an ONNX file is looked for."""
    return model.with_suffix(f".{flavour}{SUFFIX}")


def read_model_manifest(model: Source) -> Manifest:
    """The manifest of an ONNX model, or the one that an engine's own holds. The ONNX model is
    checked to be what its manifest describes; engines are when they are loaded.

    Raises:
        ModelError: the model or its manifest is missing, too large, damaged, or they do not fit
            each other.
    """
    if isinstance(model, ModelBytes):
        return _manifest_in_memory(model)
    check_model_file(model)
    if is_engine(model):
        return read_engine_manifest(model).model
    manifest = read_manifest(model)
    check_graph(model, manifest)
    return manifest


def _manifest_in_memory(model: ModelBytes) -> Manifest:
    name, what = "the manifest in memory", "a manifest"
    if len(model.onnx) > MAX_GRAPH_BYTES:
        raise ModelError(f"{model} is larger than {MAX_GRAPH_BYTES} bytes; it is not an ONNX model")
    table = parse_json_object(
        model.manifest, name, MAX_MANIFEST_BYTES, ModelError, what, strict_json
    )
    if "engine_sha256" in table:
        raise ModelError(
            f"{name} is an engine's; engines are opened from their files only: write both to a "
            "folder, or take the ONNX model"
        )
    manifest = manifest_from(table, name)
    actual = hashlib.sha256(model.onnx).hexdigest()
    if actual != manifest.sha256:
        raise ModelError(
            f"{model} is not the one that its manifest describes: its sha256 is {actual[:12]}..., "
            f"the manifest says {manifest.sha256[:12]}...; take both from one export"
        )
    return manifest


def open_model(
    model: Source,
    manifest: Manifest,
    size: int,
    backend: str = AUTO,
    precision: str = AUTO,
    threads: int | None = None,
) -> Model:
    """Loads a model on the best engine there is.

    Args:
        model: the ONNX file or engine that is named, or a model in memory.
        manifest: its manifest, see `read_model_manifest`.
        size: longer side of the inputs to come, in pixels. An engine that lies beside the model
            must take them.
        backend: "auto", or one of `ioebss.backends.BACKENDS`, which is then never replaced.
        precision: one of `ioebss.precision.CHOICES`.
        threads: CPU threads; None takes what IOEBSS_THREADS says, else leaves it to the engine.

    Raises:
        UsageError: unknown backend or precision, or one that the named file is not in.
        BackendError: no engine can be used, or not the one asked for.
        ModelError: a file is damaged, or is not what was asked for.
    """
    check_precision(precision, model, manifest)

    def attempt(name: str, opener: backends.Opener) -> Model:
        try:
            chosen = _file_for(name, model, manifest, size, precision)
            opened = opener(chosen.path, chosen.manifest, threads)
        except ModelError as error:
            if backend != AUTO or name not in FLAVOURS or is_engine(model):
                raise
            raise BackendError(str(error)) from None  # of an engine that nobody has named
        return Model(opened, chosen.path, chosen.manifest, (f"{name}: {chosen.why}",))

    attempts: dict[str, Callable[[], Model]] = {
        name: partial(attempt, name, opener) for name, opener in backends.BACKENDS.items()
    }
    found, refusals = backends.first_that_works(attempts, backend)
    return Model(found.backend, found.path, found.manifest, refusals + found.reasons)


def _file_for(backend: str, model: Source, manifest: Manifest, size: int, precision: str) -> Chosen:
    """The file that a backend is to load.

    Raises:
        BackendError: there is none for it.
        ModelError: it is damaged.
    """
    if backend in FLAVOURS:
        if isinstance(model, ModelBytes):
            raise BackendError("the model is in memory; engines are opened from files only")
        if is_engine(model):
            return _engine_itself(model, manifest, backend)
        return _engine_beside(model, manifest, backend, size, precision)
    if is_engine(model):
        raise BackendError(f"{model.name} is an engine; this runs ONNX files")
    if backend == CPU:
        return file_for_cpu(model, manifest, precision)
    if precision == INT8 or manifest.precision == INT8:
        raise BackendError(f"8-bit ONNX files are made for {CPU} and would be slow here")
    return named_file(model, manifest, precision) or Chosen(model, manifest, f"{FP32} as named")


def _engine_itself(model: Path, manifest: Manifest, flavour: str) -> Chosen:
    """The engine that was named, where it is of this flavour."""
    engine = read_engine_manifest(model)
    if engine.flavour != flavour:
        raise BackendError(f"{model.name} is an engine of {engine.flavour}")
    proof = engine.proof
    return Chosen(model, manifest, f"{model.name}, proof {proof['status']}: {proof['reason']}")


def _engine_beside(
    model: Path, manifest: Manifest, flavour: str, size: int, precision: str
) -> Chosen:
    """The engine of this flavour that was made from a model and lies beside it.

    Raises:
        BackendError: there is none, or it is not to be used.
        EngineMismatchError: it was made from another model, or does not take inputs of this size.
        ModelError: its manifest is damaged.
    """
    path = engine_path(model, flavour)
    command = shlex.join(["ioebss-export", str(model), "--engine", flavour, "-o", str(path)])
    if precision == EXACT:
        raise BackendError(f"exactly {model.name} was asked for, which is no engine")
    if not path.is_file():
        raise BackendError(f"no {path.name} lies beside {model.name}; {command} builds one")
    engine = read_engine_manifest(path)
    if not _made_from(engine, manifest):
        raise EngineMismatchError(
            f"{path.name} was built of {engine.onnx} (sha256 {engine.onnx_sha256[:12]}...), not of "
            f"{model.name} as it is now ({manifest.sha256[:12]}...); build it again: {command}"
        )
    if precision != AUTO and engine.precision != precision:
        raise BackendError(f"{path.name} is in {engine.precision}, {precision} was asked for")
    proof = engine.proof
    if proof["status"] == "failed":
        raise BackendError(f"{path.name} failed its proof: {proof['reason']}")
    largest = (1, *(manifest.fixed_size or (size, size)))
    check_engine(path, engine, Target(flavour, shapes=(largest,)))
    why = f"{path.name} in {engine.precision}, proof {proof['status']}: {proof['reason']}"
    return Chosen(path, engine.model, why)


def _made_from(engine: EngineManifest, manifest: Manifest) -> bool:
    """Whether an engine's ONNX file is this model, or says that it was made from it."""
    made = [v.get("from") for v in engine.model.training.values() if isinstance(v, dict)]
    return manifest.sha256 in (engine.onnx_sha256, *made)
