"""The manifest beside every ONNX model: all that a later stage needs to know about it."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ioebss.click_planes import DISCS, KINDS
from ioebss.errors import ModelError, UsageError
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
from ioebss.regular_files import check_regular
from ioebss.windows import Zoom

FORMAT = 1
MAX_MANIFEST_BYTES = 1024 * 1024
MAX_RADIUS = 64  # of the discs, in network pixels
MAX_SIDE = 4096  # of the network's input, in pixels
CHANNELS = ("red", "green", "blue", "positive", "negative", "previous")
INPUT, OUTPUT = "input", "logits"
PRECISIONS = ("fp32", "fp16", "int8")


@dataclass(frozen=True)
class Manifest:
    """What is known about a model. Stored as JSON with these keys.

    Attributes:
        name: what people call the model.
        architecture: network and backbone, e.g. "deeplabv3plus-efficientnet_lite0".
        channels: of the graph's input, in order: the first five of `CHANNELS`, or all six.
        click_radius: r of equation 2, in network pixels, 1..64.
        planes: what clicks are drawn as: "discs" of that radius, or "distances", as DIOS reads them
            (`ioebss.distance_planes`); C++ and engines draw discs only.
        size_multiple: height and width of the input are multiples of this.
        recommended_sizes: longer sides of the input that the model was made for, in pixels; the
            first is what the runtime takes unless told otherwise.
        fixed_size: height and width if the graph accepts no other, else null.
        precision: "fp32", "fp16" or "int8".
        zoom: how the runtime zooms in on the object, or null: always the whole photo.
        sha256: of the ONNX file, lower-case hexadecimal.
        opset: of the graph.
        training: data, recipe and extent of the training.
        metrics: measured results with their protocol, n and data.
        licence: of the weights, with the terms of the data.
        command: that made the file.
        format: version of this layout.
    """

    name: str
    architecture: str
    channels: tuple[str, ...]
    click_radius: int
    size_multiple: int
    recommended_sizes: tuple[int, ...]
    precision: str
    sha256: str
    opset: int
    planes: str = DISCS
    fixed_size: tuple[int, int] | None = None
    zoom: Zoom | None = None
    training: dict[str, Any] = field(default_factory=dict)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    licence: str = ""
    command: str = ""
    format: int = FORMAT

    @property
    def has_previous(self) -> bool:
        """Whether the model reads the previous mask."""
        return "previous" in self.channels

    def input_size(self, height: int, width: int, longest: int | None = None) -> tuple[int, int]:
        """Height and width of the network's input for a photo.

        The photo is scaled so that its longer side becomes `longest`; each side is then rounded to
        the nearest multiple that the model takes (halves up), and the photo stretched by those few
        percent.

        Args:
            height, width: of the photo in pixels.
            longest: instead of the first recommended size.
        """
        if self.fixed_size:
            return self.fixed_size
        step = self.size_multiple
        longest = longest or self.recommended_sizes[0]
        unit = step * max(height, width)  # all in integers: every language gets the same
        return (
            max(1, (2 * height * longest + unit) // (2 * unit)) * step,
            max(1, (2 * width * longest + unit) // (2 * unit)) * step,
        )


def manifest_path(model: Path) -> Path:
    """Where the manifest of a model file lies: `model.json` beside `model.onnx`."""
    return model.with_suffix(".json")


def write_manifest(manifest: Manifest, model: Path) -> None:
    """Writes the manifest beside its model.

    Raises:
        ModelError: it would not be read again: a value is out of range or not a finite number.
        OutputError: the file cannot be written.
    """
    write_checked(asdict(manifest), manifest_path(model), manifest_from)


def check_model_file(model: Path) -> None:
    """Refuses what is no file at all, in words for the mistakes that people make.

    Raises:
        ModelError: it does not exist, or is a folder, such as that of a training run, or a pipe.
    """
    if model.is_dir():
        raise ModelError(
            f"{model} is a folder, not a model file; of a run of ioebss-train, "
            "ioebss-export makes one"
        )
    check_regular(model, ModelError, "a model file")
    if not model.is_file():
        raise ModelError(f"{model} does not exist: no such model file")


def read_manifest(model: Path) -> Manifest:
    """Reads and validates the manifest of a model file.

    Raises:
        ModelError: missing, not JSON, a newer format, a key missing or of the wrong type or range.
    """
    if model.is_dir() or not (path := manifest_path(model)).exists():
        check_model_file(model)
        raise ModelError(
            f"{model} has no manifest: {path.name} must lie beside it "
            "(ioebss-export writes both; move them together)"
        )
    table = read_json_object(path, MAX_MANIFEST_BYTES, ModelError, "a manifest", strict_json)
    return manifest_from(table, path)


def manifest_from(table: dict[str, Any], path: Path | str) -> Manifest:
    """A manifest from its JSON object, validated.

    Args:
        path: of the file that holds it, or what messages call it.

    Raises:
        ModelError: see `read_manifest`.
    """
    check_format(table, path, FORMAT, "a manifest")
    known = {f.name for f in fields(Manifest)}
    optional = {"planes", "fixed_size", "zoom", "training", "metrics", "licence", "command"}
    check_values(table, path, _RULES, known - optional, "export the model again")
    values = {k: v for k, v in table.items() if k in known}
    for key in ("channels", "recommended_sizes", "fixed_size"):
        if values.get(key) is not None:
            values[key] = tuple(values[key])
    if values.get("zoom") is not None:
        values["zoom"] = _zoom_of(values["zoom"])
    manifest = Manifest(**values)
    sides = manifest.fixed_size or manifest.recommended_sizes
    if any(side % manifest.size_multiple for side in sides):
        raise ModelError(
            f"{path}: sizes {list(sides)} are not multiples of {manifest.size_multiple}"
        )
    return manifest


def _sides(value: Any, count: range) -> bool:
    side = whole(1, MAX_SIDE)
    return isinstance(value, list) and len(value) in count and all(map(side, value))


def _zoom_of(table: dict[str, Any]) -> Zoom:
    """Keys of later versions are let through, as in the manifest itself."""
    required = {"margin", "keep", "min_side", "first"}
    known = {f.name for f in fields(Zoom)}
    return Zoom(**{key: table[key] for key in known if key in table or key in required})


def _is_zoom(value: Any) -> bool:
    try:
        return value is None or bool(_zoom_of(value))
    except (UsageError, KeyError, TypeError):
        return False


_RULES = (
    ("name", is_text, "a text"),
    ("architecture", is_text, "a text"),
    ("channels", lambda v: v in (list(CHANNELS[:5]), list(CHANNELS)), f"{list(CHANNELS)} or 5"),
    ("click_radius", whole(1, MAX_RADIUS), f"a whole number from 1 to {MAX_RADIUS}"),
    ("planes", lambda v: v in KINDS, " or ".join(KINDS)),
    ("size_multiple", whole(1, 256), "a whole number from 1 to 256"),
    ("recommended_sizes", lambda v: _sides(v, range(1, 65)), f"sides from 1 to {MAX_SIDE}"),
    ("fixed_size", lambda v: v is None or _sides(v, range(2, 3)), "null or [height, width]"),
    ("precision", lambda v: v in PRECISIONS, " or ".join(PRECISIONS)),
    (
        "zoom",
        _is_zoom,
        "null, or margin (1 to 10), keep (1 to margin), min_side (1 to 4096), first (0 to 1), and "
        "optionally detail (0 to 1), detail_after (a whole number), islands (null, or 0 to 10), "
        "forget (null, or 0 to 1), unsure (null, or 0 to 64)",
    ),
    ("sha256", is_sha256, "64 hex digits"),
    ("opset", whole(1, 1000), "a whole number"),
    ("training", is_object, "an object"),
    ("metrics", lambda v: isinstance(v, list) and all(map(is_object, v)), "a list"),
    ("licence", is_text, "a text"),
    ("command", is_text, "a text"),
)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, lower-case hexadecimal, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_graph(model: Path, manifest: Manifest) -> None:
    """Checks that the ONNX file is the one that the manifest describes.

    Raises:
        ModelError: missing, unreadable, no regular file, or another file.
    """
    check_regular(model, ModelError, "a model file")
    try:
        actual = sha256_of(model)
    except OSError as error:
        raise ModelError(f"{model} cannot be read: {error.strerror or error}") from None
    if actual != manifest.sha256:
        raise ModelError(
            f"{model} is not the file that {manifest_path(model).name} describes: its sha256 is "
            f"{actual[:12]}..., the manifest says {manifest.sha256[:12]}...; "
            "copy both files again, or export again"
        )
