"""The outlook: what the lessons say of a place that was never tried."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

import pytest
from scenes import Story

from nightlab.program.space import ChoiceParameter, FloatParameter
from nightlab.propose.emitters.outlook import Expectation, Outlook

SHARE = FloatParameter(type="float", low=0.0, high=1.0)


def test_it_finds_the_top_of_a_hill_under_noise() -> None:
    """And sees that y does not matter."""
    told, random = Story({"x": SHARE, "y": SHARE}, {"x": 0.1, "y": 0.5}), Random(0)
    for _ in range(30):
        x, y = random.random(), random.random()
        gain = 4 * ((0.1 - 0.7) ** 2 - (x - 0.7) ** 2) + random.gauss(0, 0.1)
        told.tell({"x": x, "y": y}, gain)
    outlook = Outlook(told.scene())
    places = [{"x": at / 20, "y": 0.5} for at in range(21)]
    seen = outlook.expect(places)
    best = max(range(21), key=lambda at: seen[at].gain)
    assert best / 20 == pytest.approx(0.7, abs=0.1)
    assert seen[best].gain == pytest.approx(1.44, abs=0.2)
    assert outlook.lengths[1] > 3 * outlook.lengths[0]


def test_what_is_far_from_every_lesson_is_more_in_doubt() -> None:
    told = Story({"x": SHARE}, {"x": 0.1})
    for value in (0.15, 0.2, 0.05):
        told.tell({"x": value}, 0.0)
    near, far = Outlook(told.scene()).expect([{"x": 0.12}, {"x": 0.9}])
    assert far.error > 3 * near.error


def test_a_crash_counts_as_the_worst() -> None:
    told = Story({"x": SHARE}, {"x": 0.5})
    told.tell({"x": 0.3}, -0.2, error=0.02)
    told.tell({"x": 0.4}, -0.1, error=0.02)
    told.tell({"x": 0.9}, None)
    (there,) = Outlook(told.scene()).expect([{"x": 0.9}])
    assert there.gain < -0.1


def test_a_disaster_does_not_hide_the_rest() -> None:
    told = Story({"x": SHARE}, {"x": 0.5})
    for value, gain in ((0.1, -1000.0), (0.6, 0.2), (0.7, 0.4), (0.4, -0.2), (0.3, -0.4)):
        told.tell({"x": value}, gain, error=0.02)
    better, worse = Outlook(told.scene()).expect([{"x": 0.7}, {"x": 0.4}])
    assert better.gain == pytest.approx(0.4, abs=0.1)
    assert worse.gain < 0


def test_another_campaign_counts_but_for_its_level() -> None:
    """Its baseline was worse by 5, so that all of it gained 5 more."""
    told = Story({"x": SHARE}, {"x": 0.1})
    for value in (0.1, 0.3, 0.5, 0.7, 0.9):
        told.tell({"x": value}, 5 + value, error=0.02)
    earlier = [replace(each, campaign="nov19") for each in told.lessons]
    now = Story({"x": SHARE}, {"x": 0.1})
    now.lessons = [*earlier, now.tell({"x": 0.2}, 0.1, error=0.02)]
    low, high = Outlook(now.scene()).expect([{"x": 0.1}, {"x": 0.9}])
    assert low.gain == pytest.approx(0.0, abs=0.05)
    assert 0.4 < high.gain < 1.2


def test_options_are_told_apart_and_those_without_effect_are_not() -> None:
    kind = ChoiceParameter(type="choice", choices=("a", "b"))
    depends = FloatParameter(type="float", low=0.0, high=1.0, when={"kind": "b"})
    told = Story({"kind": kind, "x": depends}, {"kind": "a", "x": 0.5})
    told.tell({"kind": "b", "x": 0.2}, -1.0, error=0.01)
    told.tell({"kind": "b", "x": 0.8}, 1.0, error=0.01)
    seen = Outlook(told.scene()).expect(
        [{"kind": "a", "x": 0.2}, {"kind": "a", "x": 0.8}, {"kind": "b", "x": 0.8}]
    )
    assert seen[0] == seen[1]
    assert seen[2].gain > 0.8


def test_expected_improvement() -> None:
    assert Expectation(0.0, 1.0).improvement == pytest.approx(1 / math.sqrt(2 * math.pi))
    assert Expectation(2.0, 0.0).improvement == 2.0
    assert Expectation(-2.0, 0.0).improvement == 0.0
    assert Expectation(-1.0, 0.5).improvement < Expectation(-1.0, 2.0).improvement
