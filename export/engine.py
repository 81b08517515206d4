"""The export of an engine as a whole: library, cache, build, proof, and only then files."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ioebss.atomic import write_atomically
from ioebss.click_planes import DISCS
from ioebss.engine_files import (
    MAX_BATCH,
    MAX_PROFILES,
    TENSORRT,
    EngineManifest,
    Profile,
    Target,
    write_engine_manifest,
)
from ioebss.errors import IoebssError, UsageError
from ioebss.export.engine_builder import CURRENT, BuildOptions, build_plan
from ioebss.export.engine_cache import EngineCache, default_cache
from ioebss.export.naming import check_engine_output
from ioebss.export.proven import Terms, prove_engine
from ioebss.export.toolchain import PORTABLE, Toolchain
from ioebss.manifest import MAX_SIDE, Manifest, check_graph, read_manifest, sha256_of
from ioebss.progress import Progress

SIZES = (256, 512, 768, 1024)


def profiles_for(
    manifest: Manifest, sizes: Sequence[int] | None = None, max_batch: int = 1
) -> tuple[Profile, ...]:
    """One profile for each size: everything whose sides are not longer, fastest at the square.

    Args:
        manifest: of the model.
        sizes: longer sides in pixels; None takes `SIZES` and the one that the runtime takes.
        max_batch: greatest number of inputs at a time.

    Raises:
        UsageError: a size or batch that the model does not take.
    """
    if manifest.fixed_size is not None:
        if sizes or max_batch != 1:
            height, width = manifest.fixed_size
            raise UsageError(f"this model takes {width}x{height}, one at a time, only")
        shape = (1, *manifest.fixed_size)
        return (Profile(shape, shape, shape),)
    if not 1 <= max_batch <= MAX_BATCH:
        raise UsageError(f"--max-batch {max_batch}: it must be 1 to {MAX_BATCH}")
    step = manifest.size_multiple
    fitting = {size for size in (*SIZES, manifest.recommended_sizes[0]) if size % step == 0}
    chosen = sorted(set(sizes) if sizes else fitting)
    if len(chosen) > MAX_PROFILES:
        raise UsageError(f"{len(chosen)} sizes; at most {MAX_PROFILES} go into one engine")
    for size in chosen:
        if size % step or not 0 < size <= MAX_SIDE:
            raise UsageError(f"size {size}: it must be a multiple of {step} up to {MAX_SIDE}")
    return tuple(
        Profile((1, step, step), (1, size, size), (max_batch, size, size)) for size in chosen
    )


def export_engine(
    onnx: Path,
    output: Path,
    toolchain: Toolchain,
    terms: Terms,
    progress: Progress,
    profiles: tuple[Profile, ...],
    options: BuildOptions | None = None,
    cache: Path | None = None,
) -> EngineManifest:
    """Builds an engine and writes it with its manifest, or takes it from the cache.

    Args:
        onnx: the graph, in the precision that the engine is to have, with its manifest.
        output: the .engine file.
        toolchain: that builds it, see `open_toolchain`.
        terms: of the proof.
        profiles: see `profiles_for`.
        options: of the builder.
        cache: folder of engines; None takes the user's.

    Raises:
        UsageError: a graph or an option that the library does not take.
        ModelError: the graph is damaged or cannot be parsed.
        BackendError: the build failed; DeviceMemoryError if the GPU has too little memory.
        ProofError: the engine does not do what its graph does.
        OutputError: a file cannot be written. In every case nothing is left behind.
    """
    check_engine_output(output)
    options = options or BuildOptions()
    model = read_manifest(onnx)
    check_graph(onnx, model)
    _check_target(onnx, model)
    capability = built_for(toolchain, options)
    target = Target(
        toolchain.flavour,
        toolchain.version,
        precision=model.precision,
        profile=profiles,
        onnx_sha256=model.sha256,
    )
    folder = cache or default_cache()
    kept = EngineCache(folder, model.sha256, target, capability, options.table())
    plan = kept.find(output, progress)
    built = plan is None
    if plan is None:
        plan = _build(onnx, toolchain, profiles, options, folder, capability[0], progress)
    else:
        progress.say(f"this engine was built before; it is taken from {kept.engine}")
    with tempfile.TemporaryDirectory(prefix="ioebss-engine-") as temporary:
        engine = Path(temporary) / output.name
        engine.write_bytes(plan)
        manifest = replace(
            unproven_manifest(engine, onnx, toolchain, capability, profiles),
            built_with=options.table(),
            command=terms.command,
        )
        write_engine_manifest(manifest, engine)
        proof = prove_engine(engine, onnx, output, terms, progress)
        progress.say(f"proof of the engine {proof['status']}: {proof['reason']}")
        manifest = replace(manifest, proof=proof)
        if built:
            kept.keep(manifest, engine, progress)
        _put_in_place(engine, manifest, output)
    return manifest


def unproven_manifest(
    engine: Path,
    onnx: Path,
    toolchain: Toolchain,
    compute_capability: tuple[str, ...],
    profiles: tuple[Profile, ...],
) -> EngineManifest:
    """What the manifest of an engine says before anything is proven.

    Args:
        engine: the plan, written.
        onnx: the graph that it was built of, with its manifest.
        toolchain: that built it.
        compute_capability: of the GPUs that it is for.
        profiles: that it was built for.

    Raises:
        ModelError: the graph's manifest is missing or damaged.
    """
    model = read_manifest(onnx)
    return EngineManifest(
        flavour=toolchain.flavour,
        version=toolchain.version,
        compute_capability=compute_capability,
        precision=model.precision,
        profile=profiles,
        onnx=onnx.name,
        onnx_sha256=model.sha256,
        engine_sha256=sha256_of(engine),
        model=model,
        proof={"status": "not run", "reason": "nothing was compared yet"},
    )


def _build(
    onnx: Path,
    toolchain: Toolchain,
    profiles: tuple[Profile, ...],
    options: BuildOptions,
    folder: Path,
    capability: str,
    progress: Progress,
) -> bytes:
    flavour, version = toolchain.flavour, toolchain.version
    progress.say(
        f"building for {len(profiles)} sizes with {flavour} {version}; this takes "
        + ("many minutes" if flavour == TENSORRT else "seconds to a minute")
    )
    timings = folder / f"{flavour}-{version}-{capability}.timings"
    return build_plan(toolchain.library, flavour, onnx, profiles, options, timings, progress)


def _check_target(onnx: Path, model: Manifest) -> None:
    if model.planes != DISCS:
        raise UsageError(f"{onnx} reads {model.planes}; on GPUs clicks are drawn as {DISCS} only")
    quantisation = model.training.get("quantisation")
    target = quantisation.get("target") if isinstance(quantisation, dict) else None
    if model.precision == "int8" and target != TENSORRT:
        raise UsageError(
            f"{onnx} is the 8-bit graph for CPUs, which TensorRT does not take; give the one that "
            "ioebss-export --int8 writes for it (.int8.trt.onnx)"
        )


def built_for(toolchain: Toolchain, options: BuildOptions) -> tuple[str, ...]:
    """The compute capabilities that an engine will have.

    Raises:
        UsageError: that of the GPU here is asked for, and there is none.
    """
    here = toolchain.gpu.compute_capability if toolchain.gpu else None
    if toolchain.flavour == TENSORRT and here:
        return (here,)
    if options.compute_capability == (CURRENT,):
        if here is None:
            raise UsageError("--compute-capability current: there is no GPU here; name one")
        return (here,)
    return options.compute_capability or PORTABLE


def _put_in_place(engine: Path, manifest: EngineManifest, output: Path) -> None:
    write_atomically(output, partial(shutil.copyfile, engine))
    try:
        # The manifest comes last: without it, no engine is ever loaded.
        write_engine_manifest(manifest, output)
    except IoebssError:
        output.unlink(missing_ok=True)
        raise
