"""What is to be measured, by name: `ioebss`, a classical method, or NAME=FILE for a model file, a
training run, or a foreign encoder and decoder. A candidate is a description that can be sent to
another process; the method itself is opened there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path
from typing import Any, cast

from ioebss.backends import AUTO
from ioebss.engine_files import SUFFIX as ENGINE
from ioebss.errors import UsageError
from ioebss.evaluation.methods import METHODS, make_method
from ioebss.evaluation.methods.ioebss import open_model
from ioebss.evaluation.protocol import Method
from ioebss.manifest import Manifest, sha256_of
from ioebss.segmenter import BUNDLED, BUNDLED_INT8

INSTANCES = "instances"  # what the list of objects is named beside the results of methods
REFINED = "dios:"  # before a model: a graph cut refines what it predicts
OURS = {"ioebss": BUNDLED, "ioebss-int8": BUNDLED_INT8}


@dataclass(frozen=True)
class Options:
    """How model files are run; see `ioebss.Segmenter`. Classical methods have none of it.

    Attributes:
        threads: CPU threads; None leaves it to the engine.
        size: longer side of the network's input in pixels; None takes the recommended one.
    """

    backend: str = AUTO
    threads: int | None = 1
    size: int | None = None
    zoom: bool = True
    flip: bool = False


@dataclass(frozen=True)
class Candidate:
    """One thing to measure.

    Attributes:
        name: as it is shown, and as its files are named.
        files: of a model: one ONNX file, engine, or training run; or an encoder and a decoder. None
            for classical methods.
        options: of models.
        refined: whether a graph cut refines what the model predicts, as in DIOS.
    """

    name: str
    files: tuple[Path, ...] = ()
    options: Options = field(default_factory=Options)
    refined: bool = False

    @property
    def is_ours(self) -> bool:
        """Whether the runtime runs it: it has a manifest."""
        return (
            len(self.files) == 1 and not self.refined and self.files[0].suffix in (".onnx", ENGINE)
        )

    def open(self) -> Method:
        """The method itself.

        Raises:
            MissingExtraError: a library that it needs is not installed.
            ModelError: a file is missing or damaged.
            BackendError: the engine cannot be used.
        """
        if self.is_ours:
            return cast(Method, open_model(self.files[0], **asdict(self.options)))
        if len(self.files) == 2:
            from ioebss.evaluation.methods.sam_pair import SamPair

            return SamPair(*self.files, threads=self.options.threads)
        if self.refined:
            from ioebss.evaluation.methods.dios import Dios

            return Dios(self.files[0], threads=self.options.threads, size=self.options.size)
        if self.files:
            from ioebss.evaluation.methods.checkpoint import CheckpointMethod

            return CheckpointMethod(
                self.files[0], threads=self.options.threads, size=self.options.size
            )
        return make_method(self.name)

    def setup(self, method: Method) -> dict[str, Any]:
        """What it is, for a result: whatever changes its masks is in it.

        Args:
            method: as opened.
        """
        constants = constants_of(method)
        training = getattr(method, "training", None)
        return (
            self._identity(method)
            | ({"constants": constants} if constants else {})
            | ({"training": training} if training else {})
        )

    def _identity(self, method: Method) -> dict[str, Any]:
        manifest = getattr(method, "manifest", None)
        if isinstance(manifest, Manifest):
            zoom, backend = getattr(method, "zoom", None), getattr(method, "backend", None)
            return {
                "name": manifest.name,
                "architecture": manifest.architecture,
                "planes": manifest.planes,
                "precision": manifest.precision,
                "sha256": manifest.sha256,
                "size": getattr(method, "size", None),
                "zoom": asdict(zoom) if zoom else None,
                "flip": getattr(method, "flip", False),
                "backend": getattr(backend, "name", backend),
                "threads": self.options.threads,
            }
        shas = {path.name: sha256_of(path) for path in self.files if path.is_file()}
        return {"name": self.name, "files": shas, "threads": self.options.threads}


def constants_of(method: Method) -> dict[str, Any]:
    """What a method's masks depend on beside its files: its fields where it is a data class, else
    its `constants`."""
    if is_dataclass(method) and not isinstance(method, type):
        return asdict(method)
    return dict(getattr(method, "constants", {}))


def parse_candidates(texts: Sequence[str], options: Options) -> list[Candidate]:
    """Candidates as they are typed: names, NAME=FILE, NAME=dios:FILE or NAME=ENCODER+DECODER,
    several in one text behind commas; "classical" stands for all classical methods.

    Raises:
        UsageError: an unknown name (the message says which there are), or one that comes twice.
    """
    words = [word.strip() for text in texts for word in text.split(",") if word.strip()]
    candidates = [c for word in words for c in _of_word(word, options)]
    if not candidates:
        raise UsageError("--methods names no method")
    names = [candidate.name for candidate in candidates]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                f"--methods: {name} is given twice; write NAME=FILE to tell them apart"
            )
        if name == INSTANCES:
            raise UsageError(
                f"--methods: no method can be named {name}: {name}.json lists the objects"
            )
        if not set(name) <= _IN_NAMES or name.startswith("."):
            raise UsageError(f"--methods: {name!r} cannot name files; use letters, digits, - and _")
    return candidates


def known_methods() -> list[str]:
    """Names that need no file."""
    return list(dict.fromkeys([*OURS, *METHODS]))


def _of_word(word: str, options: Options) -> Iterable[Candidate]:
    if word == "classical":
        return [Candidate(name, (), options) for name in METHODS if name not in OURS]
    name, equals, files = word.partition("=")
    if equals:
        refined = files.startswith(REFINED)
        paths = tuple(Path(file) for file in files.removeprefix(REFINED).split("+"))
        if not all(path.name for path in paths) or len(paths) > 2 - refined:
            raise UsageError(
                f"--methods: {word!r} is not NAME=FILE, NAME={REFINED}FILE or NAME=ENCODER+DECODER"
            )
        return [Candidate(name, paths, options, refined)]
    if name in OURS:
        return [Candidate(name, (OURS[name],), options)]
    if name in METHODS:
        return [Candidate(name, (), options)]
    if Path(name).suffix in (".onnx", ENGINE):
        return [Candidate(Path(name).stem, (Path(name),), options)]
    raise UsageError(
        f"--methods: there is no {name!r}; there are {', '.join(known_methods())}, and NAME=FILE "
        "for a model"
    )


_IN_NAMES = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
