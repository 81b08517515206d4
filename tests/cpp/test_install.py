"""What a C or C++ project gets that uses the installed library."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from ioebss import BUNDLED, BUNDLED_INT8, Segmenter
from ioebss.image_files import read_photo

from .conftest import SOURCE, run

PACKAGE = "find_package(ioebss REQUIRED)"
SOURCES = f"add_subdirectory({SOURCE} ioebss EXCLUDE_FROM_ALL)"
# Programs of a project: name, source, what is linked.
IN_C = ("in_c", "consumer.c", "ioebss::ioebss")
IN_C_STATIC = ("in_c_static", "consumer.c", "ioebss::static")
IN_CPP = ("in_cpp", "consumer.cpp", "ioebss::ioebss")
IN_CPP_STATIC = ("in_cpp_static", "consumer.cpp", "ioebss::static")

# Both print how many pixels of a grey 64x64 photo are on the object after a click in its middle.
C_PROGRAM = """
#include <ioebss/ioebss.h>
#include <stdio.h>
#include <stdlib.h>

int main(int count, char **arguments) {
    enum { SIDE = 64 };
    static uint8_t pixels[SIDE * SIDE], mask[SIDE * SIDE];
    ioebss_model *model = NULL;
    ioebss_session *session = NULL;
    ioebss_image photo = {pixels, SIDE, SIDE, 0, IOEBSS_GREY};
    ioebss_mask out = {mask, SIDE, SIDE, 0};
    int i, on = 0;
    if (count < 2 || ioebss_model_open(arguments[1], NULL, &model) != IOEBSS_OK ||
        ioebss_session_open(model, &photo, &session) != IOEBSS_OK ||
        ioebss_session_click(session, 32, 32, 1, &out) != IOEBSS_OK) {
        fprintf(stderr, "%s\\n", ioebss_last_error());
        return EXIT_FAILURE;
    }
    for (i = 0; i < SIDE * SIDE; ++i) on += mask[i] == 255;
    printf("%d\\n", on);
    ioebss_session_close(session);
    ioebss_model_close(model);
    return EXIT_SUCCESS;
}
"""

CPP_PROGRAM = """
#include <ioebss/ioebss.hpp>
#include <unistd.h>
#include <algorithm>
#include <cstdio>

int main(int count, char **arguments) {
    if (count > 2 && chdir(arguments[2]) != 0) return 2;
    const std::vector<std::uint8_t> pixels(64 * 64);
    try {
        const ioebss::Model model(arguments[1]);
        auto session = model.open({pixels.data(), 64, 64, ioebss::Channels::grey});
        const ioebss::MaskView mask = session.click(32, 32);
        std::printf("%d\\n", static_cast<int>(std::count(mask.data, mask.data + 64 * 64, 255)));
    } catch (const ioebss::Error &error) {
        std::fprintf(stderr, "%s\\n", error.what());
        return 1;
    }
}
"""


@pytest.fixture(scope="module")
def prefix(build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prefix")
    run("cmake", "--install", build, "--prefix", folder)
    return folder


def installed_folder(prefix: Path) -> Path:
    """Where the library lies: lib, lib64, or lib/x86_64-linux-gnu."""
    (library,) = prefix.glob("lib*/**/libioebss.so")
    return library.parent


@pytest.fixture
def environment(onnxruntime_library: Path) -> dict[str, str]:
    return os.environ | {"IOEBSS_ONNXRUNTIME": str(onnxruntime_library)}


def configure(
    folder: Path,
    languages: str,
    library: str,
    programs: Sequence[tuple[str, str, str]],
    *options: str,
) -> Path:
    """Configures a project that gets the library by a line of CMake; its build folder."""
    lines = [
        "cmake_minimum_required(VERSION 3.22)",
        f"project(consumer LANGUAGES {languages})",
        library,
        *(f"add_executable({name} {source})" for name, source, _ in programs),
        *(f"target_link_libraries({name} PRIVATE {target})" for name, _, target in programs),
    ]
    (folder / "CMakeLists.txt").write_text("\n".join(lines))
    (folder / "consumer.c").write_text(C_PROGRAM)
    (folder / "consumer.cpp").write_text(CPP_PROGRAM)
    out = folder / "build"
    run("cmake", "-B", out, "-S", folder, *options)
    return out


def expected_pixels() -> str:
    photo = np.zeros((64, 64, 3), np.uint8)
    return f"{Segmenter(BUNDLED, precision='exact').open(photo).click(32, 32).sum()}\n"


def check_programs(
    prefix: Path,
    folder: Path,
    environment: dict[str, str],
    languages: str,
    programs: Sequence[tuple[str, str, str]],
    *options: str,
) -> None:
    """Builds programs with the installed library and runs them."""
    where = f"-DCMAKE_PREFIX_PATH={prefix}"
    out = configure(folder, languages, PACKAGE, programs, where, *options)
    run("cmake", "--build", out)
    expected = expected_pixels()
    for name, _, _ in programs:
        assert run(out / name, BUNDLED, env=environment) == expected


def test_a_project_outside_the_tree(
    prefix: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    """Against both libraries, in C and in C++; as people compile: with warnings as errors."""
    strict = "-Wall -Wextra -Wpedantic -Wconversion -Werror"
    flags = (f"-DCMAKE_C_FLAGS={strict} -std=c99", f"-DCMAKE_CXX_FLAGS={strict}")
    programs = (IN_C, IN_CPP, IN_CPP_STATIC)
    check_programs(prefix, tmp_path, environment, "C CXX", programs, *flags)


def test_a_project_in_c_alone(prefix: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    """Its linker is the C compiler."""
    check_programs(prefix, tmp_path, environment, "C", (IN_C, IN_C_STATIC))


def test_a_project_around_the_sources(build: Path, tmp_path: Path) -> None:
    """add_subdirectory decides nothing for the project, and its -ffast-math is not ours."""
    root = f"-DONNXRUNTIME_ROOT={os.environ.get('ONNXRUNTIME_ROOT', '')}"
    flags = "-DCMAKE_CXX_FLAGS=-ffast-math -Wall -Wextra -Wshadow -Werror"
    options = (root, flags, "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", "-DCMAKE_BUILD_TYPE=")
    out = configure(tmp_path, "CXX", SOURCES, (IN_CPP, IN_CPP_STATIC), *options)
    cache = (out / "CMakeCache.txt").read_text("utf-8").splitlines()
    assert "CMAKE_BUILD_TYPE:STRING=" in cache
    assert not any(line.startswith("BUILD_TESTING") for line in cache)
    targets = run("cmake", "--build", out, "--target", "help")
    assert "in_cpp_static" in targets and "Nightly" not in targets
    commands = json.loads((out / "compile_commands.json").read_text("utf-8"))
    (own,) = (c for c in commands if c["file"].endswith("/enlargement.cpp"))
    run(*shlex.split(own["command"]), "-fsyntax-only", cwd=own["directory"])


@pytest.mark.parametrize("standard", ["11", "14"])
def test_older_cpp_is_told_what_is_needed(prefix: Path, standard: str) -> None:
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("c++ is not installed")
    command = [compiler, f"-std=c++{standard}", "-fsyntax-only", f"-I{prefix / 'include'}"]
    result = subprocess.run(
        [*command, "-x", "c++", "-"],
        input="#include <ioebss/ioebss.hpp>",
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode != 0 and "ioebss.hpp needs C++17" in result.stderr


@pytest.fixture
def beside(prefix: Path, tmp_path: Path, onnxruntime_library: Path) -> Path:
    """A folder with programs, libioebss and, as its readers are told to put it, ONNX Runtime."""
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("c++ is not installed")
    (tmp_path / "consumer.cpp").write_text(CPP_PROGRAM)
    folder, libraries = tmp_path / "bin", installed_folder(prefix)
    folder.mkdir()
    compiling = (compiler, "-std=c++17", f"-I{prefix / 'include'}", tmp_path / "consumer.cpp")
    run(*compiling, libraries / "libioebss.a", "-ldl", "-o", folder / "in_static")
    run(*compiling, f"-L{libraries}", "-lioebss", "-Wl,-rpath,.", "-o", folder / "in_shared")
    shutil.copy(libraries / "libioebss.so", folder / ioebss_soname())
    (folder / "libonnxruntime.so.1").symlink_to(onnxruntime_library)
    return folder


@pytest.mark.parametrize("program", ["in_static", "in_shared"])
def test_onnxruntime_beside(beside: Path, program: str) -> None:
    """However the program is called, and wherever it goes then."""
    expected = expected_pixels()
    plain = {k: v for k, v in os.environ.items() if k != "IOEBSS_ONNXRUNTIME"}
    searched = plain | {"PATH": f"{beside}:{os.environ['PATH']}"}
    for command in (beside / program, f"./{program}", program):
        for folder in ((), ("/",)):
            assert run(command, BUNDLED, *folder, env=searched, cwd=beside) == expected


def test_the_current_folder_is_not_searched(beside: Path, tmp_path: Path) -> None:
    """Once a program has gone elsewhere, its relative name leads to other files."""
    other = tmp_path / "other" / "bin"
    other.mkdir(parents=True)
    (other / "libonnxruntime.so.1").write_text("not a library")
    plain = {k: v for k, v in os.environ.items() if k != "IOEBSS_ONNXRUNTIME"}
    found = run("bin/in_static", BUNDLED, other.parent, env=plain, cwd=beside.parent)
    assert found == expected_pixels()


def test_pkg_config_and_a_plain_compiler(
    prefix: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    compiler = shutil.which("cc")
    if shutil.which("pkg-config") is None or compiler is None:
        pytest.skip("pkg-config or cc is not installed")
    (tmp_path / "consumer.c").write_text(C_PROGRAM)
    folder = installed_folder(prefix)
    search = environment | {"PKG_CONFIG_PATH": str(folder / "pkgconfig")}
    flags = run("pkg-config", "--cflags", "--libs", "ioebss", env=search).split()
    run(compiler, "-std=c99", tmp_path / "consumer.c", "-o", tmp_path / "consumer", *flags)
    loading = environment | {"LD_LIBRARY_PATH": str(folder)}
    assert run(tmp_path / "consumer", BUNDLED, env=loading) == expected_pixels()


def test_only_its_own_names_are_visible(prefix: Path) -> None:
    if shutil.which("nm") is None:
        pytest.skip("nm is not installed")
    lines = run(
        "nm", "-D", "--defined-only", installed_folder(prefix) / "libioebss.so"
    ).splitlines()
    names = {line.split()[-1] for line in lines}
    assert "ioebss_session_click" in names
    assert all(name.startswith("ioebss_") for name in names)


def test_versions_agree(prefix: Path) -> None:
    """Header, library and package."""
    library = installed_folder(prefix) / f"libioebss.so.{ioebss_version()}"
    assert library.is_file()
    assert f'IOEBSS_VERSION_STRING "{ioebss_version()}"' in (
        prefix / "include/ioebss/ioebss.h"
    ).read_text("utf-8")


def ioebss_soname() -> str:
    return "libioebss.so." + ioebss_version().rpartition(".")[0]


def ioebss_version() -> str:
    text = (SOURCE.parents[1] / "pyproject.toml").read_text("utf-8")
    return text.split('version = "')[1].split('"')[0]


# -- what is installed beside the library


def models_told(prefix: Path, folder: Path) -> str:
    """What a project learns of the models' folder by find_package."""
    folder.mkdir()
    told = f'{PACKAGE}\nfile(WRITE ${{CMAKE_BINARY_DIR}}/models "${{ioebss_MODELS_DIR}}")'
    out = configure(folder, "CXX", told, (), f"-DCMAKE_PREFIX_PATH={prefix}")
    return (out / "models").read_text("utf-8")


def models_of_pkg_config(prefix: Path) -> str:
    if shutil.which("pkg-config") is None:
        pytest.skip("pkg-config is not installed")
    search = os.environ | {"PKG_CONFIG_PATH": str(installed_folder(prefix) / "pkgconfig")}
    return run("pkg-config", "--variable=modelsdir", "ioebss", env=search).strip()


def test_the_licences_are_installed(prefix: Path) -> None:
    folder = prefix / "share/doc/ioebss"
    assert (folder / "LICENSE").read_bytes() == (SOURCE.parents[1] / "LICENSE").read_bytes()
    notice = (folder / "THIRD-PARTY.txt").read_text("utf-8")
    places = (Path(f, "nlohmann/json.hpp") for f in ("/usr/local/include", "/usr/include"))
    header = next(filter(Path.is_file, places)).read_text("utf-8")
    holder = re.search(r"(?:SPDX-FileCopyrightText: |Copyright \(c\) )(.*)", header)
    assert holder and f"Copyright (c) {holder[1]}" in notice
    assert "Permission is hereby granted, free of charge" in notice


def test_the_models_are_installed(prefix: Path, tmp_path: Path) -> None:
    """Where CMake and pkg-config say they are."""
    for told in (models_told(prefix, tmp_path / "project"), models_of_pkg_config(prefix)):
        assert Path(told).resolve() == prefix / "share/ioebss/models"
        for model in (BUNDLED, BUNDLED_INT8):
            for file in (model, model.with_suffix(".json")):
                assert (Path(told) / file.name).read_bytes() == file.read_bytes()


def test_the_models_are_left_out(build: Path, tmp_path: Path) -> None:
    other = tmp_path / "prefix"
    run("cmake", build, "-DIOEBSS_INSTALL_MODELS=OFF")
    try:
        run("cmake", "--install", build, "--prefix", other)
    finally:
        run("cmake", build, "-DIOEBSS_INSTALL_MODELS=ON")
    assert not list(other.rglob("*.onnx"))
    assert models_told(other, tmp_path / "project") == models_of_pkg_config(other) == ""


# -- its own tests


@pytest.mark.parametrize("named", ["nothing", "the library", "the release archive"])
def test_tests_find_the_library(build: Path, tmp_path: Path, named: str) -> None:
    """Without a Python that has one, and none in the system; so they seldom skip networks."""
    root, library = tmp_path / "root", tmp_path / "root/lib/libonnxruntime.so.1"
    library.parent.mkdir(parents=True)
    library.touch()
    cache = (build / "CMakeCache.txt").read_text("utf-8")
    (headers,) = re.findall(r"^ONNXRUNTIME_INCLUDE_DIR:PATH=(.*)$", cache, re.MULTILINE)
    options = [f"-DONNXRUNTIME_INCLUDE_DIR={headers}", "-Dpython=false", "-Dsystem_library=OFF"]
    options.append(f"-DONNXRUNTIME_ROOT={root if named == 'the release archive' else ''}")
    own = ("IOEBSS_ONNXRUNTIME", "ONNXRUNTIME_ROOT")
    environment = {k: v for k, v in os.environ.items() if k not in own}
    if named == "the library":
        environment["IOEBSS_ONNXRUNTIME"] = str(library)
    said = run("cmake", "-B", tmp_path / "out", "-S", SOURCE, *options, env=environment)
    assert ("-DIOEBSS_TEST_ONNXRUNTIME=FILE" in said) == (named == "nothing")
    listed = run("ctest", "--test-dir", tmp_path / "out", "--show-only=json-v1")
    (test,) = (
        t for t in json.loads(listed[listed.index("{") :])["tests"] if t["name"] == "session"
    )
    (values,) = (p["value"] for p in test["properties"] if p["name"] == "ENVIRONMENT")
    loaded = [v for v in values if v.startswith("IOEBSS_ONNXRUNTIME=")]
    assert loaded == ([] if named == "nothing" else [f"IOEBSS_ONNXRUNTIME={library}"])


# -- the examples


@pytest.fixture(scope="module")
def examples(build: Path) -> Path:
    run("cmake", build, "-DIOEBSS_EXAMPLES=ON")
    run("cmake", "--build", build, "--parallel", "2")
    return build / "examples"


@pytest.fixture(scope="module")
def click_to_mask(examples: Path) -> Path:
    program = examples / "click_to_mask"
    if not program.is_file():
        pytest.skip("libpng-dev or libjpeg-dev is not installed")
    return program


def test_the_example(
    click_to_mask: Path, samples: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    """A JPEG and a PNG of the same pixels; the mask that Python makes of them."""
    photo = read_photo(samples / "chelsea.jpg")
    cv2.imwrite(str(tmp_path / "photo.png"), photo[:, :, ::-1])
    session = Segmenter(BUNDLED, precision="exact").open(photo)
    session.click(230, 110)
    expected = session.click(100, 290, 0)
    for name in (tmp_path / "photo.png", samples / "chelsea.jpg"):
        mask = tmp_path / "mask.png"
        printed = run(click_to_mask, BUNDLED, name, mask, "230,110", "100,290,0", env=environment)
        assert "onnxruntime-cpu" in printed
        found = cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE)
        # libjpeg of the system and of Pillow may decode a JPEG differently by a grey value.
        assert np.mean((found == 255) != expected) <= (0 if name.suffix == ".png" else 0.001)


def test_the_example_says_what_is_wrong(
    click_to_mask: Path, samples: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    photo, mask = samples / "chelsea.jpg", tmp_path / "mask.png"
    (tmp_path / "broken.jpg").write_bytes(photo.read_bytes()[:2] + b"nonsense")
    for arguments, code, message in (
        ((), 2, "usage"),
        ((BUNDLED, photo, mask, "1,2,3x"), 1, "is no click"),
        ((BUNDLED, photo, mask, "9999,2"), 1, "outside the photo"),
        ((BUNDLED, tmp_path / "broken.jpg", mask, "1,2"), 1, "cannot be decoded"),
        ((BUNDLED, tmp_path / "none.png", mask, "1,2"), 1, "cannot be opened"),
        ((tmp_path / "none.onnx", photo, mask, "1,2"), 1, "no such model file"),
    ):
        command = [str(click_to_mask), *map(str, arguments)]
        result = subprocess.run(
            command, capture_output=True, text=True, env=environment, check=False
        )
        assert result.returncode == code and message in result.stderr
        assert not mask.exists()


def test_a_program_that_carries_its_model(
    examples: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    """Wherever it is taken: it reads no file of a model."""
    program = Path(shutil.copy(examples / "embedded_model", tmp_path))
    loading = environment | {"LD_LIBRARY_PATH": str(examples.parent)}
    printed = run(program, env=loading, cwd=tmp_path)
    y, x = np.mgrid[:256, :256] * 2 - 256
    disc = np.where(4 * (x * x + y * y) < 256 * 256, 200, 50).astype(np.uint8)
    session = Segmenter(BUNDLED_INT8, precision="exact").open(np.dstack([disc] * 3))
    assert printed == f"{session.click(128, 128).sum()}\n"
