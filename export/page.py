"""The page of a proof: one HTML file without scripts that asks for nothing from anywhere."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Sequence
from html import escape

from ioebss.export.charts import Level, Line, Point, chart, legend
from ioebss.export.layers import MAX_DB, LayerError, LayerErrors
from ioebss.export.masks import Case, MaskAgreement, TruthAgreement
from ioebss.export.page_style import STYLE
from ioebss.export.proof import FAILED, NOT_RUN, PASSED, Proof, Subject, numbers

SIGNS = {PASSED: "✓", FAILED: "✗", NOT_RUN: "…"}
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(proof: Proof) -> str:
    """The page as text. Every name in it is escaped."""
    name = escape(proof.candidate.manifest.name)
    parts = (
        _verdict(proof),
        _stages(proof),
        _numbers(proof),
        _agreement(proof.masks, proof) if proof.masks else "",
        _truth(proof.masks.truth) if proof.masks and proof.masks.truth else "",
        _cases(proof.masks) if proof.masks else "",
        _layers(proof),
        _origin(proof),
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>Proof of {name}: {escape(proof.status)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{''.join(parts)}</main>\n</body>\n</html>\n"
    )


def _verdict(proof: Proof) -> str:
    reference, candidate = (
        escape(subject.manifest.name) for subject in (proof.reference, proof.candidate)
    )
    style = proof.status.replace(" ", "-")
    words = {
        PASSED: f"<strong>{candidate}</strong> segments as <strong>{reference}</strong> does, "
        "within the limits.",
        FAILED: f"<strong>{candidate}</strong> does not segment as <strong>{reference}</strong> "
        "does.",
        NOT_RUN: f"Nobody knows whether <strong>{candidate}</strong> segments as "
        f"<strong>{reference}</strong> does.",
    }[proof.status]
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in proof.words)
    look = ""
    if proof.status == FAILED and proof.look_first:
        look = f'<p>Look first at <span class="look">{escape(proof.look_first)}</span></p>'
    return (
        f'<header class="{style}"><p class="status"><span aria-hidden="true">'
        f"{SIGNS[proof.status]}</span> {escape(proof.status)}</p>"
        f"<h1>{words}</h1>{f'<ul>{reasons}</ul>' if reasons else ''}{look}</header>\n"
    )


def _stages(proof: Proof) -> str:
    items = "".join(
        f'<li class="{stage.status.replace(" ", "-")}"><b>{escape(stage.name)}</b> '
        f"<span>{SIGNS[stage.status]} {escape(stage.status)}</span></li>"
        for stage in proof.stages
    )
    return f'<ol class="stages">{items}</ol>\n'


def _numbers(proof: Proof) -> str:
    rows = [tuple(map(_typeset, row)) for row in numbers(proof)]
    if not rows:
        return ""
    return _section("Numbers", _table(("", "measured", "demanded"), rows))


def _typeset(text: str) -> str:
    for plain, sign in (("->", "→"), (">=", "≥"), ("<=", "≤"), ("+-", "±")):
        text = text.replace(plain, sign)
    return text


def _agreement(masks: MaskAgreement, proof: Proof) -> str:
    lines = [
        _sorted_curve("same inputs", "candidate", masks, [c.same_inputs for c in masks.cases]),
        _sorted_curve("sessions of their own", "reference", masks, [c.ious for c in masks.cases]),
    ]
    bounds = _bounds(min(line.points[0].y for line in lines))
    mean, worst = proof.limits.mean_iou, proof.limits.worst_iou
    levels = [Level(f"mean demanded {mean:g}", mean)]
    if worst > 0:
        levels.append(Level(f"worst demanded {worst:g}", worst))
    words = (
        f"{masks.masks} masks of {masks.photos} photographs, from the worst to the best, after the "
        "same clicks. On the same inputs both are shown what the reference's session shows its "
        "network: that is judged. In sessions of their own, each is fed its own masks, and small "
        "differences may grow."
    )
    axes = ("masks, worst first", "IoU with the reference")
    drawn = chart("IoU of all masks", lines, axes, bounds, levels)
    return _section("How well the masks agree", f"<p>{words}</p>{legend(lines)}{drawn}")


def _bounds(lowest: float) -> tuple[float, float]:
    """Of an axis of IoUs: from the tenth below the lowest to 1."""
    return max(0.0, math.floor(10 * lowest - 1e-9) / 10), 1.0


def _sorted_curve(
    name: str, style: str, masks: MaskAgreement, ious: Sequence[Sequence[float]]
) -> Line:
    found = sorted(
        (value, f"{case.name}, click {k}")
        for case, values in zip(masks.cases, ious, strict=True)
        for k, value in enumerate(values, 1)
    )
    points = [Point(i, v, f"{v:.4f}: {where}") for i, (v, where) in enumerate(found, 1)]
    return Line(name, style, points)


def _truth(truth: TruthAgreement) -> str:
    lines = [
        Line(
            name,
            name,
            [Point(k, pair[i], f"{pair[i]:.4f}") for k, pair in enumerate(truth.mean_iou, 1)],
        )
        for i, name in enumerate(("reference", "candidate"))
    ]
    bounds = _bounds(min(value for pair in truth.mean_iou for value in pair))
    drawn = chart("mean IoU over clicks", lines, ("clicks", "mean IoU with the truth"), bounds)
    rows = [
        (
            f"NoC@{target * 100:.0f}",
            f"{c.reference:.2f} ({c.reference_failures} never)",
            f"{c.candidate:.2f} ({c.candidate_failures} never)",
            f"{c.difference:+.2f} ± {c.error:.2f}",
        )
        for target, c in truth.noc.items()
    ]
    words = (
        f"{truth.objects} objects. Each model is clicked on in the middle of its own larger error, "
        f"{truth.max_clicks} times at most; NoC is the number of clicks to that IoU. Behind ± is "
        "the standard error of the mean difference."
    )
    table = _table(("", "reference", "candidate", "difference"), rows)
    return _section("Against the truth", f"<p>{words}</p>{legend(lines)}{drawn}{table}")


def _cases(masks: MaskAgreement) -> str:
    figures = "".join(_figure(masks.cases[i], data) for i, data in masks.pictures.items())
    keys = (
        '<p class="legend"><span class="key drawn-reference">outline of the reference</span>'
        '<span class="key drawn-candidate">of the candidate</span>'
        '<span class="key drawn-other">where they differ</span>'
        '<span class="key drawn-on">click on the object</span>'
        '<span class="key drawn-off">click off it</span></p>'
    )
    return _section(
        "The worst cases in sessions of their own", f'{keys}<div class="cases">{figures}</div>'
    )


def _figure(case: Case, picture: bytes) -> str:
    name, k = escape(case.name), case.worst
    truth = ""
    if len(case.candidate_truth) >= k and len(case.reference_truth) >= k:
        truth = (
            f"<br>IoU with the truth: reference {case.reference_truth[k - 1]:.3f}, candidate (by "
            f"its own clicks) {case.candidate_truth[k - 1]:.3f}"
        )
    return (
        f'<figure><img alt="{name} with both outlines" '
        f'src="data:image/jpeg;base64,{base64.b64encode(picture).decode()}">'
        f"<figcaption><b>{name}</b><br>IoU {case.ious[k - 1]:.4f} after {k} "
        f"click{'s' * (k > 1)}, on the same inputs {case.same_inputs[k - 1]:.4f}{truth}"
        "</figcaption></figure>"
    )


def _layers(proof: Proof) -> str:
    layers = proof.layers
    if layers is None:
        reason = proof.without_layers
        return _section("Layers", f"<p>Not compared: {escape(reason)}.</p>") if reason else ""
    words = (
        "Signal-to-noise ratio behind every convolution, in dB: of its own, when it is fed what "
        "the reference computed before it, and added up, when the candidate runs as it is. 20 dB "
        f"is an error of a tenth, 40 dB of a hundredth; {MAX_DB:g} means identical. The ring is "
        "where to look first."
    )
    head = ("layer", "of its own", "added up", "not finite")
    worst = _table(head, map(_layer_row, layers.worst))
    every = _table(head, map(_layer_row, layers.layers))
    return _section(
        "Layers",
        f"<p>{words}</p>{_layer_chart(layers)}<h3>The worst of their own</h3>{worst}"
        f"<details><summary>All {len(layers.layers)}, in the graph's order</summary>{every}"
        "</details>",
    )


def _layer_chart(layers: LayerErrors) -> str:
    curves: Sequence[tuple[str, str, list[float]]] = (
        ("of its own", "candidate", [layer.own for layer in layers.layers]),
        ("added up", "reference", [layer.added_up for layer in layers.layers]),
    )
    lines = [
        Line(
            name,
            style,
            [
                Point(i, value, f"{layer.name}: {value:.1f} dB {name}")
                for i, (layer, value) in enumerate(zip(layers.layers, values, strict=True), 1)
            ],
        )
        for name, style, values in curves
    ]
    found = [value for _, _, values in curves for value in values]
    # Identical layers are drawn at the upper edge, those that overflow at the lower one.
    high = max((v for v in found if v < MAX_DB), default=MAX_DB)
    bounds = max(-20.0, 10 * math.floor(min(found) / 10)), 10 * math.floor(high / 10 + 1)
    first = layers.first
    place = layers.layers.index(first)
    ring = Point(place + 1, max(bounds[0], first.own), layers.look_first)
    drawn = chart(
        "signal-to-noise ratio of the layers",
        lines,
        ("convolution", "SQNR, dB"),
        bounds,
        marked=ring,
    )
    return legend(lines) + drawn


def _layer_row(layer: LayerError) -> tuple[str, str, str, str]:
    count = str(layer.not_finite) if layer.not_finite else ""
    return layer.name, f"{layer.own:.1f}", f"{layer.added_up:.1f}", count


def _origin(proof: Proof) -> str:
    rows = [
        *_described("reference", proof.reference),
        *_described("candidate", proof.candidate),
        *((key, str(value)) for key, value in proof.data.items()),
        *((key, _shown(value)) for key, value in proof.provenance.items()),
    ]
    return _section("Where this comes from", _table(("", ""), rows))


def _described(role: str, subject: Subject) -> list[tuple[str, str]]:
    manifest = subject.manifest
    return [
        (role, f"{subject.path}: {manifest.name}, {manifest.architecture}, {manifest.precision}"),
        (f"{role}, sha256", manifest.sha256),
        (f"{role}, engine", subject.backend),
    ]


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items())
    return "" if value is None else str(value)


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head) if any(head) else ""
    body = "".join(
        f"<tr><th>{escape(name)}</th>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
        for name, *cells in rows
    )
    return (
        f'<div class="table"><table>{f"<thead><tr>{top}</tr></thead>" if top else ""}'
        f"<tbody>{body}</tbody></table></div>"
    )
