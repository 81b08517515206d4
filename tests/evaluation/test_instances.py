"""Which objects are listed, and that a list finds them again."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ioebss.clicks import Click
from ioebss.errors import DataError, UsageError
from ioebss.evaluation.classes import SEEN, by_familiarity
from ioebss.evaluation.instances import (
    Instance,
    evenly_spread,
    list_instances,
    of_each_category,
    one_of_each_photo,
    scene_of,
)
from ioebss.evaluation.protocol import Course, Measurement
from ioebss.evaluation.result_files import read_instances, write_instances
from ioebss.evaluation.scaled import ScaledDataset


def test_objects_are_listed_in_order_and_by_area(scenes) -> None:
    listed = list_instances(scenes(2))
    found = [(i.index, i.scene, i.label, i.area) for i in listed]
    assert found == [
        (0, "scene0", 1, 576),
        (0, "scene0", 2, 400),
        (1, "scene1", 1, 576),
        (1, "scene1", 2, 400),
    ]


@pytest.mark.parametrize(("min_area", "labels"), [(16, [1, 2, 3]), (400, [1, 2]), (401, [1])])
def test_the_least_area_is_inclusive(scenes, min_area, labels) -> None:
    assert [i.label for i in list_instances(scenes(1), min_area)] == labels


def test_no_object_large_enough_is_an_error(scenes) -> None:
    with pytest.raises(DataError, match="577 pixels"):
        list_instances(scenes(2), 577)


def test_a_limit_spreads_over_the_whole_list(scenes) -> None:
    listed = list_instances(scenes(5))
    for limit in range(1, 11):
        chosen = [listed.index(i) for i in evenly_spread(listed, limit)]
        assert len(chosen) == limit
        gaps = np.diff([*chosen, 10])
        assert chosen[0] == 0
        assert gaps.min() >= 1
        assert gaps.max() - gaps.min() <= 1
    assert evenly_spread(listed, 99) == listed


def test_a_limit_of_nothing_is_refused(scenes) -> None:
    with pytest.raises(UsageError, match="1 or more"):
        evenly_spread(list_instances(scenes(1)), 0)


def test_listed_objects_are_found_again(scenes) -> None:
    dataset = scenes(3)
    assert scene_of(dataset, list_instances(dataset)[2:4]).name == "scene1"


@pytest.mark.parametrize("change", [{"scene": "other"}, {"label": 9}, {"index": 3}, {"index": -1}])
def test_objects_that_are_not_there_are_refused(scenes, change) -> None:
    dataset = scenes(3)
    first, second = list_instances(dataset)[4:]
    with pytest.raises(DataError, match="does not hold"):
        scene_of(dataset, [dataclasses.replace(first, **change)])
    if "index" not in change:
        with pytest.raises(DataError, match="does not hold"):
            scene_of(dataset, [first, dataclasses.replace(second, **change)])


def test_an_object_that_vanished_in_scaling_asks_for_a_larger_side(scenes) -> None:
    dataset = scenes(1)
    listed = list_instances(dataset, 16)
    assert scene_of(ScaledDataset(dataset, 48), listed).labels.max() > 2
    with pytest.raises(DataError, match=r"object 3 of scene0 .* 6 pixels; give a larger --side"):
        scene_of(ScaledDataset(dataset, 6), listed)
    other = [dataclasses.replace(listed[2], scene="other")]
    with pytest.raises(DataError, match="does not hold"):  # no larger side would help
        scene_of(ScaledDataset(dataset, 6), other)


def of_classes(names: str) -> list[Instance]:
    return [Instance(i, f"s{i}", 1, 400, name) for i, name in enumerate(names.split())]


def test_so_many_of_each_class_spread_over_it() -> None:
    listed = of_classes("cat dog cat cat dog cat cat kite cat")
    chosen = of_each_category(listed, 2)
    assert [(i.index, i.category) for i in chosen] == [
        (0, "cat"),
        (1, "dog"),
        (4, "dog"),
        (5, "cat"),
        (7, "kite"),
    ]
    with pytest.raises(UsageError, match="names no classes"):
        of_each_category([*listed, Instance(9, "s9", 1, 400)], 2)


def test_classes_come_from_the_data_set(scenes) -> None:
    dataset = scenes(1)
    dataset.scenes[0] = dataclasses.replace(dataset.scenes[0], categories={1: "cat"})
    assert [i.category for i in list_instances(dataset)] == ["cat", ""]


def test_seen_and_unseen_classes_are_told_apart() -> None:
    course = Course((Click(0, 0),), (1.0,), (1.0,), (1.0,), (1.0,))
    listed = [*of_classes("cat kite cow banana"), Instance(9, "s9", 1, 400)]
    parts = by_familiarity([Measurement(i, course) for i in listed])
    found = {name: [m.instance.index for m in part] for name, part in parts.items()}
    assert found == {"seen classes": [0, 2], "unseen classes": [1, 3]}
    assert by_familiarity([Measurement(listed[-1], course)]) == {}
    own = of_classes("screw nut")  # all unseen: the table would be the one above it again
    assert by_familiarity([Measurement(i, course) for i in own]) == {}
    assert len(SEEN) == 20


def test_the_largest_object_of_each_photo(scenes) -> None:
    assert [(i.index, i.label) for i in one_of_each_photo(list_instances(scenes(3)))] == [
        (0, 1),
        (1, 1),
        (2, 1),
    ]


def test_a_saved_list_is_read_back(scenes, tmp_path) -> None:
    listed = [*list_instances(scenes(2)), *of_classes("cat")]
    write_instances(tmp_path / "list.json", listed)
    assert read_instances(tmp_path / "list.json") == listed
