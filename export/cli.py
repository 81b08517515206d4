"""`ioebss-export`: a trained run, or a model, to model files that the runtime loads."""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ioebss.atomic import check_parent
from ioebss.command import run_command
from ioebss.engine_files import SUFFIX
from ioebss.errors import MissingExtraError, UsageError
from ioebss.export.naming import (
    CPU,
    FP16,
    ONNX,
    TRT,
    base_of,
    default_base,
    with_ending,
)
from ioebss.export.options import (
    OF_BATCHES,
    OF_ENGINES,
    OF_INT8,
    OF_LOWER_PRECISION,
    OF_PROVEN,
    OF_RUNS,
    add_options,
    zoom_of,
)
from ioebss.export.proof_cli import (
    SPLIT,
    VERIFY,
    checked_photos,
    limits_from,
    photographs_of,
    proof_parser,
    prove_command,
)
from ioebss.progress import Progress

if TYPE_CHECKING:
    from ioebss.export.proven import Terms
    from ioebss.trainer.datasets.scene import SceneDataset

DESCRIPTION = """Export a trained run to one ONNX graph (photo and clicks in, logits out) and its
manifest; or make of a model one in lower precision, or an engine for GPUs; or a model repository of
Triton Inference Server. Everything is proven on real photographs first: a run's graph must equal
the PyTorch model, the masks of a lower precision those of float32. A failed proof leaves no file.
"""
EPILOG = """examples:
  ioebss-export runs/mine -o mine.onnx
  ioebss-export mine.onnx --fp16
  ioebss-export mine.onnx --int8 --calibration DATA
  ioebss-export mine.onnx --fp16 --engine auto
  ioebss-export mine.onnx --triton repository
  ioebss-export --verify mine.onnx mine.int8.cpu.onnx --data DATA --report proof  (--help --verify)
"""


def main() -> None:
    """Entry point."""
    if VERIFY in sys.argv[1:]:  # its own command in all but name: nothing is exported
        run_command(proof_parser(), prove_command)
    else:
        run_command(_parser(), _export)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "ioebss-export",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser)
    return parser


def _export(arguments: argparse.Namespace) -> None:
    _check(arguments)
    if _is_file(arguments) and not _makes(arguments):
        _write_triton(arguments, [_source(arguments)])
    else:
        _make(arguments)


def _make(arguments: argparse.Namespace) -> None:
    try:
        import onnx  # noqa: F401

        if not _is_model(arguments):
            import torch  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            f'exporting needs more than the runtime ({error}); pip install "ioebss[export]"'
        ) from None
    progress = Progress()
    with _float32(arguments, progress) as model:
        made = [model]
        if arguments.fp16:
            model = _export_fp16(arguments, model, progress)
            made = [model]
        elif arguments.int8:
            for_cpu, model = _export_int8(arguments, model, progress)
            made = [for_cpu]
        if arguments.engine:
            made.append(_export_engine(arguments, model, progress))
        if arguments.triton:
            _write_triton(arguments, made)


def _check(arguments: argparse.Namespace) -> None:
    """Refuses what would be ignored and what cannot be written, before the work is done."""
    lower = arguments.fp16 or arguments.int8
    if _is_file(arguments):
        _refuse(arguments, "goes with a RUN only: the model has it", OF_RUNS)
        name = arguments.source or "the bundled model"
        if _is_engine(arguments) and (_makes(arguments) or not arguments.triton):
            raise UsageError(f"{name} is an engine; all that is done with one is --triton DIR")
        if not _makes(arguments) and not arguments.triton:
            raise UsageError(
                f"{name} is exported already; say --fp16, --int8, --engine or --triton"
            )
        if not _makes(arguments):
            _refuse(arguments, "goes with what is made; --triton names the folder", ("output",))
    if not lower:
        _refuse(arguments, "goes with --fp16 or --int8", OF_LOWER_PRECISION)
    if not lower and not arguments.engine:
        _refuse(arguments, "goes with --fp16, --int8 or --engine", OF_PROVEN)
    if not arguments.int8:
        _refuse(arguments, "goes with --int8", OF_INT8)
    if not arguments.engine:
        _refuse(arguments, "goes with --engine", OF_ENGINES)
    if not arguments.engine and not arguments.triton:
        _refuse(arguments, "goes with --engine or --triton", OF_BATCHES)
    if arguments.int8 and not arguments.calibration:
        raise UsageError(
            "--int8 needs --calibration: RANGES.json of ioebss-calibrate, or a folder of photos "
            "and masks"
        )
    if arguments.split and not _folders(arguments):
        raise UsageError("--split goes with --data, or with a folder as --calibration")
    if arguments.output:
        _check_output(arguments, several=arguments.engine and (lower or not _is_model(arguments)))


def _check_output(arguments: argparse.Namespace, several: bool) -> None:
    output: Path = arguments.output
    expected = [SUFFIX] if arguments.engine else [ONNX]
    if several:
        expected = [ONNX, SUFFIX]
    if output.suffix not in expected:
        raise UsageError(f"{output}: the file must be named {' or '.join(expected)}")
    check_parent(output)


def _refuse(arguments: argparse.Namespace, reason: str, names: tuple[str, ...]) -> None:
    for name in names:
        value = getattr(arguments, name)
        if value is not None and value is not False:
            raise UsageError(f"--{name.replace('_', '-')} {reason}")


# -- where from, where to --------------------------------------------------------------------------


def _source(arguments: argparse.Namespace) -> Path:
    from ioebss.segmenter import BUNDLED

    return Path(arguments.source or BUNDLED)


def _is_model(arguments: argparse.Namespace) -> bool:
    return _source(arguments).suffix == ONNX


def _is_engine(arguments: argparse.Namespace) -> bool:
    return _source(arguments).suffix == SUFFIX


def _is_file(arguments: argparse.Namespace) -> bool:
    """Whether the source is a model file, not a run."""
    return _is_model(arguments) or _is_engine(arguments)


def _makes(arguments: argparse.Namespace) -> bool:
    """Whether another model file is to be made of the source, where that is one."""
    return bool(arguments.fp16 or arguments.int8 or arguments.engine)


def _base(arguments: argparse.Namespace) -> Path:
    """What all outputs are named after."""
    return base_of(arguments.output) if arguments.output else default_base(_source(arguments))


def _onnx_output(arguments: argparse.Namespace, ending: str = "") -> Path:
    """The very file that was asked for where it is the only one, else one named after it."""
    asked: Path | None = arguments.output
    if asked and not arguments.engine:
        return asked
    return with_ending(_base(arguments), ending + ONNX)


def _engine_output(arguments: argparse.Namespace, flavour: str) -> Path:
    asked: Path | None = arguments.output
    if asked and asked.suffix == SUFFIX:
        return asked
    return with_ending(_base(arguments), f".{flavour}{SUFFIX}")


def _command() -> str:
    return shlex.join(["ioebss-export", *sys.argv[1:]])


# -- what is made ----------------------------------------------------------------------------------


@contextmanager
def _float32(arguments: argparse.Namespace, progress: Progress) -> Iterator[Path]:
    """The float32 model: the one that is named, or a run's, exported. That one is handed over
    unless only a lower precision is wanted."""
    if _is_model(arguments):
        yield _source(arguments)
    elif arguments.fp16 or arguments.int8:
        with tempfile.TemporaryDirectory(prefix="ioebss-run-") as folder:
            yield _export_run(arguments, Path(folder) / "float32.onnx", progress)
    else:
        output = _onnx_output(arguments)
        yield _export_run(arguments, output, progress)
        print(output)


def _export_run(arguments: argparse.Namespace, output: Path, progress: Progress) -> Path:
    from ioebss.export.export import export_model

    export_model(
        arguments.source,
        output,
        progress,
        arguments.size,
        arguments.photos,
        arguments.recommended_sizes,
        zoom=None if arguments.zoom is None else zoom_of(arguments.zoom),
        usual_zoom=None if arguments.no_zoom else zoom_of([]),
        name=arguments.name,
        licence=arguments.licence,
        command=_command(),
    )
    return output


def _export_fp16(arguments: argparse.Namespace, model: Path, progress: Progress) -> Path:
    from ioebss.export.fp16 import export_fp16

    output = _onnx_output(arguments, FP16)
    terms = _terms(arguments, "fp16", progress)
    export_fp16(model, output, terms, progress, arguments.keep_fp32 or [])
    print(output)
    return output


def _export_int8(
    arguments: argparse.Namespace, model: Path, progress: Progress
) -> tuple[Path, Path]:
    """Writes both graphs: the one for CPUs, and the one that engines are built of."""
    from ioebss.export.int8 import export_int8, ranges_for

    base = _base(arguments)
    for_cpu, for_trt = (with_ending(base, ending + ONNX) for ending in (CPU, TRT))
    terms = _terms(arguments, "int8", progress)
    demanded = arguments.exclude_until
    export_int8(
        model,
        for_cpu,
        for_trt,
        ranges_for(model, arguments.calibration, progress, _command()),
        terms,
        progress,
        arguments.keep_fp32 or [],
        None if demanded is None else (demanded, _scenes(arguments)),
    )
    print(for_cpu)
    print(for_trt)
    return for_cpu, for_trt


def _export_engine(arguments: argparse.Namespace, model: Path, progress: Progress) -> Path:
    from ioebss.export.engine import export_engine, profiles_for
    from ioebss.export.engine_builder import BuildOptions
    from ioebss.export.toolchain import open_toolchain
    from ioebss.manifest import read_manifest

    max_batch = 1 if arguments.max_batch is None else arguments.max_batch
    manifest = read_manifest(model)
    profiles = profiles_for(manifest, arguments.sizes, max_batch)
    toolchain = open_toolchain(arguments.engine, progress)
    output = _engine_output(arguments, toolchain.flavour)
    options = BuildOptions(
        arguments.workspace, arguments.optimisation_level, arguments.compute_capability or ()
    )
    # GPUs multiply in TF32 where a graph is in float32: no more is demanded than of half precision.
    precision = "fp16" if manifest.precision == "fp32" else manifest.precision
    terms = _terms(arguments, precision, progress)
    export_engine(model, output, toolchain, terms, progress, profiles, options, arguments.cache)
    print(output)
    return output


def _write_triton(arguments: argparse.Namespace, models: list[Path]) -> None:
    from ioebss.export.triton import DEFAULT_BATCH, write_repository

    max_batch = DEFAULT_BATCH if arguments.max_batch is None else arguments.max_batch
    write_repository(models, arguments.triton, max_batch)
    print(arguments.triton)


def _terms(arguments: argparse.Namespace, precision: str, progress: Progress) -> Terms:
    """What the proof is made on, and what it demands."""
    from ioebss.export.proven import Terms

    folders = _folders(arguments)
    if not folders:
        progress.say("proving on the bundled sample photographs; --data DIR proves it on yours")
    photographs, data = photographs_of(folders, arguments.split)
    return Terms(
        photographs,
        data,
        limits_from(arguments, precision),
        checked_photos(arguments),
        arguments.report,
        _command(),
    )


def _scenes(arguments: argparse.Namespace) -> SceneDataset:
    """The photographs of the proof, for those who need their objects."""
    from ioebss.export.sample_scenes import SampleScenes
    from ioebss.trainer.datasets import open_dataset

    folders = _folders(arguments)
    return open_dataset(folders, arguments.split or SPLIT) if folders else SampleScenes()


def _folders(arguments: argparse.Namespace) -> list[Path]:
    """Of photographs with masks."""
    if arguments.data:
        return list(arguments.data)
    calibration: Path | None = arguments.calibration
    return [calibration] if calibration and calibration.is_dir() else []
