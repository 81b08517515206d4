"""From an ONNX graph to the plan of an engine, by TensorRT or TensorRT-RTX: they have one API, and
the library is a parameter. Networks are strongly typed: what is in half precision or in 8 bits in
the graph is so in the engine, and nothing else.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ioebss.atomic import write_atomically
from ioebss.engine_files import TENSORRT, TENSORRT_RTX, Profile
from ioebss.errors import BackendError, DeviceMemoryError, ModelError, OutputError, UsageError
from ioebss.export.build_progress import make_monitor
from ioebss.manifest import INPUT, OUTPUT
from ioebss.progress import Progress
from ioebss.tensorrt_library import make_log

CURRENT = "current"  # compute capability of the GPU that is here, for TensorRT-RTX
MAX_TIMING_CACHE = 1024**3  # bytes


@dataclass(frozen=True)
class BuildOptions:
    """What decides what the builder makes, beside the graph.

    Attributes:
        workspace_mib: most device memory for scratch, in MiB; None takes the library's default.
        optimisation_level: 0 to 5, how long better kernels are looked for; None takes the default.
        compute_capability: GPUs to build for, "8.9" each, or `CURRENT` alone; empty takes the
            library's default. TensorRT builds for the GPU that is here and takes none.
    """

    workspace_mib: int | None = None
    optimisation_level: int | None = None
    compute_capability: tuple[str, ...] = ()

    def table(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self) | {"compute_capability": list(self.compute_capability)}


def build_plan(
    library: Any,
    flavour: str,
    onnx: Path,
    profiles: tuple[Profile, ...],
    options: BuildOptions,
    timings: Path,
    progress: Progress,
) -> bytes:
    """Builds the plan of an engine. It takes seconds to many minutes.

    Args:
        library: module of TensorRT or TensorRT-RTX.
        flavour: "tensorrt" or "tensorrt-rtx".
        onnx: the graph.
        profiles: shapes to build for; not used where the graph takes one shape only.
        timings: file that TensorRT keeps its measurements in, so that the next build is faster;
            TensorRT-RTX measures nothing when it builds.

    Raises:
        ModelError: the graph cannot be parsed; the message names the node.
        UsageError: an option that the library does not take.
        DeviceMemoryError: the GPU has too little memory.
        BackendError: the build failed otherwise.
    """
    log = make_log(library)
    builder = library.Builder(log)
    network = builder.create_network(1 << int(library.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    # The parser fills the network and must not outlive it.
    _parse(library.OnnxParser(network, log), flavour, onnx)
    channels = _check_network(network, onnx)
    config = builder.create_builder_config()
    _set_options(library, flavour, config, options)
    if -1 in tuple(network.get_input(0).shape):
        for profile in profiles:
            _add_profile(builder, config, channels, profile)
    cache = _open_timings(config, timings) if flavour == TENSORRT else None
    with make_monitor(library, progress) as monitor:
        config.progress_monitor = monitor
        plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise _failure(flavour, onnx, log.last)
    if cache is not None:
        _keep_timings(cache, timings, progress)
    return bytes(plan)


def _parse(parser: Any, flavour: str, onnx: Path) -> None:
    if parser.parse(onnx.read_bytes()):
        return
    errors = [parser.get_error(i) for i in range(parser.num_errors)]
    if not errors:
        raise ModelError(f"{flavour} cannot parse {onnx}; it does not say why")
    first = errors[0]
    where = f"node {first.node_name()!r} ({first.node_operator()}): " if first.node_name() else ""
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    raise ModelError(
        f"{flavour} cannot parse {onnx}: {where}{' '.join(first.desc().split())}{more}"
    )


def _check_network(network: Any, onnx: Path) -> int:
    """Checks inputs and outputs; returns the number of input channels."""
    inputs = [network.get_input(i).name for i in range(network.num_inputs)]
    outputs = [network.get_output(i).name for i in range(network.num_outputs)]
    if inputs != [INPUT] or outputs != [OUTPUT]:
        raise ModelError(
            f"{onnx} has inputs {inputs} and outputs {outputs}; an IOEBSS model has one input "
            f"{INPUT!r} and one output {OUTPUT!r} (export it with ioebss-export)"
        )
    return int(network.get_input(0).shape[1])


def _set_options(library: Any, flavour: str, config: Any, options: BuildOptions) -> None:
    if options.workspace_mib is not None:
        workspace = options.workspace_mib * 1024**2
        config.set_memory_pool_limit(library.MemoryPoolType.WORKSPACE, workspace)
    if options.optimisation_level is not None:
        config.builder_optimization_level = options.optimisation_level
    if flavour == TENSORRT_RTX:
        # Else it may allocate memory while it runs, and its work cannot be recorded.
        config.set_flag(library.BuilderFlag.REQUIRE_USER_ALLOCATION)
    if not options.compute_capability:
        return
    if flavour == TENSORRT:
        raise UsageError("TensorRT builds for the GPU that is here; leave --compute-capability out")
    known = {_dotted(name): kind for name, kind in library.ComputeCapability.__members__.items()}
    config.num_compute_capabilities = len(options.compute_capability)
    for number, wanted in enumerate(options.compute_capability):
        if wanted not in known or not config.set_compute_capability(known[wanted], number):
            choices = ", ".join(key for key in known if key != "none")
            raise UsageError(f"no engine can be built for {wanted}; choose among {choices}")


def _dotted(name: str) -> str:
    """SM89 -> 8.9, SM120 -> 12.0, CURRENT -> current."""
    digits = name.removeprefix("SM")
    return f"{digits[:-1]}.{digits[-1]}" if digits.isdigit() else name.lower()


def _add_profile(builder: Any, config: Any, channels: int, profile: Profile) -> None:
    shapes = [(s[0], channels, *s[1:]) for s in (profile.min, profile.opt, profile.max)]
    made = builder.create_optimization_profile()
    made.set_shape(INPUT, *shapes)
    if config.add_optimization_profile(made) < 0:
        raise UsageError(f"the library does not take the shapes {profile}")


def _open_timings(config: Any, path: Path) -> Any:
    """A timing cache with what was measured before, or an empty one."""
    known = b""
    if path.is_file() and path.stat().st_size <= MAX_TIMING_CACHE:
        known = path.read_bytes()
    cache = config.create_timing_cache(known)
    if cache is None or not config.set_timing_cache(cache, False):
        cache = config.create_timing_cache(b"")  # measured by another version or on another GPU
        config.set_timing_cache(cache, False)
    return cache


def _keep_timings(cache: Any, path: Path, progress: Progress) -> None:
    """For the next build; if that fails it is told, and nothing is lost."""
    measured = bytes(cache.serialize())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda temporary: temporary.write_bytes(measured))
    except (OSError, OutputError) as error:
        progress.say(f"the timings are not kept: {error}")


def _failure(flavour: str, onnx: Path, reason: str) -> BackendError:
    lowered = reason.lower()
    if "out of memory" in lowered or "outofmemory" in lowered or "allocat" in lowered:
        return DeviceMemoryError(
            f"{flavour} ran out of device memory while building {onnx}: {reason}; ask for smaller "
            "--sizes or --max-batch, limit --workspace, or end other work on the GPU"
        )
    return BackendError(f"{flavour} cannot build {onnx}: {reason}")
