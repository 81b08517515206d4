"""All experiments of the paper in one run, and one document of what comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ioebss.atomic import make_folder, write_text_atomically
from ioebss.evaluation.accuracy import draw_all, measure_accuracy, write_tables
from ioebss.evaluation.candidates import Candidate
from ioebss.evaluation.driver import Job
from ioebss.evaluation.instances import (
    Instance,
    evenly_spread,
    list_instances,
    one_of_each_photo,
)
from ioebss.evaluation.protocol import CENTRE, RANDOM, TRIMAP, Pointing, TrimapSession
from ioebss.evaluation.speed_subjects import SpeedPlan
from ioebss.progress import Progress
from ioebss.trainer.datasets.scene import SceneDataset

ACCURACY, SPEED, CONVERGENCE = ORDER = ("accuracy", "speed", "convergence")


@dataclass(frozen=True)
class Extent:
    """How much is measured.

    Attributes:
        objects: evenly spread objects for all methods.
        one_a_photo: the largest object of each photo only.
        all_for_ours: whether what the runtime runs is measured on all objects as well.
        protocols: in order.
        clicks: for each object.
        side: larger photos are scaled down to this longer side in pixels; None leaves them.
        cases: whether single cases of each method are drawn.
        speed: what is timed.
    """

    objects: int
    one_a_photo: bool
    all_for_ours: bool
    protocols: tuple[str, ...]
    clicks: int
    side: int | None
    cases: bool
    speed: SpeedPlan


FULL = Extent(150, False, True, (CENTRE, RANDOM, TRIMAP), 20, None, True, SpeedPlan())
QUICK = Extent(
    objects=20,
    one_a_photo=True,
    all_for_ours=False,
    protocols=(RANDOM, TRIMAP),  # the paper's
    clicks=20,
    side=256,
    cases=False,
    speed=SpeedPlan((256, 512, 1024), 2, 1.0, (256, 512, 1024), (1, 2, 5, 10, 20)),
)


@dataclass(frozen=True)
class Accuracies:
    """Measures accuracy for one document, part after part.

    Attributes:
        out: the folder.
        roots: of the data.
        candidates: what is measured.
        extent: how much.
        jobs: processes.
        photos: whether pictures show the photographs.
        provenance: of the run.
    """

    out: Path
    roots: tuple[Path, ...]
    candidates: Sequence[Candidate]
    extent: Extent
    jobs: int
    photos: bool
    provenance: dict[str, Any]
    progress: Progress

    def of_split(self, split: str, dataset: SceneDataset, min_area: int) -> list[str]:
        """Measures by every protocol on a list of the data.

        Args:
            split: its name.
            dataset: the list, opened.
            min_area: objects of fewer pixels are left out.

        Returns:
            Markdown, a part for each.
        """
        every = list_instances(dataset, min_area, self.progress)
        chosen = one_of_each_photo(every) if self.extent.one_a_photo else every
        chosen = evenly_spread(chosen, self.extent.objects)
        parts = []
        for kind in self.extent.protocols:
            candidates = [c for c in self.candidates if kind != TRIMAP or takes_trimaps(c)]
            if candidates:
                parts.append(self._one(f"{split}-{kind}", split, kind, candidates, chosen))
        ours = [c for c in self.candidates if c.is_ours]
        if self.extent.all_for_ours and ours and len(chosen) < len(every):
            name = f"{split}-{CENTRE}-all"
            parts.append(self._one(name, split, CENTRE, ours, every))
        return parts

    def _one(
        self,
        name: str,
        split: str,
        kind: str,
        candidates: Sequence[Candidate],
        instances: Sequence[Instance],
    ) -> str:
        self.progress.say(f"{name}: {len(instances)} objects, {len(candidates)} methods")
        job = self._job(split, kind, candidates)
        folder = self.out / name
        results = measure_accuracy(
            folder, job, instances, self.jobs, self.provenance, self.progress
        )
        text = write_tables(folder, results, f"{split}, {kind}")
        draw_all(folder, job, results, name, self.extent.cases, self.photos, self.progress)
        pictures = [p for p in ("iou-over-clicks.png", "methods.png") if (folder / p).is_file()]
        return text + "".join(f"\n![{name}]({name}/{picture})\n" for picture in pictures)

    def _job(self, split: str, kind: str, candidates: Sequence[Candidate]) -> Job:
        named = {candidate.name: candidate for candidate in candidates}
        pointing = Pointing(kind, self.extent.clicks)
        return Job(self.roots, split, named, pointing, self.extent.side)


def takes_trimaps(candidate: Candidate) -> bool:
    """Whether a method takes trimaps as well as clicks."""
    photo = np.zeros((64, 64, 3), np.uint8)
    return isinstance(candidate.open().open(photo), TrimapSession)


def write_document(out: Path, parts: Mapping[str, Callable[[], str]]) -> str:
    """Writes `OUT/results.md`, anew after every part, so that a run that is stopped leaves what it
    has. Parts that other runs left in `OUT/parts` stay in it.

    Args:
        parts: by name; each measures something and returns Markdown. Names name files and begin
            with one of `ORDER`, by which and then by name they come in the document.

    Returns:
        The whole text.

    Raises:
        OutputError: it cannot be written.
        IoebssError: whatever a part raises.
    """
    folder = out / "parts"
    make_folder(folder)
    text = _joined(folder)
    for name, part in parts.items():
        write_text_atomically(folder / f"{name}.md", part())
        text = _joined(folder)
        write_text_atomically(out / "results.md", text)
    return text


def _joined(folder: Path) -> str:
    found = [path for kind in ORDER for path in sorted(folder.glob(f"{kind}*.md"))]
    return "\n".join(["# Results\n", *(path.read_text("utf-8") for path in found)])
