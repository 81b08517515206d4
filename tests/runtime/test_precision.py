"""Which file of a model runs on the CPU, and that it says why."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ioebss import BUNDLED, BUNDLED_INT8, Segmenter, precision
from ioebss.errors import ModelError, UsageError
from ioebss.manifest import read_manifest, sha256_of
from ioebss.precision import cpu_int8_path
from ioebss.processor import eight_bit_dot_products

Edit = Callable[[Path, dict[str, object]], None]
Command = Callable[..., "subprocess.CompletedProcess[str]"]
CPU = "onnxruntime-cpu"

CPUINFO = """processor\t: 0
vendor_id\t: {vendor}
flags\t\t: fpu vme {flags} sse2
bugs\t\t: avx_vnni
"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (CPUINFO.format(vendor="GenuineIntel", flags="avx512f avx512_vnni"), "avx512_vnni"),
        (CPUINFO.format(vendor="GenuineIntel", flags="avx2 avx_vnni"), "avx_vnni"),
        (CPUINFO.format(vendor="GenuineIntel", flags="avx2 avx_vnni_int8"), None),
        (CPUINFO.format(vendor="AuthenticAMD", flags="avx512f"), None),
        ("processor\t: 0\nFeatures\t: fp asimd asimddp i8mm\n", None),  # ARM: was not measured
        ("", None),
        ("\xff\xfe: no text", None),
    ],
)
def test_flags_of_processors(tmp_path: Path, text: str, found: str | None) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(text, "latin-1")
    assert eight_bit_dot_products(path) == found


def test_where_there_is_no_cpuinfo(tmp_path: Path) -> None:
    assert eight_bit_dot_products(tmp_path / "cpuinfo") is None


def test_this_processor() -> None:
    listed = Path("/proc/cpuinfo").read_text().split()
    assert (eight_bit_dot_products() is not None) == bool({"avx512_vnni", "avx_vnni"} & {*listed})


@pytest.fixture
def with_vnni(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "eight_bit_dot_products", lambda: "avx512_vnni")


@pytest.fixture
def without_vnni(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "eight_bit_dot_products", lambda: None)


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """The bundled model and its 8-bit file under other names."""
    model = tmp_path / "mine.onnx"
    for source, target in ((BUNDLED, model), (BUNDLED_INT8, cpu_int8_path(model))):
        shutil.copy(source, target)
        shutil.copy(source.with_suffix(".json"), target.with_suffix(".json"))
    return model


@pytest.mark.usefixtures("with_vnni")
def test_eight_bits_where_they_are_fast(pair: Path) -> None:
    segmenter = Segmenter(pair)
    assert segmenter.precision == segmenter.manifest.precision == "int8"
    assert segmenter.model == cpu_int8_path(pair)
    assert segmenter.reasons[-1].endswith("as the processor has avx512_vnni")
    assert segmenter.reasons[-1].startswith(f"{CPU}: 8 bits: {segmenter.model.name}")


@pytest.mark.usefixtures("without_vnni")
def test_float32_where_they_are_not(pair: Path) -> None:
    segmenter = Segmenter(pair)
    assert (segmenter.precision, segmenter.model) == ("fp32", pair)
    assert "VNNI" in segmenter.reasons[-1]
    asked = Segmenter(pair, precision="int8")  # asked for by name
    assert (asked.precision, asked.model) == ("int8", cpu_int8_path(pair))


@pytest.mark.usefixtures("with_vnni")
def test_float32_where_there_is_no_other_file(pair: Path) -> None:
    cpu_int8_path(pair).unlink()
    segmenter = Segmenter(pair)
    assert segmenter.model == pair
    assert f"no {cpu_int8_path(pair).name} lies beside it" in segmenter.reasons[-1]
    command = f"ioebss-export {pair} --int8 --calibration DATA -o {pair} makes it"
    with pytest.raises(ModelError, match=re.escape(command)):
        Segmenter(pair, precision="int8")


@pytest.mark.usefixtures("with_vnni")
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"training": {"quantisation": {"from": "0" * 64}}}, "is not made from mine.onnx as it is"),
        ({"training": {"quantisation": "fb23"}}, "is not made from mine.onnx as it is"),
        ({"training": {}}, "is not made from mine.onnx as it is"),
        ({"sha256": "0" * 64}, "is not the file that"),
        ({"opset": None}, "lacks opset"),
    ],
)
def test_an_eight_bit_file_of_another_model_is_not_taken(
    pair: Path, edit_manifest: Edit, changes: dict[str, object], reason: str
) -> None:
    edit_manifest(cpu_int8_path(pair), changes)
    segmenter = Segmenter(pair)
    assert segmenter.model == pair
    assert reason in segmenter.reasons[-1]
    with pytest.raises(ModelError, match=reason):
        Segmenter(pair, precision="int8")


@pytest.mark.usefixtures("with_vnni")
def test_exactly_the_file_that_is_named(pair: Path) -> None:
    lower = cpu_int8_path(pair)
    for model, choice, expected in (
        (pair, "exact", "fp32"),
        (pair, "fp32", "fp32"),
        (lower, "auto", "int8"),
        (lower, "exact", "int8"),
        (lower, "int8", "int8"),
    ):
        segmenter = Segmenter(model, precision=choice)
        assert (segmenter.model, segmenter.precision) == (model, expected)
        assert segmenter.manifest.sha256 == sha256_of(model)


def test_precisions_that_cannot_be(pair: Path) -> None:
    with pytest.raises(UsageError, match="choose one of auto, exact, fp32, int8"):
        Segmenter(pair, precision="int4")
    with pytest.raises(UsageError, match="is in int8, it cannot run in fp32"):
        Segmenter(cpu_int8_path(pair), precision="fp32")


def test_the_command_says_what_it_took(command: Command, samples: Path) -> None:
    photo, clicks = samples / "chelsea.jpg", ("--clicks", "230,110", "--json", "-o", "m.png")
    lines = {}
    for options in ((), ("--precision", "fp32"), ("--precision", "int8"), ("--int8",)):
        result = command("ioebss-run", photo, *clicks, *options)
        assert result.returncode == 0, result.stderr
        lines[options] = json.loads(result.stdout)
    fast = eight_bit_dot_products() is not None
    assert lines[()]["precision"] == ("int8" if fast else "fp32")
    assert lines["--precision", "fp32"]["file"] == BUNDLED.name
    assert lines["--int8",]["file"] == lines["--precision", "int8"]["file"] == BUNDLED_INT8.name
    assert lines["--int8",]["area"] == lines["--precision", "int8"]["area"]
    assert all(line["backend"] in line["reasons"][-1] for line in lines.values())
    both = command("ioebss-run", photo, *clicks, "--int8", "--precision", "fp32")
    assert both.returncode == 2 and "not allowed with" in both.stderr


def test_the_bundled_pair_belongs_together() -> None:
    assert cpu_int8_path(BUNDLED) == BUNDLED_INT8
    source = read_manifest(BUNDLED_INT8).training["quantisation"]["from"]
    assert source == read_manifest(BUNDLED).sha256
