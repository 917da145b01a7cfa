"""What was refused, and what an earlier campaign has settled, is no candidate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import CALL_PROGRAM, call_study
from scenes import Story

from nightlab.campaign import Campaign
from nightlab.program.space import ChoiceParameter, Parameter
from nightlab.propose.emitters import EMITTERS, Move, Scene, load_emitter
from nightlab.propose.emitters.moves import fresh_moves
from nightlab.study import Study
from nightlab.types import Lesson, Refusal, Value

LETTERS: dict[str, Parameter] = {
    "kind": ChoiceParameter(type="choice", choices=("a", "b", "c")),
    "side": ChoiceParameter(type="choice", choices=("left", "right")),
}
START: dict[str, Value] = {"kind": "a", "side": "left"}
ALL = [Move({"kind": k, "side": s}, "x") for k in "abc" for s in ("left", "right")]

PROGRAM = CALL_PROGRAM.replace("{with: random}", "{with: emitters}").replace("[1, 2, 3]", "[1]")
PROGRAM = PROGRAM.replace("trials: 5", "trials: 40").replace(
    "y: {type: float, low: -5, high: 5}", ""
)
PROGRAM = PROGRAM.replace("{type: float, low: -5, high: 5}", "{type: int, low: -3, high: 3}")
SIM = """\
def evaluate(values, seed):
    if values["x"] > 2:
        raise ValueError("too far")
    return {"loss": (values["x"] - 1) ** 2}
"""


def left(scene: Scene) -> list[tuple[Value, Value]]:
    """Where a move may still lead."""
    found = [{**scene.values, **move.parameters} for move in fresh_moves(scene, ALL)]
    return [(each["kind"], each["side"]) for each in found]


def with_refusals(scene: Scene, refusals: Sequence[Refusal]) -> Scene:
    return replace(scene, history=replace(scene.history, refusals=refusals))


def test_what_was_refused_is_no_candidate() -> None:
    told = Story(LETTERS, START)
    scene = with_refusals(told.scene(), [Refusal(0, "", "", "no", {"kind": "b"})])
    assert set(left(told.scene())) - set(left(scene)) == {("b", "left")}


def test_a_refused_move_led_to_where_it_stood_at_that_time() -> None:
    told = Story(LETTERS, START)
    told.tell({"side": "right"}, 0.5, keep=True)
    told.tell({"kind": "c"}, -0.5)
    early, late = (Refusal(after, "", "", "no", {"kind": "b"}) for after in (0, 1))
    assert left(told.scene()) == [("b", "left"), ("b", "right"), ("c", "left")]
    assert left(with_refusals(told.scene(), [early])) == [("b", "right"), ("c", "left")]
    assert left(with_refusals(told.scene(), [late])) == [("b", "left"), ("c", "left")]


def earlier(told: Story, *lessons: Lesson) -> Scene:
    """A campaign that begins, after one with these lessons."""
    before = [replace(lesson, campaign="nov19") for lesson in lessons]
    return Story(told.space, told.values).scene(lessons=before)


def test_a_crash_and_a_clear_loss_of_an_earlier_campaign_are_no_candidates() -> None:
    told = Story(LETTERS, START)
    crash, loss = told.tell({"kind": "b"}, None), told.tell({"kind": "c"}, -0.5)
    assert left(earlier(told, crash, loss)) == [("a", "right"), ("b", "right"), ("c", "right")]


def test_what_nearly_worked_or_was_kept_before_may_be_measured_again() -> None:
    told = Story(LETTERS, START)
    near, kept = told.tell({"kind": "b"}, -0.05), told.tell({"kind": "c"}, 0.5, keep=True)
    assert {("b", "left"), ("c", "left")} <= set(left(earlier(told, near, kept)))


def test_an_edit_of_the_code_says_nothing_of_its_values() -> None:
    told = Story(LETTERS, START)
    lesson = told.tell({"kind": "b"}, -0.5)
    edited = replace(lesson, trial=replace(lesson.trial, edited=True))
    assert ("b", "left") in left(earlier(told, edited))


@pytest.mark.parametrize("name", EMITTERS)
def test_where_all_is_refused_or_settled_nobody_has_a_move(name: str) -> None:
    told = Story(LETTERS, START, dict.fromkeys(LETTERS, "architecture"))
    scene = earlier(told, told.tell({"kind": "b"}, -0.5), told.tell({"kind": "c"}, None))
    moves = ({"side": "right"}, {"kind": "b", "side": "right"}, {"kind": "c", "side": "right"})
    scene = with_refusals(scene, [Refusal(0, "", "", "no", move) for move in moves])
    assert load_emitter(name).move(replace(scene, kinds=told.kinds)) is None


def campaign(study: Study, tag: str) -> tuple[Campaign, str, list[str]]:
    """A new campaign, why it stopped, and why ideas of it were refused."""
    _, why = study.run(tag=tag, new=True)
    found = study.campaign(tag)
    return found, why, [refusal.reason for refusal in found.history.refusals]


def test_a_second_campaign_proposes_nothing_that_the_first_has_settled(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s", PROGRAM, SIM)
    first, why, refusals = campaign(study, "first")
    crashed = [t.moved["x"] for t in first.history.trials if t.parameters["x"] == 3]
    assert crashed == [3]
    assert (refusals, "none of the emitters has a move left" in why) == ([], True)
    second, why, refusals = campaign(study, "second")
    assert (refusals, "none of the emitters has a move left" in why) == ([], True)
    assert 3 not in [trial.parameters["x"] for trial in second.history.trials]
    assert second.history.incumbent.parameters["x"] == 1
