"""What a study has learned, in words and on a chart, from memories made by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest
from fakes import call_study, loss_of, move, work
from hypothesis import given, settings
from hypothesis import strategies as st

from nightlab.program.space import ChoiceParameter, FloatParameter, Parameter
from nightlab.report.charts.grid import PANELS
from nightlab.report.charts.learned import draw_learned
from nightlab.report.charts.library import drawing, save
from nightlab.report.charts.moved import moves
from nightlab.report.memory import memory_data
from nightlab.report.memory.lines import SHOWN, memory_lines, percent
from nightlab.report.summary import summary_text
from nightlab.report.summary.learned import lessons_learned
from nightlab.study import open_study
from nightlab.types import (
    Conjecture,
    Crash,
    Decision,
    Direction,
    Effect,
    EmitterRecord,
    History,
    Lesson,
    Memory,
    Niche,
    Phase,
    Plateau,
    Stall,
    Standing,
    Trial,
    Value,
    Verdict,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KEEP, DISCARD, CRASH = Decision.KEEP, Decision.DISCARD, Decision.CRASH
SPACE: dict[str, Parameter] = {
    "lr": FloatParameter(type="float", low=0.001, high=1.0, log=True),
    "act": ChoiceParameter(type="choice", choices=("relu", "gelu")),
}


def a_lesson(
    number: int,
    gain: float | None,
    campaign: str = "",
    error: float | None = 0.01,
    kind: Decision = DISCARD,
    **moved: Value,
) -> Lesson:
    verdict = Verdict(number, CRASH if gain is None else kind, "rule", "the reason")
    trial = Trial(number, "c0ffee", summary=f"idea {number}", moved=moved, verdict=verdict)
    return Lesson(campaign, trial, Niche("optimizer"), gain, error, gain)


def a_history(**values: Value) -> History:
    start = Trial(0, "base", parameters=values)
    return History("loss", Direction.MINIMIZE, (1,), start, start, [])


def a_campaign(**values: Value) -> Any:
    return SimpleNamespace(tag="nov20", history=a_history(**values))


LESSONS = [
    a_lesson(1, 0.2, "nov19", kind=KEEP, lr=0.1),
    a_lesson(2, None, "nov19", lr=0.9),
    a_lesson(1, 0.1, lr=0.2, act="gelu"),
    a_lesson(2, -0.3, act="relu"),
    a_lesson(3, math.nan, lr=0.3),
]
MEMORY = Memory(
    phase=Phase.RECOMBINE,
    stall=Stall(12, Plateau.CIRCLES, "12 of 14 ideas repeat what was tried."),
    lessons=LESSONS,
    elites={Niche("optimizer", lines="growing"): LESSONS[0]},
    near_misses=[LESSONS[2]],
    dead_ends=LESSONS[1:4:2],
    crashes=[Crash("KeyError: …", "crash", ("nov19/2",), "KeyError: 'x'")],
    effects=[
        Effect("lr", 0.4, 0.1, lessons=("nov19/1", "1")),
        Effect("act", 0.2, 0.05, "gelu", lessons=("1",)),
        Effect("optimizer", 0.01, math.inf, of_kind=True),
    ],
    conjectures=[
        Conjecture("higher lr is better", Standing.HOLDS, 0.999, ("1",), (), "", "gain +0.4 ± 0.1"),
        Conjecture("lr is magic", Standing.UNTESTED, 0.5, source="model\x1b[31m", why="no form"),
        Conjecture("act = relu is better", Standing.DEAD, 0.004, (), ("1", "2"), "human"),
    ],
    emitters={"contrarian": EmitterRecord("contrarian", 4, 1, 1, 8.0, 3)},
)


def test_every_part_is_told() -> None:
    said = "\n".join(memory_lines(a_campaign(), MEMORY, None))
    for line in (
        "nov20: 3 settled trials, and 2 trials of 1 earlier campaign; gains are of loss",
        "phase: recombine; 12 trials since the last keep",
        "plateau: 12 of 14 ideas repeat what was tried.",
        "  >99%      higher lr is better  gain +0.4 ± 0.1",
        "  untested  lr is magic [model]  no form",
        "  <1%  act = relu is better [human]  0 for, 2 against",
        "  act = gelu         +0.2 ± 0.05  over the other options",
        "optimizer changes  +0.01        a change of this kind, on average",
        "  optimizer/growing  nov19/1  +0.2  idea 1",
        "  1  +0.1 ± 0.01  idea 1",
        "  nov19/2  —            idea 2  the reason",
        "  1 ×  KeyError: …  trials nov19/2",
        "  contrarian  4 trials  1 keep  1 crash  8 runs  0.125 keeps a run",
    ):
        assert line in said
    assert "\x1b" not in said


def test_the_first_few_and_how_many_more() -> None:
    many = replace(MEMORY, near_misses=[a_lesson(n, 0.0, lr=0.1) for n in range(1, 9)])
    said = memory_lines(a_campaign(), many)
    at = said.index("near misses:")
    assert said[at + SHOWN + 1] == f"  … and {8 - SHOWN} more"
    assert len([line for line in memory_lines(a_campaign(), many, None) if "idea 8" in line]) == 1


def test_a_plateau_that_is_a_conjecture_is_told_once() -> None:
    why = MEMORY.stall.why
    same = replace(MEMORY, conjectures=[Conjecture("it ends", Standing.HOLDS, 0.9, why=why)])
    assert sum(why in line for line in memory_lines(a_campaign(), same)) == 1


def test_the_document_is_strict_json() -> None:
    data = memory_data(a_campaign(), MEMORY)
    keys = {"phase", "stall", "elites", "near_misses", "dead_ends", "crashes", "conjectures"}
    assert keys | {"emitters", "effects"} <= data.keys()
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert data["effects"][2] == {
        "name": "optimizer",
        "of": "kind",
        "value": None,
        "gain": 0.01,
        "error": None,
        "lessons": [],
    }
    assert data["elites"][0]["niche"]["name"] == "optimizer/growing"
    assert (data["elites"][0]["lesson"], data["elites"][0]["campaign"]) == ("nov19/1", "nov19")
    assert (data["near_misses"][0]["lesson"], data["near_misses"][0]["campaign"]) == ("1", "nov20")
    assert data["emitters"][0]["keeps_per_run"] == 0.125
    assert data["stall"]["plateau"] == "going in circles"


def test_nothing_is_ever_quite_sure() -> None:
    assert [percent(p) for p in (0.0, 0.004, 0.5, 0.99, 1.0)] == [
        "<1%",
        "<1%",
        "50%",
        "99%",
        ">99%",
    ]


# -- the chart -------------------------------------------------------------------------------------


def bowl(name: str, value: Value) -> tuple[float, float]:
    """What moving there is expected to gain."""
    return (-((value - 0.1) ** 2), 0.01) if isinstance(value, float) else (0.25, 0.1)


def lines_of(axes: Axes, width: float) -> list[list[tuple[float, float]]]:
    """The points of the lines that are this wide and dark: effects."""
    found = [line for line in axes.lines if line.get_linewidth() == width]
    dark = [line for line in found if line.get_color() == "#202124"]
    return [[(float(x), float(y)) for x, y in line.get_xydata()] for line in dark]


def test_the_line_is_what_the_incumbent_may_expect() -> None:
    with drawing():
        figure = draw_learned(a_history(lr=0.1, act="relu"), MEMORY, SPACE, "S", bowl)
        lr, act = figure.axes
        (line,) = lines_of(lr, 1.2)
        assert len(line) > 50 and all(y == -((x - 0.1) ** 2) for x, y in line)
        assert 0.001 <= line[0][0] < line[-1][0] <= 1.0
        (stroke,) = lines_of(act, 1.2)
        assert [y for _, y in stroke] == [0.25, 0.25]
        assert lr.get_title(loc="left") == "lr" and lr.get_title(loc="right") == "4 trials"


def test_it_can_draw_one_parameter_or_none(tmp_path: Path) -> None:
    with drawing():
        one = draw_learned(a_history(lr=0.1), MEMORY, SPACE, "S", bowl, ["act"])
        assert [axes.get_title(loc="left") for axes in one.axes] == ["act"]
        empty = save(draw_learned(a_history(), Memory(), SPACE, "S", bowl), tmp_path / "e.svg")
    assert "No trial has moved a parameter yet" in empty.read_text()


def test_the_surest_come_first_and_too_many_are_left_out(tmp_path: Path) -> None:
    names = [f"p{n:02}" for n in range(PANELS + 3)]
    lessons = [a_lesson(n, 0.1 * n, **{name: n}) for n, name in enumerate(names, 1)]
    memory = Memory(lessons=lessons, effects=[Effect(names[-1], 1.0, 0.1)])
    assert next(each.name for each in moves(a_history(), memory, {})) == names[-1]
    with drawing():
        figure = draw_learned(a_history(), memory, {}, "S", bowl)
        assert len(figure.axes) == PANELS
        text = save(figure, tmp_path / "many.svg").read_text()
    assert "3 parameters of less sure effect left out" in text


VALUES = st.one_of(
    st.floats(-1e308, 1e308), st.integers(-(10**400), 10**400), st.booleans(), st.text(max_size=9)
)
GAINS = st.one_of(st.none(), st.floats())


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(VALUES, GAINS, GAINS), min_size=1, max_size=6), VALUES, st.floats())
def test_nothing_breaks_it(
    rows: list[tuple[Value, float | None, float | None]], held: Value, gain: float
) -> None:
    lessons = [a_lesson(n, g, error=e, lr=v) for n, (v, g, e) in enumerate(rows, 1)]
    effects = [Effect("lr", gain, 0.1), Effect("lr", gain, gain, rows[0][0])]
    memory = Memory(lessons=lessons, effects=effects, near_misses=lessons)
    with drawing():
        figure = draw_learned(a_history(lr=held), memory, SPACE, "$x$ <b>", lambda *_: (gain, gain))
        import io

        out = io.BytesIO()
        figure.savefig(out, format="svg")
    ElementTree.fromstring(out.getvalue())
    assert memory_lines(a_campaign(), memory, None)
    json.dumps(memory_data(a_campaign(), memory), allow_nan=False)


# -- the summary -----------------------------------------------------------------------------------


def test_the_summary_says_what_was_learned(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    ideas = [move(x=float(x)) for x in (1, 2, 4, -1, -2, -3, 5, -4)]
    campaign, _, _ = work(study, ideas, loss_of)
    text = summary_text(open_study(study.folder), campaign)
    part = text.partition("## What the study has learned\n")[2].partition("\n## ")[0]
    assert "higher x is better" in part and "`nightlab memory` has" in part
    assert "since the last keep" in part or "plateau" in part.lower()


def test_a_plateau_comes_first_and_text_of_others_is_inert(monkeypatch: pytest.MonkeyPatch) -> None:
    odd = Conjecture("<img src=x>", Standing.HOLDS, 0.7, source="[a](b)", why="[see](http://x)")
    memory = replace(MEMORY, conjectures=[odd, *[MEMORY.conjectures[0]] * 7])
    monkeypatch.setattr("nightlab.report.summary.learned.learned", lambda *_: memory)
    text = lessons_learned(SimpleNamespace(study=None, campaign=None))  # type: ignore[arg-type]
    assert text.startswith("**A plateau.** 12 of 14 ideas repeat")
    assert "<img" not in text and "](" not in text
    assert text.count("\n- ") == 5 and "3 more conjectures" in text
