"""Decoded scenes kept in memory when they fit."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from ioebss.progress import Progress
from ioebss.trainer.datasets.free_memory import free_memory
from ioebss.trainer.datasets.scene import Scene, SceneDataset

ESTIMATE_FROM = 32  # scenes read to estimate the size of all


class CachedDataset:
    """All scenes of a data set, decoded once, up front.

    Filled before worker processes fork, so that they share the memory.
    """

    def __init__(self, scenes: list[Scene]) -> None:
        self._scenes = scenes

    def __len__(self) -> int:
        return len(self._scenes)

    def scene(self, index: int) -> Scene:
        """See `SceneDataset`."""
        return self._scenes[index]


def cache_budget(gigabytes: float) -> int:
    """Bytes that one process may cache: its share of `gigabytes`, at most half of what is free."""
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    budget = gigabytes * 1e9
    free = free_memory()
    if free is not None:
        budget = min(budget, free / 2)
    return int(budget / processes)


def cached(dataset: SceneDataset, budget: int, progress: Progress) -> SceneDataset:
    """The data set, decoded into memory if that takes at most `budget` bytes, else as it is."""
    count = len(dataset)
    step = max(1, count // ESTIMATE_FROM)
    probe = [dataset.scene(i) for i in range(0, count, step)]
    size = sum(s.image.nbytes + s.labels.nbytes for s in probe) / len(probe) * count
    if size > budget:
        progress.say(
            f"{count} photos need about {size / 1e9:.1f} GB decoded, more than the cache of "
            f"{budget / 1e9:.1f} GB: reading them from disk each time"
        )
        return dataset
    with ThreadPoolExecutor(os.cpu_count()) as pool, progress.task("decoding", count) as advance:
        scenes = []
        for scene in pool.map(dataset.scene, range(count)):
            scenes.append(scene)
            advance()
    return CachedDataset(scenes)
