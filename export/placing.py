"""Finished models, made aside, come to where they were asked for."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ioebss.atomic import write_together
from ioebss.manifest import Manifest, manifest_path, write_manifest


def put_in_place(made: Sequence[tuple[Path, Manifest, Path]]) -> None:
    """Copies graphs and writes their manifests, all of them or none: models that were there before
    stay if a disk is full.

    Args:
        made: of each model the graph, in a folder that is going to be deleted, its manifest, and
            where it is to be.

    Raises:
        ModelError: a manifest would not be read again.
        OutputError: a file cannot be written.
    """
    files: list[tuple[Path, Path]] = []
    for graph, manifest, output in made:
        write_manifest(manifest, graph)
        # The manifest comes last: without the one that describes it, no graph is ever loaded.
        files += [(graph, output), (manifest_path(graph), manifest_path(output))]
    write_together([(output, partial(shutil.copyfile, source)) for source, output in files])
