"""The proposers: the shipped contract, and what is particular to each."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import plain_programs

from nightlab.program.space import (
    BoolParameter,
    ChoiceParameter,
    FloatParameter,
    IntParameter,
    Space,
)
from nightlab.propose import NothingToPropose, Setting
from nightlab.propose.build import build_proposer
from nightlab.propose.conformance import (
    check_proposer,
    sample_history,
    sample_setting,
    sample_trial,
)
from nightlab.propose.random import RandomProposer
from nightlab.propose.search import SearchProposer, quasi_random
from nightlab.propose.settings import ProposeSettings
from nightlab.types import Decision, History, Idea, NightlabError


def settings(**given: object) -> ProposeSettings:
    return ProposeSettings.model_validate(given)


@pytest.mark.parametrize(
    "given",
    [{"with": "random"}, {"with": "search", "startup": 0}, {"with": "search", "at_once": 1}],
)
def test_the_contract_holds(given: dict[str, object]) -> None:
    check_proposer(lambda setting: build_proposer([settings(**given)], setting))


def test_the_contract_would_be_missed() -> None:
    class Stuck:
        def propose(self, history: History) -> Idea:
            return Idea("again", parameters={"width": 9})

        def refused(self, idea: Idea, reason: str) -> None:
            pass

    with pytest.raises(AssertionError, match="after a refusal"):
        check_proposer(lambda _: Stuck())


def test_random_moves_one_parameter_and_takes_steps_where_there_are_steps() -> None:
    space = Space(
        {
            "audit": FloatParameter(type="float", low=0, high=1, step=0.05),
            "on": BoolParameter(type="bool"),
            "size": IntParameter(type="int", low=1, high=9, step=2),
        }
    )
    values = {"audit": 0.5, "on": True, "size": 3}
    seen: dict[str, set[object]] = {}
    for seed in range(60):
        idea = RandomProposer(settings(seed=seed), sample_setting(space)).propose(
            sample_history(parameters=values)
        )
        ((name, value),) = idea.parameters.items()
        seen.setdefault(name, set()).add(value)
    assert seen == {"audit": {0.45, 0.55}, "on": {False}, "size": {1, 5}}


def test_random_leaves_inactive_parameters_alone() -> None:
    space = Space(
        {
            "kind": ChoiceParameter(type="choice", choices=("a", "b"), when={}),
            "only_b": IntParameter(type="int", low=1, high=9, when={"kind": "b"}),
        }
    )
    values = {"kind": "a", "only_b": 3}
    for seed in range(20):
        idea = RandomProposer(settings(seed=seed), sample_setting(space)).propose(
            sample_history(parameters=values)
        )
        assert list(idea.parameters) == ["kind"]


def test_quasi_random_points_are_spread_and_differ() -> None:
    space = Space({n: FloatParameter(type="float", low=0, high=1) for n in "abc"})
    points = [quasi_random(space, number, seed=0) for number in range(8)]
    assert len({tuple(p.values()) for p in points}) == 8
    for name in "abc":
        assert sum(float(p[name]) < 0.5 for p in points) == 4


def bowl(parameters: dict[str, object]) -> float:
    return (float(parameters["x"]) - 0.7) ** 2 + (float(parameters["y"]) - 0.2) ** 2  # type: ignore[arg-type]


@pytest.mark.parametrize("conditional", [False, True])
def test_search_finds_the_bottom_of_a_bowl(conditional: bool) -> None:
    when = {"k": "on"} if conditional else {}
    space = Space(
        {
            "k": ChoiceParameter(type="choice", choices=("on", "off")),
            "x": FloatParameter(type="float", low=0, high=1),
            "y": FloatParameter(type="float", low=0, high=1, when=when),
        }
    )
    start = {"k": "on", "x": 0.0, "y": 1.0}
    trials: list = []
    incumbent = start
    best = bowl(start)
    for number in range(1, 26):
        history = sample_history(*trials, parameters=start)
        idea = SearchProposer(settings(), sample_setting(space)).propose(history)
        values = {**incumbent, **idea.parameters}
        loss = bowl(values) - bowl(start) + 1.0
        better = bowl(values) < best
        trials.append(
            sample_trial(number, values, loss, Decision.KEEP if better else Decision.DISCARD)
        )
        if better:
            best, incumbent = bowl(values), values
    assert best < 0.05


def test_a_change_of_one_mechanism_moves_what_goes_together() -> None:
    tags = {"width": ("model",), "depth": ("model",), "rate": ("schedule",)}
    space = Space({n: IntParameter(type="int", low=1, high=64, tags=t) for n, t in tags.items()})
    history = sample_history(parameters={"width": 8, "depth": 8, "rate": 8})
    together = {frozenset(("width", "depth")), frozenset(("rate",))}
    moved = []
    for one in (True, False):
        setting = replace(sample_setting(space), one_mechanism=one)
        proposer = SearchProposer(settings(startup=32), setting)
        for _ in range(12):
            idea = proposer.propose(history)
            proposer.refused(idea, "tried")
            moved.append((one, frozenset(idea.parameters)))
    assert {names for one, names in moved if one} == together
    assert (False, frozenset(tags)) in moved


def test_at_once_limits_how_many_move_and_tiny_moves_are_left_out() -> None:
    proposer = SearchProposer(settings(at_once=1), sample_setting())
    moved = proposer._limited({"width": 60, "rate": 0.011}, {"width": 8, "rate": 0.01})
    assert moved == {"width": 60}
    proposer.at_once = None
    assert proposer._limited({"width": 60, "rate": 0.011}, {"width": 8, "rate": 0.01}) == moved


def test_search_is_told_every_run_and_crashes_as_the_worst_seen() -> None:
    proposer = SearchProposer(settings(), sample_setting())
    history = sample_history(
        sample_trial(1, {"width": 16, "rate": 0.01}, 0.5, Decision.DISCARD),
        sample_trial(2, {"width": 32, "rate": 0.01}, 3.0, Decision.DISCARD),
        sample_trial(3, {"width": 64, "rate": 0.01}, None, Decision.CRASH),
        parameters={"width": 8, "rate": 0.01},
    )
    assert [t.value for t in proposer._told(history)] == [0, 0, -0.5, -0.5, 2, 2, 2]


def test_what_search_is_told_lies_apart_by_the_noise_that_seeds_leave() -> None:
    proposer, start = SearchProposer(settings(), sample_setting()), {"width": 8, "rate": 0.01}
    noisy = sample_trial(1, {"width": 16, "rate": 0.01}, 0.5, Decision.DISCARD)
    first, second = noisy.runs
    apart = replace(noisy, runs=(first, replace(second, metrics={"loss": 0.7})))
    history = sample_history(apart, parameters=start)
    told = [t.value for t in proposer._told(replace(history, pairing=0.0))]
    assert told == pytest.approx([0.0, 0.0, -0.5, -0.3])
    calm = [t.value for t in proposer._told(replace(history, pairing=0.75))]
    assert calm == pytest.approx([0.0, 0.0, -0.45, -0.35]), "half of the deviation is the seeds'"


def test_nothing_to_vary_is_said() -> None:
    for proposer in (RandomProposer, SearchProposer):
        with pytest.raises(NothingToPropose, match=r"change\.space"):
            proposer(settings(), sample_setting(Space({}))).propose(sample_history(parameters={}))


@pytest.mark.parametrize(
    ("name", "said"),
    [("serach", 'did you mean "search"'), ("no.such:Thing", "cannot load"), ("x", "known: ")],
)
def test_an_unknown_name_lists_what_there_is(name: str, said: str) -> None:
    with pytest.raises(NightlabError, match=said):
        build_proposer([settings(**{"with": name})], sample_setting())


def test_a_class_of_ones_own_by_dotted_path() -> None:
    path = "nightlab.propose.random:RandomProposer"
    assert isinstance(
        build_proposer([settings(**{"with": path})], sample_setting()), RandomProposer
    )


class Folder:
    """A workspace that is a plain folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.private = Path(tempfile.mkdtemp(dir=folder.parent))

    def edits(self) -> dict[str, str | None]:
        return {path.name: path.read_text() for path in self.folder.iterdir()}


def in_folder(folder: Path, cancelled: bool = False) -> Setting:
    folder.mkdir(exist_ok=True)

    @contextmanager
    def workspace(commit: str) -> Iterator[Folder]:
        yield Folder(folder)

    programs = plain_programs(folder, lambda: cancelled)
    return replace(
        sample_setting(),
        workspace=workspace,
        cancelled=lambda: cancelled,
        execute=programs.execute,
    )


START = {"width": 8, "rate": 0.01}


def test_a_command_edits_files_and_may_say_why(tmp_path: Path) -> None:
    command = (
        "echo 'summary: shorter warm-up'; echo 'hypothesis: it wastes steps';"
        ' cp "$NIGHTLAB_BRIEF" brief; exit 3'
    )
    proposer = build_proposer([settings(command=command)], in_folder(tmp_path / "w"))
    idea = proposer.propose(sample_history(parameters=START))
    assert (idea.summary, idea.hypothesis) == ("shorter warm-up", "it wastes steps")
    assert '"minimize"' in str(idea.files["brief"])


def test_a_command_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    proposer = build_proposer(
        [settings(command="sleep 600 & echo $! > pid; wait", time=1)], in_folder(tmp_path / "w")
    )
    proposer.propose(sample_history(parameters=START))
    pid = int((tmp_path / "w" / "pid").read_text())
    state = Path(f"/proc/{pid}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"


def test_a_command_is_left_when_the_session_is_to_end(tmp_path: Path) -> None:
    setting = in_folder(tmp_path / "w", cancelled=True)
    proposer = build_proposer([settings(command="sleep 600")], setting)
    with pytest.raises(NothingToPropose, match="interrupted"):
        proposer.propose(sample_history(parameters=START))


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("echo no key >&2; exit 3", "no edit (exit 3), last words: no key"),
        ("true", "no edit (exit 0)"),
        ("sleep 600", "no edit (killed after 1 s)"),
        ("echo summary: better", "no edit (exit 0), last words: summary: better"),
    ],
)
def test_a_command_that_edits_nothing_says_how_it_ended(
    tmp_path: Path, command: str, said: str
) -> None:
    proposer = build_proposer([settings(command=command, time=1)], in_folder(tmp_path / "w"))
    idea = proposer.propose(sample_history(parameters=START))
    assert (idea.files, idea.summary) == ({}, said)


def test_a_command_that_is_not_there_is_said(tmp_path: Path) -> None:
    proposer = build_proposer([settings(command="no-such-program-at-all")], in_folder(tmp_path))
    with pytest.raises(NothingToPropose, match="no-such-program"):
        proposer.propose(sample_history(parameters=START))
