"""Which engine runs a model, with which file, and why.

A model that is named is a float32 ONNX file, as a rule; beside it may lie what was made from it: an
8-bit file for CPUs, engines for GPUs. With "auto" the first engine is taken that works, with the
file that is fast on it; every refusal is kept and logged with its reason.
"""

from __future__ import annotations

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
from ioebss.manifest import Manifest, check_graph, check_model_file, read_manifest
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


@dataclass(frozen=True)
class Model:
    """A model, loaded.

    Attributes:
        backend: the engine that runs it.
        path: the file that is run.
        manifest: of that file.
        reasons: in words, one each: why engines were refused, why this file was taken.
    """

    backend: Backend
    path: Path
    manifest: Manifest
    reasons: tuple[str, ...]


def is_engine(model: Path) -> bool:
    """Whether a model file is an engine, by its name."""
    return model.suffix == SUFFIX


def engine_path(model: Path, flavour: str) -> Path:
    """Where an engine that was made from an ONNX file is looked for."""
    return model.with_suffix(f".{flavour}{SUFFIX}")


def read_model_manifest(model: Path) -> Manifest:
    """The manifest of an ONNX file, or the one that an engine's own holds. The ONNX file is checked
    to be what its manifest describes; engines are when they are loaded.

    Raises:
        ModelError: the model or its manifest is missing, damaged, or they do not fit each other.
    """
    check_model_file(model)
    if is_engine(model):
        return read_engine_manifest(model).model
    manifest = read_manifest(model)
    check_graph(model, manifest)
    return manifest


def open_model(
    model: Path,
    manifest: Manifest,
    size: int,
    backend: str = AUTO,
    precision: str = AUTO,
    threads: int | None = None,
) -> Model:
    """Loads a model on the best engine there is.

    Args:
        model: the ONNX file or engine that is named.
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


def _file_for(backend: str, model: Path, manifest: Manifest, size: int, precision: str) -> Chosen:
    """The file that a backend is to load.

    Raises:
        BackendError: there is none for it.
        ModelError: it is damaged.
    """
    if backend in FLAVOURS:
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
