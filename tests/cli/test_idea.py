"""`nightlab idea`: the queue, plans, and what comes of them in a campaign."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli.test_cli import error, nightlab
from fakes import CALL_PROGRAM, call_study, command_study

from nightlab.study import open_study
from nightlab.types import Wish


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return call_study(tmp_path / "s").folder


def listed(folder: Path) -> list[dict]:
    return json.loads(nightlab(folder, "idea", "--list", "--json").stdout)["ideas"]


def test_values_are_tried_first_and_as_they_are(folder: Path) -> None:
    said = nightlab(folder, "idea", "the bottom", "--set", "x=3", "--set", "y=-1").stdout
    assert "idea 1: the bottom" in said and "queued, 1 in line" in said
    nightlab(folder, "idea", "--set", "x=2.5", "--hypothesis", "half way", "--hold", "y")
    nightlab(folder, "run", "--trials", "3")
    study = open_study(folder)
    trials = study.campaign(study.pick()).history.trials
    assert [dict(t.moved) for t in trials[:2]] == [{"x": 3, "y": -1}, {"x": 2.5}]
    assert [t.emitter for t in trials] == ["human", "human", "random"]
    assert trials[1].hypothesis == "half way"
    assert [(idea["trial"], idea["waiting"]) for idea in listed(folder)] == [(1, False), (2, False)]
    assert "trial 1 of" in nightlab(folder, "idea", "--list").stdout


def test_words_wait_for_somebody_who_writes_code(folder: Path) -> None:
    assert "nobody in `propose` writes code" in nightlab(folder, "idea", "use SiLU").stdout
    nightlab(folder, "run", "--trials", "1")
    assert listed(folder)[0]["waiting"]
    assert "idea 1 is taken back" in nightlab(folder, "idea", "--drop", "1").stdout
    assert listed(folder)[0]["why"] == "taken back"


def test_words_become_an_edit_of_the_program_that_proposes(tmp_path: Path) -> None:
    program = """\
# Toy

```yaml
change: {files: [train.py]}
propose:
  command: |
    grep -o 'carry out: [^"]*' "$NIGHTLAB_BRIEF" | sed 's/carry out/summary/'
    value=$(grep -o 'X to [0-9.]*' "$NIGHTLAB_BRIEF" | head -1 | cut -d' ' -f3)
    sed -i "s/^X = .*/X = ${value:-0.7}/" train.py
run: {train: python train.py, seeds: [1, 2]}
stop: {trials: 1}
```

```policy
PRIMARY: minimize loss
```
"""
    folder = command_study(tmp_path / "s", program).folder
    nightlab(folder, "idea", "move X to 0.95", "--hypothesis", "the bottom is near")
    nightlab(folder, "run")
    study = open_study(folder)
    (trial,) = study.campaign(study.pick()).history.trials
    assert (trial.emitter, trial.summary) == ("command", "move X to 0.95")
    assert trial.hypothesis == "the bottom is near" and "+X = 0.95" in trial.diff
    assert trial.wish == 1


PLAN = """\
metric: loss
hypothesis: find the slope
vary:
  x: [1.0, 2.0]
  y: [-0.5]
hold: []
ideas:
- use a better optimiser
- {text: both, set: {x: 3, y: -1}, hypothesis: the bottom}
"""


def test_a_plan_is_queued_one_thing_at_a_time(folder: Path) -> None:
    (folder / "plan.yaml").write_text(PLAN)
    told = json.loads(nightlab(folder, "idea", "--plan", "plan.yaml", "--json").stdout)
    assert told == {"ideas": [1, 2, 3, 4, 5], "waiting": 5}
    parameters = [idea["parameters"] for idea in listed(folder)]
    assert parameters == [{"x": 1.0}, {"x": 2.0}, {"y": -0.5}, {}, {"x": 3, "y": -1}]
    assert [i["hypothesis"] for i in listed(folder)][-2:] == ["find the slope", "the bottom"]


def test_a_grid_is_every_combination(folder: Path) -> None:
    (folder / "plan.yaml").write_text("design: grid\nvary: {x: [1.0, 2.0], y: [0.5, -0.5]}\n")
    nightlab(folder, "idea", "--plan", "plan.yaml")
    assert [idea["parameters"] for idea in listed(folder)] == [
        {"x": 1.0, "y": 0.5}, {"x": 1.0, "y": -0.5}, {"x": 2.0, "y": 0.5}, {"x": 2.0, "y": -0.5},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ("vary: {z: [1]}", "plan.yaml: z is no parameter that may move"),
        ("vary: {x: [99.0]}", "x = 99.0 is outside float -5 to 5"),
        ("metric: accuracy\nvary: {x: [1.0]}", "it is about accuracy, and the policy about loss"),
        ("vary: {x: [1.0]}\nhold: [x]", "can't both vary and be held"),
        ("hold: [y]", "nothing is planned"),
        ("vari: {x: [1.0]}", 'unknown key; did you mean "vary"?'),
        ("vary: {x: [1.0]}\nhold: [z]", "z is no parameter"),
        ("vary: [", "not valid YAML"),
        ("design: grid\nvary: {x: [%s], y: [%s]}" % (("1.0, " * 60,) * 2), "3,600 trials"),
    ],
)
def test_a_wrong_plan_queues_nothing(folder: Path, plan: str, said: str) -> None:
    (folder / "plan.yaml").write_text(plan)
    done = nightlab(folder, "idea", "--plan", "plan.yaml", code=1)
    assert said in done.stderr
    assert listed(folder) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "say what to try"),
        (("wider", "--list"), "say what to try"),
        (("   ",), "say what to try"),
        (("y" * 5000,), "an idea is a sentence or two"),
        (("--set", "x"), "write NAME=VALUE"),
        (("--set", "q=1"), "q is no parameter that may move"),
        (("--set", "x=high"), "x = 'high' is outside"),
        (("--set", "x=1", "--hold", "x"), "can't both be set and be held"),
        (("--drop", "7"), "there is no idea 7"),
        (("--plan", "none.yaml"), "there is no file none.yaml"),
    ],
)
def test_wrong_words_are_one_line(folder: Path, words: tuple[str, ...], said: str) -> None:
    assert said in error(folder, "idea", *words)


def test_what_is_pinned_is_no_parameter_that_may_move(tmp_path: Path) -> None:
    program = CALL_PROGRAM.replace("propose:", "  pinned: [x]\npropose:")
    folder = call_study(tmp_path / "s", program).folder
    assert "x is no parameter that may move" in error(folder, "idea", "--set", "x=1")


def test_an_idea_that_moves_what_is_held_is_refused(folder: Path) -> None:
    from nightlab.change import Refused
    from nightlab.types import Idea

    study = open_study(folder)
    base = study.repository.head()
    builder, files = study.rooms.builder(base), study.repository.files(base)
    builder.build(Idea("both", parameters={"x": 1.0}, hold=("y",)), files)
    with pytest.raises(Refused, match="it moves x, which was to be held fixed"):
        builder.build(Idea("both", parameters={"x": 1.0}, hold=("x", "y")), files)
    assert Wish(1, "words").is_ready is False
