"""An engine on disk: the plan that TensorRT or TensorRT-RTX built, and its manifest beside it, that
says what it was built for. Together they are a complete model: the ONNX file is not needed.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ioebss.errors import EngineMismatchError, ModelError
from ioebss.json_files import read_json_object, strict_json
from ioebss.json_rules import (
    check_format,
    check_values,
    is_object,
    is_sha256,
    is_text,
    whole,
    write_checked,
)
from ioebss.manifest import (
    MAX_MANIFEST_BYTES,
    MAX_SIDE,
    PRECISIONS,
    Manifest,
    manifest_from,
)
from ioebss.regular_files import check_regular

FORMAT = 1
SUFFIX = ".engine"
TENSORRT, TENSORRT_RTX = FLAVOURS = ("tensorrt", "tensorrt-rtx")
MAX_BATCH = 256
MAX_PROFILES = 64
MAX_ENGINE_BYTES = 8 * 1024**3
PROOFS = ("passed", "failed", "not run")

Shape = tuple[int, int, int]  # batch, height, width


@dataclass(frozen=True)
class Profile:
    """Input shapes that an engine takes, as (batch, height, width): all from `min` to `max`, and
    fastest at `opt`."""

    min: Shape
    opt: Shape
    max: Shape

    def holds(self, shape: Shape) -> bool:
        """Whether an input of this (batch, height, width) fits."""
        triples = zip(self.min, shape, self.max, strict=True)
        return all(low <= size <= high for low, size, high in triples)

    def __str__(self) -> str:
        low, best, high = ("x".join(map(str, s)) for s in (self.min, self.opt, self.max))
        return f"{low}..{high}" + f" (best {best})" * (self.opt[1:] != self.max[1:])


@dataclass(frozen=True)
class EngineManifest:
    """What is known about an engine. Stored as JSON with these keys.

    Attributes:
        flavour: "tensorrt" or "tensorrt-rtx".
        version: of the library that built it, as it states it: "11.4.0.22".
        compute_capability: of the GPUs that it was built for: "9.0" is this one alone, "8.0+" is
            8.0 and all later ones.
        precision: of its ONNX: "fp32", "fp16" or "int8".
        profile: the shapes that it takes.
        onnx: name of the ONNX file that it was built of.
        onnx_sha256: of that file, lower-case hexadecimal.
        engine_sha256: of the engine itself.
        model: the manifest of its ONNX.
        proof: "status" is one of `PROOFS`, "reason" says in words what was or was not done; the
            rest is what was measured.
        built_with: options that decide what the builder makes: workspace, optimisation level, ...
        command: that made the file.
        format: version of this layout.
    """

    flavour: str
    version: str
    compute_capability: tuple[str, ...]
    precision: str
    profile: tuple[Profile, ...]
    onnx: str
    onnx_sha256: str
    engine_sha256: str
    model: Manifest
    proof: dict[str, Any]
    built_with: dict[str, Any] = field(default_factory=dict)
    command: str = ""
    format: int = FORMAT

    def runs_on(self, compute_capability: str) -> bool:
        """Whether it was built for a GPU of this compute capability, "9.0" for example."""
        here = _capability(compute_capability)
        return any(
            here >= _capability(built) if built.endswith("+") else here == _capability(built)
            for built in self.compute_capability
        )


@dataclass(frozen=True)
class Target:
    """What an engine is to fit. What is None is not compared.

    Attributes:
        flavour: the library that is to load it, "tensorrt" or "tensorrt-rtx".
        version: of that library.
        compute_capability: of the GPU, "9.0" for example.
        precision: "fp32", "fp16" or "int8".
        profile: exactly these shapes.
        shapes: each of these (batch, height, width) must be taken.
        onnx_sha256: of the ONNX file that it must have been built of.
    """

    flavour: str
    version: str | None = None
    compute_capability: str | None = None
    precision: str | None = None
    profile: tuple[Profile, ...] | None = None
    shapes: tuple[Shape, ...] = ()
    onnx_sha256: str | None = None


def engine_manifest_path(engine: Path) -> Path:
    """Where the manifest of an engine lies: `model.engine.json` beside `model.engine`."""
    return engine.with_name(engine.name + ".json")


def write_engine_manifest(manifest: EngineManifest, engine: Path) -> None:
    """Writes the manifest beside its engine.

    Raises:
        ModelError: it would not be read again: a value is out of range or not a finite number.
        OutputError: the file cannot be written.
    """
    write_checked(asdict(manifest), engine_manifest_path(engine), _validated)


def read_engine_manifest(engine: Path) -> EngineManifest:
    """Reads and validates the manifest of an engine.

    Raises:
        ModelError: missing, not JSON, a newer format, a key missing or of the wrong type or range.
    """
    path = engine_manifest_path(engine)
    if not path.exists():
        raise ModelError(
            f"{engine} has no manifest: {path.name} must lie beside it "
            "(ioebss-export --engine writes both; move them together)"
        )
    what = "an engine's manifest"
    table = read_json_object(path, MAX_MANIFEST_BYTES, ModelError, what, strict_json)
    return _validated(table, path)


def read_engine(engine: Path, manifest: EngineManifest) -> bytes:
    """The plan, for the library to load. It is checked first: these libraries are not made for
    damaged files.

    Raises:
        ModelError: missing, unreadable, no regular file, too large, truncated, or not the one that
            the manifest describes.
    """
    check_regular(engine, ModelError, "an engine")
    try:
        if engine.stat().st_size > MAX_ENGINE_BYTES:
            raise ModelError(f"{engine} is larger than {MAX_ENGINE_BYTES} bytes; it is no engine")
        plan = engine.read_bytes()
    except OSError as error:
        raise ModelError(f"{engine} cannot be read: {error.strerror or error}") from None
    actual = hashlib.sha256(plan).hexdigest()
    if actual != manifest.engine_sha256:
        raise ModelError(
            f"{engine} is not the file that {engine_manifest_path(engine).name} describes: its "
            f"sha256 is {actual[:12]}..., the manifest says {manifest.engine_sha256[:12]}...; "
            "it is truncated or another one: copy both files again, or rebuild: "
            f"{rebuild_command(engine, manifest)}"
        )
    return plan


def check_engine(engine: Path, manifest: EngineManifest, target: Target) -> None:
    """Checks that an engine fits where it is to run.

    Raises:
        EngineMismatchError: it does not; the message names the field, both values, and the command
            that rebuilds it.
    """
    if found := _difference(manifest, target):
        name, has, wanted = found
        raise EngineMismatchError(
            f"{engine} does not fit: its {name} is {has}, wanted is {wanted}; rebuild it: "
            f"{rebuild_command(engine, manifest, target)}"
        )


def profile_for(engine: Path, manifest: EngineManifest, shape: Shape) -> int:
    """Number of the profile to run an input with: of those that take it, the one whose best shape
    is nearest in pixels.

    Args:
        shape: (batch, height, width).

    Raises:
        EngineMismatchError: none takes it.
    """
    check_engine(engine, manifest, Target(manifest.flavour, shapes=(shape,)))
    _, height, width = shape

    def distance(number: int) -> int:
        _, best_height, best_width = manifest.profile[number].opt
        return abs(best_height * best_width - height * width)

    fitting = [i for i, profile in enumerate(manifest.profile) if profile.holds(shape)]
    return min(fitting, key=distance)


def rebuild_command(engine: Path, manifest: EngineManifest, target: Target | None = None) -> str:
    """What to type to build the engine anew, for a target if one is given."""
    shapes, flavour = target.shapes if target else (), (target or manifest).flavour
    words = ["ioebss-export", manifest.onnx, "--engine", flavour]
    if manifest.model.fixed_size is None:
        wanted = (target.profile if target else None) or manifest.profile
        sizes = {max(profile.max[1:]) for profile in wanted} | {max(s[1:]) for s in shapes}
        batches = [*(profile.max[0] for profile in wanted), *(s[0] for s in shapes)]
        words += ["--sizes", ",".join(map(str, sorted(sizes))), "--max-batch", str(max(batches))]
    if flavour == TENSORRT_RTX:
        words += _chips(manifest, target.compute_capability if target else None)
    return shlex.join([*words, "-o", engine.name])


# -- inside ----------------------------------------------------------------------------------------


def _difference(manifest: EngineManifest, target: Target) -> tuple[str, object, object] | None:
    """The weightiest thing in which an engine does not fit: the field's name, what it has, what is
    wanted."""
    for name in ("flavour", "version", "precision", "onnx_sha256"):
        has, wanted = getattr(manifest, name), getattr(target, name)
        if wanted not in (None, has):
            return name, has, wanted
    capability = target.compute_capability
    if capability is not None and not manifest.runs_on(capability):
        return "compute_capability", ", ".join(manifest.compute_capability), capability
    profile = "; ".join(map(str, manifest.profile))
    if target.profile is not None and target.profile != manifest.profile:
        return "profile", profile, "; ".join(map(str, target.profile))
    for shape in target.shapes:
        if not any(p.holds(shape) for p in manifest.profile):
            return "profile", profile, "x".join(map(str, shape))
    return None


def _chips(manifest: EngineManifest, here: str | None) -> list[str]:
    """The option that names GPUs, where TensorRT-RTX would not build for them by itself."""
    chips = manifest.compute_capability if manifest.flavour == TENSORRT_RTX else ()
    if here is not None and not manifest.runs_on(here):
        chips = (here,) if _capability(here) < (8, 0) or chips else ()
    own = chips and not any(chip.endswith("+") for chip in chips)
    return ["--compute-capability", ",".join(chips)] if own else []


def _capability(text: str) -> tuple[int, int]:
    major, minor = text.removesuffix("+").split(".")
    return int(major), int(minor)


def _validated(table: dict[str, Any], path: Path) -> EngineManifest:
    check_format(table, path, FORMAT, "an engine's manifest")
    known = {f.name for f in fields(EngineManifest)}
    remedy = "build the engine again"
    check_values(table, path, _RULES, known - {"built_with", "command"}, remedy)
    values = {k: v for k, v in table.items() if k in known}
    values["compute_capability"] = tuple(table["compute_capability"])
    values["profile"] = tuple(_profile(p) for p in table["profile"])
    manifest = EngineManifest(**values)
    manifest = replace(manifest, model=manifest_from(table["model"], path))
    for name, own, models in (
        ("precision", manifest.precision, manifest.model.precision),
        ("onnx_sha256", manifest.onnx_sha256, manifest.model.sha256),
    ):
        if own != models:
            raise ModelError(f"{path}: {name} is {own}, its model's {models}; {remedy}")
    return manifest


def _profile(table: dict[str, Any]) -> Profile:
    low, best, high = ((t[0], t[1], t[2]) for t in (table["min"], table["opt"], table["max"]))
    return Profile(low, best, high)


_BATCH, _SIDE = whole(1, MAX_BATCH), whole(1, MAX_SIDE)


def _is_profile(value: Any) -> bool:
    if not is_object(value) or not {"min", "opt", "max"} <= value.keys():
        return False
    shapes: Sequence[Any] = [value["min"], value["opt"], value["max"]]
    if not all(isinstance(s, list) and len(s) == 3 for s in shapes):
        return False
    if not all(_BATCH(s[0]) and _SIDE(s[1]) and _SIDE(s[2]) for s in shapes):
        return False
    return all(low <= best <= high for low, best, high in zip(*shapes, strict=True))


def _is_list(value: Any, check: Callable[[Any], bool], most: int) -> bool:
    return isinstance(value, list) and 1 <= len(value) <= most and all(map(check, value))


def _is_capability(value: Any) -> bool:
    return is_text(value) and bool(re.fullmatch(r"[0-9]{1,2}\.[0-9]\+?", value))


def _is_file_name(value: Any) -> bool:
    return is_text(value) and value == Path(value).name


_RULES = (
    ("flavour", lambda v: v in FLAVOURS, " or ".join(FLAVOURS)),
    ("version", is_text, "a text"),
    ("compute_capability", lambda v: _is_list(v, _is_capability, 64), '["8.9"] for example'),
    ("precision", lambda v: v in PRECISIONS, " or ".join(PRECISIONS)),
    (
        "profile",
        lambda v: _is_list(v, _is_profile, MAX_PROFILES),
        "a list of min, opt and max, growing, as [batch, height, width]",
    ),
    ("onnx", _is_file_name, "the name of a file"),
    ("onnx_sha256", is_sha256, "64 hex digits"),
    ("engine_sha256", is_sha256, "64 hex digits"),
    ("model", is_object, "a manifest"),
    (
        "proof",
        lambda v: is_object(v) and v.get("status") in PROOFS and is_text(v.get("reason")),
        f"an object with a status ({', '.join(PROOFS)}) and a reason",
    ),
    ("built_with", is_object, "an object"),
    ("command", is_text, "a text"),
)
