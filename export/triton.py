"""A model repository for Triton Inference Server: `ioebss-export --triton DIR`.

    DIR/README.md                what this is and how to serve it
    DIR/mine/config.pbtxt        see `ioebss.export.triton_config`
    DIR/mine/1/model.onnx        and its manifest, model.json
    DIR/mine.tensorrt/1/model.plan        an engine, and its manifest, model.plan.json

A model that is written again becomes the next version (2/, 3/ ...), which Triton then serves
("version_policy" is its default, the latest).
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ioebss.engine_files import (
    MAX_BATCH,
    SUFFIX,
    TENSORRT,
    engine_manifest_path,
    read_engine,
    read_engine_manifest,
)
from ioebss.errors import OutputError, UsageError
from ioebss.export.triton_config import MADE_BY, Served, config_text, serve_engine, serve_onnx
from ioebss.manifest import (
    Manifest,
    check_graph,
    check_model_file,
    manifest_path,
    read_manifest,
)

DEFAULT_BATCH = 8
CONFIG, README = "config.pbtxt", "README.md"
TITLE = "# Click segmentation on Triton Inference Server"
README_TEXT = f"""{TITLE}

Written by `ioebss-export --triton`; each folder is a model. Serve it with a release of Triton that
has the back end that its `config.pbtxt` names:

    tritonserver --model-repository={{repository}}

The network alone runs there. Photographs, clicks and masks are the client's:
`ioebss.serving.triton_client.TritonBackend`, see docs/scale.md of IOEBSS. The manifest of a model
lies beside it and is in the parameters of its configuration too.

Edit `instance_group` (how many copies, on which GPUs), `dynamic_batching` and `max_batch_size` as
your machine needs it. An engine runs with the version of TensorRT and on the GPU that its manifest
names, no other.
"""


@dataclass(frozen=True)
class _Entry:
    """A model to be put into a repository."""

    name: str
    file: Path
    beside: Path  # its manifest
    beside_name: str
    manifest: Manifest
    served: Served


def write_repository(
    models: Sequence[Path], repository: Path, max_batch: int = DEFAULT_BATCH
) -> None:
    """Writes models into a repository, each as a whole or not at all.

    Args:
        models: ONNX files and engines of TensorRT, their manifests beside them.
        repository: a new folder, or one that this has written before.
        max_batch: greatest batch that Triton may make of requests to ONNX files, 1 or more; an
            engine takes what it was built for.

    Raises:
        UsageError: a model that Triton cannot serve, or two of one name.
        ModelError: a model or its manifest is missing or damaged.
        OutputError: the folder is someone else's, or cannot be written.
    """
    if not 1 <= max_batch <= MAX_BATCH:
        raise UsageError(f"--max-batch {max_batch}: it must be 1 to {MAX_BATCH}")
    entries = [_entry(model, max_batch) for model in models]
    names = [entry.name for entry in entries]
    if len(set(names)) < len(names):
        raise UsageError(f"two models would be called {sorted(names)}; rename a file")
    _check_ours(repository, names)
    try:
        repository.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f".{repository.name}-", dir=repository.parent
        ) as folder:
            fresh = Path(folder) / "repository"
            fresh.mkdir()
            (fresh / README).write_text(README_TEXT.format(repository=repository.name), "utf-8")
            for entry in entries:
                _fill(fresh / entry.name, repository / entry.name, entry)
            _put_in_place(fresh, repository, names)
    except OSError as error:
        raise OutputError(f"{repository} cannot be written: {error.strerror or error}") from None


def _entry(model: Path, max_batch: int) -> _Entry:
    check_model_file(model)
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", model.stem)
    if model.suffix != SUFFIX:
        manifest = read_manifest(model)
        check_graph(model, manifest)
        _check_target(model, manifest)
        beside = manifest_path(model)
        served = serve_onnx(manifest, max_batch)
        return _Entry(name, model, beside, "model.json", manifest, served)
    engine = read_engine_manifest(model)
    if engine.flavour != TENSORRT:
        raise UsageError(
            f"{model} is an engine of {engine.flavour}, which Triton does not load; build one with "
            f"--engine {TENSORRT}, or give the ONNX file"
        )
    read_engine(model, engine)
    beside = engine_manifest_path(model)
    return _Entry(name, model, beside, "model.plan.json", engine.model, serve_engine(engine))


def _check_target(model: Path, manifest: Manifest) -> None:
    quantisation = manifest.training.get("quantisation")
    if isinstance(quantisation, dict) and quantisation.get("target") == TENSORRT:
        raise UsageError(
            f"{model} is the 8-bit graph that engines are built of; give the engine, or the graph "
            "for CPUs (.int8.cpu.onnx)"
        )


def _check_ours(repository: Path, names: Sequence[str]) -> None:
    """Refuses to write where somebody else has."""
    if repository.is_symlink() or (repository.exists() and not repository.is_dir()):
        raise OutputError(f"{repository} is no folder; choose another")
    if not repository.is_dir() or not any(repository.iterdir()):
        return
    if not _begins(repository / README, TITLE):
        raise OutputError(
            f"{repository} holds files that ioebss-export has not written; choose a new folder"
        )
    for name in names:
        folder = repository / name
        if folder.exists() and not _begins(folder / CONFIG, MADE_BY):
            raise OutputError(f"{folder} was not written by ioebss-export; choose another folder")


def _begins(path: Path, text: str) -> bool:
    """Whether the first line of a file is this one."""
    try:
        with path.open("rb") as file:
            return file.read(len(text) + 1) == text.encode() + b"\n"
    except OSError:
        return False


def _fill(folder: Path, former: Path, entry: _Entry) -> None:
    """A model's folder: what was there, and the model as the next version."""
    former_versions = _versions(former)
    if former_versions:
        shutil.copytree(former, folder)
    version = folder / str(max(former_versions, default=0) + 1)
    version.mkdir(parents=True)
    shutil.copyfile(entry.file, version / entry.served.file)
    shutil.copyfile(entry.beside, version / entry.beside_name)
    text = config_text(entry.name, entry.manifest, entry.served)
    (folder / CONFIG).write_text(text, "utf-8")


def _versions(folder: Path) -> list[int]:
    if not folder.is_dir():
        return []
    return [int(p.name) for p in folder.iterdir() if re.fullmatch(r"[1-9][0-9]{0,8}", p.name)]


def _put_in_place(fresh: Path, repository: Path, names: Sequence[str]) -> None:
    """A new repository appears at once; in an old one, model by model."""
    fresh.chmod(0o755)
    if not repository.is_dir() or not any(repository.iterdir()):
        fresh.replace(repository)
        return
    for name in names:
        former = repository / name
        if former.exists():
            former.replace(fresh.parent / f"former-{name}")
        (fresh / name).replace(former)
