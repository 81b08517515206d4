"""Which objects are listed, and that a list finds them again."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ioebss.errors import DataError, UsageError
from ioebss.evaluation.instances import evenly_spread, list_instances, scene_of


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
