"""The case grid: which cases, and what is painted where."""

from __future__ import annotations

import numpy as np
import pytest

from ioebss.clicks import Click
from ioebss.drawing import CLICK_COLOURS, MASK_COLOUR, REFERENCE_COLOUR
from ioebss.evaluation.case_grid import (
    CELL,
    GROUND,
    choose_cases,
    draw_cases,
    paint,
)
from ioebss.evaluation.instances import Instance
from ioebss.evaluation.method_grid import draw_methods
from ioebss.evaluation.plots import plot_methods
from ioebss.evaluation.protocol import Course, Measurement
from ioebss.progress import Progress


def measurement(score: float) -> Measurement:
    return Measurement(
        Instance(0, "a", 1, 1),
        Course((Click(0, 0),), (score,) * 5, (1.0,) * 5, (score,) * 5, (1.0,)),
    )


def test_worst_middle_and_best_are_chosen() -> None:
    measurements = [measurement(((7 * i) % 101) / 101) for i in range(101)]
    cases = choose_cases(measurements)
    ranks = [round(101 * case.measurement.course.ious[0]) for case in cases]
    assert ranks == [0, 1, 2, 49, 50, 51, 98, 99, 100]
    assert [case.kind for case in cases] == ["worst"] * 3 + ["middle"] * 3 + ["best"] * 3


@pytest.mark.parametrize("count", range(1, 12))
def test_no_case_is_shown_twice(count) -> None:
    cases = choose_cases([measurement(i / count) for i in range(count)])
    scores = [case.measurement.course.ious[0] for case in cases]
    assert scores == sorted(set(scores))
    each = max(1, min(3, count // 3))
    kinds = [case.kind for case in cases]
    few = {1: ["best"], 2: ["worst", "best"]}
    assert kinds == few.get(count, ["worst"] * each + ["middle"] * each + ["best"] * each)
    assert scores[-1] == (count - 1) / count  # the best of all is called so


def test_mask_outline_and_clicks_are_painted_in_place() -> None:
    image = np.full((100, 200, 3), 90, np.uint8)
    truth, mask = np.zeros((2, 100, 200), bool)
    truth[20:60, 20:60] = True
    mask[20:60, 100:160] = True
    clicks = [Click(40, 40, 1), Click(180, 80, 0)]
    picture = paint(image, truth, mask, clicks)
    assert picture.shape == (CELL // 2, CELL, 3)
    assert tuple(picture[81, 81]) == CLICK_COLOURS[1]
    assert tuple(picture[161, 361]) == CLICK_COLOURS[0]
    assert tuple(picture[40, 80]) == REFERENCE_COLOUR
    assert tuple(picture[60, 60]) == (90, 90, 90)  # inside the truth, outside the mask
    blended = np.rint(0.5 * 90 + 0.5 * np.array(MASK_COLOUR)).astype(int)
    assert tuple(picture[80, 260]) == tuple(blended)
    assert tuple(picture[10, 10]) == (90, 90, 90)
    assert (image == 90).all()  # the photo itself is left alone


def test_a_photo_of_the_drawn_size_is_left_alone() -> None:
    image = np.full((CELL, CELL, 3), 90, np.uint8)
    everything = np.ones((CELL, CELL), bool)
    paint(image, everything, everything, [Click(5, 5)])
    assert (image == 90).all()


# Scene 0 holds a first object of 24 x 24 pixels from (8, 4) on; this mask covers half of it.
HALF = np.zeros((64, 96), bool)
HALF[4:16, 8:32] = True


@pytest.mark.parametrize(("recorded", "differs"), [(0.5, False), (0.5009, False), (0.8, True)])
def test_pictures_give_the_iou_of_the_masks_they_show(
    scenes, scripted, tmp_path, monkeypatch, capsys, recorded, differs
) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.axes import Axes

    captions: list[str] = []
    monkeypatch.setattr(Axes, "set_title", lambda self, text, **rest: captions.append(text))
    clicks = tuple(Click(10 + i, 10) for i in range(5))
    course = Course(clicks, (recorded,) * 5, (1.0,) * 5, (1.0,) * 5, (1.0,) * 5)
    instance = Instance(0, "scene0", 1, 576)
    measured = Measurement(instance, course)
    method, progress = scripted([HALF]), Progress(terminal=False)
    cases = choose_cases([measured])
    draw_cases(tmp_path / "cases.png", method, scenes(1), cases, "title", True, progress)
    grid = {"half": {instance: measured}}
    opened = {"half": lambda: method}
    draw_methods(tmp_path / "methods.png", opened, scenes(1), grid, "title", True, progress)
    assert [text.partition("IoU ")[2] for text in captions if "IoU" in text] == [
        *["0.500"] * 3,
        "0.50",
    ]
    said = capsys.readouterr().err.splitlines()
    assert len(said) == (2 if differs else 0)
    if differs:
        assert "cases.png: 3 of 3 masks" in said[0] and "by up to 0.300" in said[0]
        assert "methods.png: 1 of 1 masks" in said[1]


@pytest.mark.parametrize("photos", [True, False])
def test_photographs_that_may_not_be_passed_on_are_left_out(
    scenes, scripted, tmp_path, monkeypatch, photos
) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.axes import Axes

    shown: list[np.ndarray] = []
    monkeypatch.setattr(Axes, "imshow", lambda self, picture: shown.append(picture))
    course = Course((Click(10, 10),) * 5, (0.5,) * 5, (1.0,) * 5, (0.5,) * 5, (1.0,) * 5)
    instance = Instance(0, "scene0", 1, 576)
    measured = Measurement(instance, course)
    method, quiet = scripted([HALF]), Progress(terminal=False)
    cases = choose_cases([measured])
    draw_cases(tmp_path / "cases.png", method, scenes(1), cases, "title", photos, quiet)
    grid, opened = {"half": {instance: measured}}, {"half": lambda: method}
    draw_methods(tmp_path / "methods.png", opened, scenes(1), grid, "title", photos, quiet)
    assert len(shown) == 4 + 2
    for picture in shown:
        free = picture[len(picture) // 2 :]  # below the object, its mask and its clicks
        assert (free == GROUND).all() == (not photos)
    masked = [tuple(picture[40, 100]) for picture in (*shown[1:4], shown[5])]
    assert len(set(masked)) == 1 and masked[0] != (GROUND,) * 3, "masks are drawn all the same"


def test_the_methods_are_shown_after_as_many_clicks_as_were_made(
    scenes, scripted, tmp_path, monkeypatch
) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    titles: list[str] = []
    monkeypatch.setattr(Figure, "suptitle", lambda self, text, **rest: titles.append(text))
    for made in (1, 3, 7):
        clicks = tuple(Click(10 + i, 10) for i in range(made))
        course = Course(clicks, *[(1.0,) * made] * 4)
        instance = Instance(0, "scene0", 1, 576)
        grid = {"half": {instance: Measurement(instance, course)}}
        opened = {"half": lambda: scripted([HALF])}
        quiet = Progress(quiet=True)
        draw_methods(tmp_path / "methods.png", opened, scenes(1), grid, "title", True, quiet)
    ends = [title.splitlines()[0] for title in titles]
    assert ends == ["title: after 1 click", "title: after 3 clicks", "title: after 5 clicks"]


def test_any_number_of_methods_is_drawn(tmp_path) -> None:
    pytest.importorskip("matplotlib")
    many = {f"m{number}": [measurement(number / 50)] for number in range(45)}
    plot_methods(tmp_path / "curves.png", many, "title")
    assert (tmp_path / "curves.png").stat().st_size > 0
