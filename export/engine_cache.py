"""Engines that were built before, so that the same one is never built twice."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from ioebss.atomic import write_atomically
from ioebss.engine_files import (
    FORMAT,
    SUFFIX,
    EngineManifest,
    Profile,
    Target,
    check_engine,
    read_engine,
    read_engine_manifest,
    write_engine_manifest,
)
from ioebss.errors import EngineMismatchError, ModelError, OutputError
from ioebss.progress import Progress


def default_cache() -> Path:
    """`ioebss/engines` in the user's cache folder (XDG_CACHE_HOME, or ~/.cache)."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(home) if Path(home).is_absolute() else Path("~/.cache").expanduser()
    return root / "ioebss" / "engines"


class EngineCache:
    """A folder of engines. Each lies under the sha256 of its ONNX, by a key of everything else that
    decides what is built.

    Args:
        folder: is made when the first engine is kept.
        onnx_sha256: of the graph.
        target: flavour, version, precision and profile that are wanted.
        compute_capability: of the GPUs to build for.
        options: of the builder.
    """

    def __init__(
        self,
        folder: Path,
        onnx_sha256: str,
        target: Target,
        compute_capability: tuple[str, ...],
        options: dict[str, Any],
    ) -> None:
        self._folder = folder / onnx_sha256
        self._target = target
        profile: tuple[Profile, ...] = target.profile or ()
        key = {
            "format": FORMAT,
            "flavour": target.flavour,
            "version": target.version,
            "compute_capability": compute_capability,
            "precision": target.precision,
            "profile": [asdict(p) for p in profile],
            "options": options,
        }
        text = json.dumps(key, sort_keys=True)
        name = hashlib.sha256(text.encode()).hexdigest()[:32]
        self.engine = self._folder / f"{name}{SUFFIX}"

    def find(self, output: Path, progress: Progress) -> bytes | None:
        """The plan of the engine that is wanted, or None. What lies there but is damaged is passed
        over, and what was built of the same graph for something else is told.

        Args:
            output: where the engine is to go, for messages.
        """
        if self.engine.is_file():
            try:
                manifest = read_engine_manifest(self.engine)
                check_engine(output, manifest, self._target)
                return read_engine(self.engine, manifest)
            except (ModelError, EngineMismatchError) as error:
                progress.say(f"the cached engine is passed over: {error}")
                return None
        for other in sorted(self._folder.glob(f"*{SUFFIX}")):
            try:
                check_engine(output, read_engine_manifest(other), self._target)
            except (ModelError, EngineMismatchError) as error:
                progress.say(f"the cached engine {other.name} is passed over: {error}")
                break  # one says enough
        return None

    def keep(self, manifest: EngineManifest, engine: Path, progress: Progress) -> None:
        """Copies an engine into the cache. If that fails it is told, and nothing is lost."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self.engine, partial(shutil.copyfile, engine))
            write_engine_manifest(manifest, self.engine)
        except (OSError, OutputError) as error:
            progress.say(f"the engine is not cached: {error}")
