"""The proof of one model against another, on graphs and masks whose answers are known."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import numpy_helper
from PIL import Image

from ioebss import backends
from ioebss.clicks import Click
from ioebss.errors import (
    BackendError,
    DataError,
    IoebssError,
    MissingExtraError,
    ModelError,
    OutputError,
    ProofError,
    UsageError,
)
from ioebss.export import prove as prove_module
from ioebss.export.masks import CLICKS, Case, against_truth
from ioebss.export.photographs import SEED, Alone, WithObjects, photo_paths, seeded_click
from ioebss.export.proof import LIMITS, Limits, Proof, Stage, Subject, table
from ioebss.export.proof_cli import proof_parser, prove_command
from ioebss.export.prove import Request, prove, prove_or_refuse
from ioebss.export.values import PHOTOS
from ioebss.manifest import Manifest, read_manifest, sha256_of, write_manifest
from ioebss.progress import Progress
from ioebss.robot import steps
from ioebss.trainer.datasets.scene import VOID, Scene

QUIET = Progress(quiet=True)
SIDE = 128  # of photos, so that a pixel of a photo is one of the network
Change = Callable[[onnx.ModelProto], None]
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def pair(make_model: Callable[..., Path], tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
    """A reference and a candidate of `disc_graph`; the candidate's graph and manifest changed."""

    def make(change: Change = lambda graph: None, **changes: Any) -> tuple[Path, Path]:
        reference = make_model(channels=5)
        graph = onnx.load(reference)
        change(graph)
        candidate = tmp_path / "candidate.onnx"
        onnx.save(graph, candidate)
        manifest = replace(read_manifest(reference), sha256=sha256_of(candidate), **changes)
        write_manifest(manifest, candidate)
        return reference, candidate

    return make


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)).save(
            folder / f"{name}.png"
        )
    return folder


class Scenes:
    """Two photos with a rectangle as object, and one with nothing."""

    def __init__(self) -> None:
        self.scenes = []
        for name, box in (("small", (40, 60)), ("large", (20, 100)), ("empty", (0, 0))):
            labels = np.zeros((SIDE, SIDE), np.uint8)
            labels[box[0] : box[1], box[0] : box[1]] = 1
            labels[:3] = VOID
            self.scenes.append(Scene(name, np.zeros((SIDE, SIDE, 3), np.uint8), labels))

    def __len__(self) -> int:
        return len(self.scenes)

    def scene(self, index: int) -> Scene:
        return self.scenes[index]


def shift_bias(amount: float) -> Change:
    def change(graph: onnx.ModelProto) -> None:
        bias = next(i for i in graph.graph.initializer if i.name == "bias")
        bias.CopyFrom(numpy_helper.from_array(np.array([amount], np.float32), "bias"))

    return change


def answer(clicks: list[Click]) -> np.ndarray:
    """The logits of `disc_graph` without bias and previous mask, by OpenCV."""
    total = np.zeros((SIDE, SIDE), np.float32)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for label, sign in ((1, 1.0), (0, -1.0)):
        plane = np.zeros((SIDE, SIDE), np.float32)
        for c in clicks:
            if c.label == label:
                plane[(rows - c.y) ** 2 + (columns - c.x) ** 2 <= 25] = 1
        total += sign * cv2.boxFilter(
            plane, -1, (21, 21), normalize=False, borderType=cv2.BORDER_CONSTANT
        )
    return np.rint(total)


def discs(clicks: list[Click], bias: float) -> np.ndarray:
    """The mask that the runtime makes of `disc_graph` without its previous mask."""
    logits = answer(clicks) + bias
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for c in clicks:  # each is obeyed: what is not on its side gets a disc of radius 3
        sign = 1 if c.label == 1 else -1
        if sign * logits[c.y, c.x] <= 0:
            near = (rows - c.y) ** 2 + (columns - c.x) ** 2 <= 9
            logits[near & (sign * logits < 1)] = sign
    mask = logits > 0
    for c in clicks:
        mask[c.y, c.x] = c.label == 1
    return mask


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    union = (a | b).sum()
    return float((a & b).sum() / union) if union else 1.0


def test_a_model_equals_itself(pair: Callable[..., tuple[Path, Path]], photos: Path) -> None:
    proof = prove(Request(*pair(), Alone(photo_paths(photos))), QUIET)
    assert proof.status == "passed" and proof.words == []
    assert [s.status for s in proof.stages] == ["passed"] * 4
    assert proof.masks is not None and proof.values is not None and proof.layers is not None
    assert (proof.masks.photos, proof.masks.masks) == (3, 3 * CLICKS)
    assert proof.masks.mean_iou == proof.masks.worst_iou == 1
    assert proof.masks.truth is None
    assert proof.values.maximum == proof.values.other_side == 0
    assert proof.layers.first.own == 120
    assert "no masks were given" in table(proof)


def test_what_is_hidden_is_no_photo_of_a_proof(tmp_path: Path) -> None:
    names = ("a.jpg", "below/b.png", "._a.jpg", ".thumbnails/a.jpg", "below/.c/d.png", "x.txt")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert photo_paths(tmp_path) == [tmp_path / name for name in names[:2]]


def test_masks_are_compared_as_by_hand(
    pair: Callable[..., tuple[Path, Path]], photos: Path
) -> None:
    """Another bias makes the candidate's regions smaller; every IoU follows from the definition."""
    request = Request(*pair(shift_bias(-40.5)), Alone(photo_paths(photos)))
    proof = prove(request, QUIET)
    expected: list[list[float]] = []
    same: list[list[float]] = []
    for number in range(3):
        rng = np.random.default_rng([SEED, number])
        clicks: list[Click] = []
        for k in range(CLICKS):
            click = seeded_click(k, SIDE, SIDE, rng)
            if clicks:  # a user who agrees with the reference
                agreed = int(discs(clicks, -0.5)[click.y, click.x])
                click = replace(click, label=agreed)
            clicks.append(click)
        expected.append(
            [
                overlap(discs(clicks[:k], -0.5), discs(clicks[:k], -40.5))
                for k in range(1, CLICKS + 1)
            ]
        )
        # The networks' answers to the same inputs, before clicks are obeyed.
        same.append(
            [
                overlap(answer(clicks[:k]) - 0.5 > 0, answer(clicks[:k]) - 40.5 > 0)
                for k in range(1, CLICKS + 1)
            ]
        )
    assert proof.masks is not None and proof.values is not None
    assert [list(c.same_inputs) for c in proof.masks.cases] == same
    assert [list(c.ious) for c in proof.masks.cases] == expected
    assert proof.masks.session_iou == pytest.approx(np.mean(expected))
    assert proof.masks.worst_session_iou == np.min(expected)
    place = int(np.argmin(np.min(expected, axis=1)))
    assert proof.masks.worst_session_photo == "abc"[place] + ".png"
    assert next(iter(proof.masks.pictures)) == place
    assert proof.values.maximum == pytest.approx(40)
    assert proof.values.percentiles["50"] == pytest.approx(40)
    assert proof.status == "failed"
    assert proof.masks.mean_iou == pytest.approx(np.mean(same))
    assert proof.masks.worst_iou == np.min(same)
    logit, pixels, mean, worst = proof.words
    assert logit == "a logit differs by 40, allowed 0.001"
    assert "% of the mask pixels differ on identical inputs, allowed 0.01 %" in pixels
    assert mean == f"mean IoU with the reference {np.mean(same):.4f}, demanded 0.99"
    assert f"IoU {np.min(same):.4f} with the reference on" in worst


def test_each_model_clicks_at_its_own_errors(pair: Callable[..., tuple[Path, Path]]) -> None:
    """The robot user is played again with masks by OpenCV."""
    proof = prove(Request(*pair(shift_bias(-40.5)), WithObjects(Scenes())), QUIET)
    assert proof.masks is not None and proof.masks.truth is not None
    assert [c.name for c in proof.masks.cases] == ["small", "large"]  # the empty one is left out

    class ByHand:
        def __init__(self, bias: float) -> None:
            self.bias = bias
            self.clicks: list[Click] = []

        def click(self, x: float, y: float, label: int = 1) -> np.ndarray:
            self.clicks.append(Click(int(x), int(y), label))
            return discs(self.clicks, self.bias)

    for scene, case in zip(Scenes().scenes, proof.masks.cases, strict=False):
        truth, valid = scene.labels == 1, scene.labels != VOID
        for bias, found in ((-0.5, case.reference_truth), (-40.5, case.candidate_truth)):
            expected = [
                overlap(s.mask & valid, truth & valid) for s in steps(ByHand(bias), truth, valid)
            ]
            assert found == pytest.approx(expected[: len(found)])
            assert len(found) == 20 or (len(found) >= CLICKS and max(found) >= 0.9)


def test_the_only_photo_with_an_object_is_found(pair: Callable[..., tuple[Path, Path]]) -> None:
    scenes = Scenes()
    small, _, empty = scenes.scenes
    scenes.scenes = [*[empty] * 9, small, empty]  # not one of ten at even distances
    assert all(found is None for found in WithObjects(scenes).at_most(PHOTOS))
    proof = prove(Request(*pair(), WithObjects(scenes)), QUIET)
    assert proof.status == "passed" and proof.values is not None and proof.values.inputs > 0


def test_clicks_to_an_iou_by_hand() -> None:
    cases = [
        Case("a", (), (), (), (0.5, 0.86, 0.86, 0.91), (0.5, 0.6, 0.7, 0.85, 0.92)),
        Case("b", (), (), (), (0.95, 0.8, 0.8, 0.8, 0.8), (0.85, 0.8, 0.9)),
        Case("c", (), (), (), (0.1,), (0.2, 0.3)),  # never: counts as all clicks
    ]
    truth = against_truth(cases, 6)
    assert truth is not None and truth.objects == 3
    lower, upper = truth.noc[0.85], truth.noc[0.9]
    assert (lower.reference, lower.candidate) == pytest.approx(((2 + 1 + 6) / 3, (4 + 1 + 6) / 3))
    assert (upper.reference, upper.candidate) == pytest.approx(((4 + 1 + 6) / 3, (5 + 3 + 6) / 3))
    assert lower.difference == pytest.approx(2 / 3)
    assert lower.error == pytest.approx(np.std([2, 0, 0], ddof=1) / 3**0.5)
    assert (upper.reference_failures, upper.candidate_failures) == (1, 1)
    assert truth.mean_iou[1] == pytest.approx(((0.86 + 0.8 + 0.1) / 3, (0.6 + 0.8 + 0.3) / 3))
    assert len(truth.mean_iou) == CLICKS
    assert against_truth([Case("d", (), (1.0,), (1.0,))], 6) is None


def test_noc_is_demanded(pair: Callable[..., tuple[Path, Path]]) -> None:
    paths = pair(shift_bias(-40.5), precision="int8")
    for noc, failed in ((20.0, False), (-20.0, True)):
        limits = Limits(mean_iou=0, worst_iou=0, noc=noc)
        proof = prove(Request(*paths, WithObjects(Scenes()), limits=limits), QUIET)
        assert any("NoC@85 worse by" in words for words in proof.words) == failed
        assert (proof.status == "failed") == failed


def rename_output(graph: onnx.ModelProto) -> None:
    graph.graph.node[-1].output[0] = graph.graph.output[0].name = "masks"


def crop(graph: onnx.ModelProto) -> None:
    (pads,) = (a for a in graph.graph.node[0].attribute if a.name == "pads")
    pads.ints[:] = [9] * 4


@pytest.mark.parametrize(
    ("change", "changes", "stage", "words"),
    [
        (rename_output, {}, 0, "the candidate's outputs are masks; there must be one: logits"),
        (lambda g: None, {"click_radius": 7}, 0, "differ in click_radius: 5 in the reference, 7"),
        (lambda g: None, {"size_multiple": 24, "recommended_sizes": (48,)}, 1, "multiples of 24"),
        (crop, {}, 1, "logits of shape"),
        (shift_bias(float("inf")), {"precision": "fp16"}, 2, "logits are not finite"),
    ],
)
def test_what_comes_after_a_failed_stage_is_not_run(
    pair: Callable[..., tuple[Path, Path]],
    photos: Path,
    change: Change,
    changes: dict[str, Any],
    stage: int,
    words: str,
) -> None:
    proof = prove(Request(*pair(change, **changes), Alone(photo_paths(photos))), QUIET)
    assert proof.status == "failed"
    expected = ["passed"] * stage + ["failed"] + ["not run"] * (3 - stage)
    assert [s.status for s in proof.stages] == expected
    assert words in proof.stages[stage].words[0]
    assert proof.masks is None
    assert all(s.words for s in proof.stages if s.status != "passed")


def test_fewer_channels(make_model: Callable[..., Path], tmp_path: Path, photos: Path) -> None:
    reference = make_model(channels=6).rename(tmp_path / "six.onnx")
    (tmp_path / "discs.json").rename(tmp_path / "six.json")
    proof = prove(Request(reference, make_model(channels=5), Alone(photo_paths(photos))), QUIET)
    assert proof.stages[0].status == "failed"
    assert "the manifests differ in channels" in proof.words[0]


def test_other_planes(pair: Callable[..., tuple[Path, Path]], photos: Path) -> None:
    """Both are fed what the candidate's manifest says, so that nothing else would tell."""
    proof = prove(Request(*pair(planes="distances"), Alone(photo_paths(photos))), QUIET)
    words = "the manifests differ in planes: discs in the reference, distances in the candidate"
    assert proof.words == [words]


def test_a_reference_that_overflows(
    pair: Callable[..., tuple[Path, Path]], photos: Path, tmp_path: Path
) -> None:
    """Masks of what is no number are empty, and two of them would be equal."""
    _, candidate = pair(shift_bias(np.nan), precision="int8")
    reference = tmp_path / "reference.onnx"
    reference.write_bytes(candidate.read_bytes())
    write_manifest(replace(read_manifest(candidate), precision="fp32"), reference)
    with pytest.raises(ModelError, match="the reference's logits are not finite"):
        prove(Request(reference, candidate, Alone(photo_paths(photos))), QUIET)


def test_a_fixed_size_against_an_open_one(
    make_model: Callable[..., Path], tmp_path: Path, photos: Path
) -> None:
    """The reference is shown what the candidate takes; the other way round nothing can be said."""
    opened = make_model(channels=5).rename(tmp_path / "open.onnx")
    (tmp_path / "discs.json").rename(tmp_path / "open.json")
    fixed = make_model(channels=5, side=96)
    proof = prove(Request(opened, fixed, Alone(photo_paths(photos))), QUIET)
    assert proof.status == "passed"
    proof = prove(Request(fixed, opened, Alone(photo_paths(photos))), QUIET)
    assert proof.words == ["the reference takes 96x96 only, the candidate any size"]


@pytest.mark.parametrize("error", [BackendError("no driver"), MissingExtraError("no pycuda")])
def test_an_engine_that_is_not_there(
    pair: Callable[..., tuple[Path, Path]],
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BackendError,
) -> None:
    """Not run is not passed: in the result, in both files, and as an error."""

    def refuse(model: Path, manifest: Manifest, threads: int | None) -> backends.Backend:
        raise error

    monkeypatch.setitem(backends.BACKENDS, "there-is-none", refuse)
    request = Request(*pair(), Alone(photo_paths(photos)), backend="there-is-none")
    with pytest.raises(ProofError, match=f"could not be run: {error}"):
        prove_or_refuse(request, tmp_path / "report", request.candidate, QUIET)
    record = json.loads((tmp_path / "report" / "proof.json").read_text())
    assert record["status"] == "not run" and record["words"][0] == str(error)
    assert [s["status"] for s in record["stages"]] == ["passed", "not run", "not run", "not run"]
    page = (tmp_path / "report" / "proof.html").read_text()
    assert "Nobody knows whether" in page and str(error) in page
    assert not (tmp_path / "candidate.proof").exists()


@given(st.lists(st.sampled_from(["passed", "failed", "not run"]), max_size=4))
def test_only_what_ran_and_passed_is_passed(statuses: list[Any]) -> None:
    manifest = Manifest("m", "a", (), 5, 16, (64,), "fp32", "0" * 64, 18)
    subject = Subject("m.onnx", manifest, "cpu")
    stages = tuple(Stage("s", s, (s,) if s != "passed" else ()) for s in statuses)
    proof = Proof(subject, subject, LIMITS["fp32"], stages, {})
    assert (proof.status == "passed") == (bool(statuses) and set(statuses) == {"passed"})
    assert (proof.status == "failed") == ("failed" in statuses)
    assert set(proof.words) <= {proof.status}


def test_photographs_that_are_few(pair: Callable[..., tuple[Path, Path]], photos: Path) -> None:
    proof = prove(Request(*pair(), Alone(photo_paths(photos)), max_photos=2), QUIET)
    assert proof.masks is not None
    assert [c.name for c in proof.masks.cases] == ["a.png", "c.png"]
    assert proof.data["photos"] == 2
    with pytest.raises(DataError, match="large enough"):
        prove(Request(*pair(), WithObjects(Scenes(), [2])), QUIET)


def test_a_file_that_its_manifest_does_not_describe(
    pair: Callable[..., tuple[Path, Path]], photos: Path
) -> None:
    reference, candidate = pair()
    candidate.write_bytes(candidate.read_bytes() + b"\0")
    with pytest.raises(ModelError, match="is not the file"):
        prove(Request(reference, candidate, Alone(photo_paths(photos))), QUIET)
    candidate.write_bytes(b"no model")
    manifest = replace(read_manifest(reference), sha256=sha256_of(candidate))
    write_manifest(manifest, candidate)
    with pytest.raises(ModelError, match="is no ONNX model"):
        prove(Request(reference, candidate, Alone(photo_paths(photos))), QUIET)


def test_a_report_that_cannot_be_written_hides_no_failure(
    pair: Callable[..., tuple[Path, Path]], photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "candidate.proof").write_text("in the way")
    request = Request(*pair(shift_bias(-40.5)), Alone(photo_paths(photos)))
    with pytest.raises(ProofError, match=r"a logit differs .* there is no report"):
        prove_or_refuse(request, None, request.candidate, QUIET)
    assert prove_module.report_folder(Path("a/b.int8.onnx")) == Path("a/b.int8.proof")


def test_the_command(
    command: Command, pair: Callable[..., tuple[Path, Path]], photos: Path, tmp_path: Path
) -> None:
    reference, candidate = pair(shift_bias(-1.5), precision="int8")
    proven = ("ioebss-export", "--verify", reference, candidate, "--photos", photos)
    result = command(*proven, "--mean-iou", "0.5")
    assert result.returncode == 0, result.stderr
    assert "passed" in result.stderr
    before = sorted(p.name for p in tmp_path.iterdir())
    assert "candidate.proof" not in before

    result = command(*proven, "--mean-iou", "1")
    assert result.returncode == 1
    assert "candidate.onnx is not as demanded: mean IoU" in result.stderr
    assert "look first at weight" in result.stderr
    assert sorted(p.name for p in (tmp_path / "candidate.proof").iterdir()) == [
        "proof.html",
        "proof.json",
    ]
    result = command(*proven, "--mean-iou", "0.5", "--report", "kept", "--proof-photos", "1")
    assert result.returncode == 0, result.stderr
    record = json.loads((tmp_path / "kept" / "proof.json").read_text())
    assert (record["status"], record["limits"]["mean_iou"]) == ("passed", 0.5)
    assert [case["photo"] for case in record["cases"]] == ["a.png"]
    assert record["candidate"]["sha256"] == sha256_of(candidate)
    result = command("ioebss-export", "--verify", reference, photos / "a.png")
    assert result.returncode == 1 and "has no manifest" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (("--split", "val"), UsageError, "--split goes with --data"),
        (("--mean-iou", "2"), UsageError, "--mean-iou 2.0: it must be 0 to 1"),
        (("--session-iou", "nan"), UsageError, "--session-iou nan: it must be 0 to 1"),
        (("--noc", "-1"), UsageError, "--noc -1.0: it must be 0 or more"),
        (("--proof-photos", "0"), UsageError, "it must be 1 or more"),
        (("--backend", "none"), UsageError, "no backend 'none'"),
        (("--report", "no/where"), OutputError, "make it first"),
        (("--photos", "no"), DataError, "holds no photo"),
    ],
)
def test_usage(
    pair: Callable[..., tuple[Path, Path]],
    options: tuple[str, str],
    error: type[IoebssError],
    words: str,
) -> None:
    arguments = proof_parser().parse_args(["--verify", *map(str, pair()), *options])
    with pytest.raises(error, match=words):
        prove_command(arguments)


def test_the_reference_is_in_float32(pair: Callable[..., tuple[Path, Path]], photos: Path) -> None:
    """Two models in 8 bits may be alike and both be wrong."""
    _, candidate = pair(precision="int8")
    files = ["--verify", str(candidate), str(candidate), "--photos", str(photos)]
    with pytest.raises(UsageError, match="is int8; the first file is the float32 model"):
        prove_command(proof_parser().parse_args(files))
