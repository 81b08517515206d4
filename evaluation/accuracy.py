"""The accuracy of methods on a list of objects: measured, summed up, written and drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ioebss.atomic import write_text_atomically
from ioebss.errors import UsageError
from ioebss.evaluation import driver
from ioebss.evaluation.candidates import INSTANCES, Candidate
from ioebss.evaluation.case_grid import choose_cases, draw_cases
from ioebss.evaluation.classes import by_familiarity
from ioebss.evaluation.instances import Instance, fingerprint, scene_of
from ioebss.evaluation.journal import Journal
from ioebss.evaluation.method_grid import draw_methods
from ioebss.evaluation.network_table import network_table
from ioebss.evaluation.plots import plot_iou_over_clicks, plot_methods
from ioebss.evaluation.protocol import TRIMAP, Measurement, by_photo
from ioebss.evaluation.result_files import write_instances, write_result
from ioebss.evaluation.run_table import run_table
from ioebss.evaluation.summary import Summary, summarise
from ioebss.evaluation.tables import PAPER_NOTE, clicks_table, effort_table, paper_table, source
from ioebss.progress import Progress
from ioebss.trainer.run_folder import locked


@dataclass(frozen=True)
class MethodResult:
    """What came out for one method.

    Attributes:
        setup: what was measured, how and where, for the JSON file.
        measurements: in the order of the list.
        summary: of them.
    """

    setup: dict[str, Any]
    measurements: list[Measurement]
    summary: Summary


def measure_accuracy(
    out: Path,
    job: driver.Job,
    instances: Sequence[Instance],
    jobs: int,
    provenance: Mapping[str, Any],
    progress: Progress,
) -> dict[str, MethodResult]:
    """Measures all methods of a job, or what is left of it, and sums it up.

    `OUT/instances.json` is the list, `OUT/journals/METHOD.jsonl` what was measured, a line for each
    object; `OUT/METHOD.json` the result of each method.

    Args:
        out: the folder; made where it is missing.
        jobs: processes.
        provenance: of `ioebss.provenance`.

    Raises:
        IoebssError: see `ioebss.evaluation.driver.run`; a method that cannot be opened is found
            before anything is measured.
        UsageError: the journals are of another measurement, or of other photos or masks, or
            another run is at work on them.
    """
    setups = {name: _setup(candidate, job) for name, candidate in job.candidates.items()}
    with ExitStack() as stack:
        stack.enter_context(locked(out / "journals", "ioebss-bench"))
        journals = {
            name: Journal(out / "journals" / f"{name}.jsonl", setup)
            for name, setup in setups.items()
        }
        _check_photos(out, job, instances, journals, progress)
        # A run that is refused has changed nothing.
        write_instances(out / f"{INSTANCES}.json", instances)
        for journal in journals.values():
            stack.enter_context(journal)
        driver.run(job, instances, journals, jobs, progress)
    results = {}
    for name, journal in journals.items():
        measurements = [journal.measurements[instance] for instance in instances]
        setup = {**setups[name], **provenance}
        results[name] = MethodResult(setup, measurements, summarise(measurements))
        write_result(out / f"{name}.json", setup, results[name].summary, measurements)
    return results


def write_tables(out: Path, results: Mapping[str, MethodResult], title: str) -> str:
    """Writes `OUT/tables.md`: what all methods come down to, training runs of the paper's networks
    beside each other, how all were run, and seen and unseen classes apart.

    Returns:
        The Markdown.

    Raises:
        OutputError: it cannot be written.
    """
    summaries = {name: result.summary for name, result in results.items()}
    models = {name: result.setup["model"] for name, result in results.items()}
    first = next(iter(results.values()))
    parts = [f"## {title}", _conditions(first), clicks_table(summaries), effort_table(summaries)]
    if first.summary.max_clicks > 1:
        parts += [PAPER_NOTE, paper_table(summaries)]
        networks = network_table(models, summaries)
        parts += [networks] if networks else []
    parts += ["How they were run:", run_table(models)]
    groups = {name: by_familiarity(r.measurements) for name, r in results.items()}
    for group in groups[next(iter(groups))]:
        of_group = {name: summarise(parts_of[group]) for name, parts_of in groups.items()}
        parts += [f"Only {group}:", clicks_table(of_group), effort_table(of_group)]
    text = "\n\n".join(parts) + "\n"
    write_text_atomically(out / "tables.md", text)
    return text


def draw_all(
    out: Path,
    job: driver.Job,
    results: Mapping[str, MethodResult],
    title: str,
    cases: bool,
    photos: bool,
    progress: Progress,
) -> None:
    """Draws `OUT/iou-over-clicks.png` and `OUT/methods.png`, and for each method its curve and,
    where `cases` is set, its worst, middle and best cases. Trimaps have neither. Without `photos`
    masks are drawn on plain ground.

    Raises:
        OutputError: a picture cannot be written.
        IoebssError: whatever a method or the data set raises.
    """
    if job.pointing.kind == TRIMAP:
        return
    dataset = job.open_dataset()
    measured = {name: result.measurements for name, result in results.items()}
    plot_methods(out / "iou-over-clicks.png", measured, title)
    by_instance = {n: {m.instance: m for m in some} for n, some in measured.items()}
    methods = {name: candidate.open for name, candidate in job.candidates.items()}
    draw_methods(out / "methods.png", methods, dataset, by_instance, title, photos, progress)
    with progress.task("drawing", len(measured)) as advance:
        for name, measurements in measured.items():
            of_method = f"{name}, {title}"
            plot_iou_over_clicks(out / f"{name}-curve.png", measurements, of_method)
            if cases:
                chosen = choose_cases(measurements)
                method = job.candidates[name].open()
                path = out / f"{name}-cases.png"
                draw_cases(path, method, dataset, chosen, of_method, photos, progress)
            advance(name)


def _setup(candidate: Candidate, job: driver.Job) -> dict[str, Any]:
    return {
        "model": candidate.setup(candidate.open()),
        "data": {
            "folders": [path.resolve().name for path in job.roots],
            "split": job.split,
            "side": job.side,
        },
        "protocol": job.pointing.as_json(),
    }


def _check_photos(
    out: Path,
    job: driver.Job,
    instances: Sequence[Instance],
    journals: Mapping[str, Journal],
    progress: Progress,
) -> None:
    """Refuses what was measured on other photos or masks of the same names."""
    measured: list[tuple[list[Instance], set[str]]] = []
    for objects in by_photo(instances):
        kept = [
            j.measurements[o] for j in journals.values() for o in objects if o in j.measurements
        ]
        photos = {measurement.photo for measurement in kept if measurement.photo}
        if photos:
            measured.append((objects, photos))
    if not measured:
        return
    dataset = job.open_dataset()
    with progress.task("checking photos", len(measured)) as advance:
        for objects, photos in measured:
            if photos != {fingerprint(scene_of(dataset, objects))}:
                raise UsageError(
                    f"{out / 'journals'} was measured on another photo or mask of the name "
                    f"{objects[0].scene}; give another --out, or the data that it was measured on"
                )
            advance()


def _conditions(result: MethodResult) -> str:
    setup, data = result.setup, result.setup["data"]
    protocol = setup["protocol"]
    scaled = f", scaled down to {data['side']} pixels" if data["side"] else ""
    seed = f", seed {protocol['seed']}" if "seed" in protocol else ""
    return (
        f"{data['split']} of {', '.join(data['folders'])}{scaled}, "
        f"n = {result.summary.objects} objects; clicks: {protocol['click']}{seed}, at most "
        f"{protocol['max_clicks']}. Void pixels count nowhere; behind each mean its 95 % bootstrap "
        "interval over objects. "
        f"{setup['device']}; {source(setup)}."
    )
