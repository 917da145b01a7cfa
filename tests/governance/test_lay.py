"""Before a tuning: which levers move, what is refused, and a study that is laid whole or not."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from ruamel.yaml import YAML

from governance.tuning import MARKET, OBJECTIVE
from nightlab.governance import place as place_module
from nightlab.governance.hold import check_folder
from nightlab.governance.lay import chosen, lay_study
from nightlab.governance.mutation import TOGGLES, TUNABLES
from nightlab.governance.objective import read_objective
from nightlab.governance.place import Place
from nightlab.governance.program import program_of
from nightlab.governance.question import Question, differences
from nightlab.governance.simulation.simulator import Lever, Simulator, World
from nightlab.program.policy import parse_policy
from nightlab.remember.lock import Lock
from nightlab.remember.replace import replace_file
from nightlab.study import open_study
from nightlab.types import Metrics, NightlabError

AUDIT = {"audit_enabled": True}
LEVERS = [
    Lever("audit_enabled", "bool", False, tag="audit"),
    Lever("audit_probability", "float", 0.1, 0.0, 1.0, "audit", AUDIT),
    Lever("audit_threshold_p", "float", 0.5, 0.0, 1.0, "audit", AUDIT),
    Lever("circuit_breaker_enabled", "bool", False),
    Lever("incoherence_friction_enabled", "bool", False),
    Lever("transaction_tax_rate", "float", 0.02, 0.0, 1.0),
    Lever("bandwidth_cap", "int", 10, 0, 50),
]


@pytest.fixture
def question(tmp_path: Path) -> Question:
    (tmp_path / "market.yaml").write_text(MARKET)
    (tmp_path / "objective.yaml").write_text(OBJECTIVE)
    return Question(tmp_path / "objective.yaml", (tmp_path / "market.yaml",))


def asking(question: Question, **other: Any) -> Question:
    return dataclasses.replace(question, **other)


def names(question: Question, **other: Any) -> set[str]:
    return {lever.name for lever in chosen(asking(question, **other), LEVERS)}


def test_which_levers_move(question: Question) -> None:
    assert names(question) == {lever.name for lever in LEVERS}
    upstreams = {*TUNABLES, *TOGGLES} & {lever.name for lever in LEVERS}
    assert names(question, levers=("seed",)) == upstreams
    assert names(question, levers=("bandwidth_cap",)) == {"bandwidth_cap"}
    switched = {"audit_probability", "audit_enabled"}
    assert names(question, levers=("governance.audit_probability",)) == switched


def test_a_toggle_that_nobody_named_stays_on(question: Question) -> None:
    on = [dataclasses.replace(LEVERS[0], value=True), *LEVERS[1:]]
    policy = parse_policy("PRIMARY: minimize toxicity_rate")

    def pinned(levers: tuple[str, ...], there: list[Lever]) -> list[str]:
        asked = asking(question, levers=levers)
        text = program_of(asked, chosen(asked, there), policy)
        return re.findall(r"pinned: (.*)", text)

    assert pinned(("audit_probability",), on) == ['["governance.audit_enabled"]']
    assert pinned(("audit_probability",), LEVERS) == ["[]"], "it may be switched on"
    assert pinned(("audit_probability", "audit_enabled"), on) == ["[]"]
    assert pinned(("all",), on) == pinned(("seed",), on) == ["[]"]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"levers": ("bandwith_cap",)}, r'--levers: bandwith_cap .*did you mean "bandwidth_cap"'),
        ({"pinned": ("staking_enabled",)}, "--pin: staking_enabled does nothing in market.yaml"),
        ({"levers": ("payoff.theta",)}, "--levers: payoff.theta is the world's; --payoffs moves"),
        ({"levers": ("bandwidth_cap",), "pinned": ("bandwidth_cap",)}, "no lever .* may move"),
    ],
)
def test_levers_that_do_not_move(question: Question, other: dict[str, Any], said: str) -> None:
    with pytest.raises(NightlabError, match=said):
        names(question, **other)


class Fake(Simulator):
    """Answers at once; `odd` is what it says of a world besides."""

    odd: ClassVar[dict[str, Any]] = {}

    def check(self, scenario: Path) -> World:
        name = str(YAML(typ="safe").load(scenario).get("scenario_id"))
        return World(scenario, name, 3, 5, 4, {}, metrics=METRICS, **self.odd)

    def levers(self, *_: object, **__: object) -> list[Lever]:
        return LEVERS

    def run(self, *_: object) -> Metrics:
        return dict.fromkeys(METRICS, 8.0)


METRICS = ("toxicity_rate", "total_welfare", "accepted_interactions")


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> type[Fake]:
    monkeypatch.setattr("nightlab.governance.lay.Simulator", Fake)
    monkeypatch.setattr(Fake, "odd", {})
    return Fake


def lay(place: Place, question: Question) -> list[str]:
    warned: list[str] = []
    lay_study(place, question, read_objective(question.objective), "python", warned.append)
    return warned


def test_a_study_has_every_lever_at_an_explicit_value(
    tmp_path: Path, question: Question, simulator: type[Fake]
) -> None:
    place = Place(tmp_path / "runs")
    assert lay(place, asking(question, pinned=("governance.audit_enabled",))) == [
        "the objective has no activity floor, and nobody dealing is not toxic;"
        " added: accepted_interactions must stay >= 4"
    ]
    study = open_study(place.study)
    scenario = YAML(typ="safe").load(place.scenario)
    assert {lever.name: lever.value for lever in LEVERS} == scenario["governance"]
    assert "# nobody looks" in place.scenario.read_text()
    assert study.settings.change.pinned == ("governance.audit_enabled",), "by its full name too"
    assert str(study.program.policy.bounds[0]) == "accepted_interactions must stay >= 4"
    assert place.is_begun and question.scenario.read_text() == MARKET
    assert sorted(path.name for path in place.root.iterdir()) == [".gitignore", "study"]


def test_what_is_odd_of_a_world_is_told(
    tmp_path: Path, question: Question, simulator: type[Fake], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulator, "odd", {"repeatable": False, "ignored": ("moderator_enabled",)})
    said = lay(Place(tmp_path / "runs"), question)
    assert "one seed did not come to the same twice" in said[0]
    assert "the simulator ignores moderator_enabled" in said[1]
    monkeypatch.setattr(simulator, "odd", {"needs": ("a model for its llm agents",)})
    with pytest.raises(NightlabError, match="it needs a model for its llm agents"):
        lay(Place(tmp_path / "other"), question)
    assert not (tmp_path / "other").exists()


def test_a_world_that_can_not_be_made_quicker_is_left_as_it_is(
    tmp_path: Path, question: Question, simulator: type[Fake], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulator, "odd", {"quick": False})
    said = lay(Place(tmp_path / "runs"), question)
    assert "made quicker, the simulator came to other numbers" in said[0]
    plan = YAML(typ="safe").load(Place(tmp_path / "runs").study / "evaluation.yaml")
    assert plan["quick"] is False
    monkeypatch.setattr(simulator, "odd", {})
    lay(Place(tmp_path / "other"), question)
    assert "quick" not in (Place(tmp_path / "other").study / "evaluation.yaml").read_text()


def test_replays_that_the_simulator_has_no_measure_for(
    tmp_path: Path, question: Question, simulator: type[Fake], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulator, "odd", {"replays": False})
    said = lay(Place(tmp_path / "runs"), asking(question, replays=3))
    assert said[0].startswith("--replays: this simulator has no swarm.metrics.incoherence")
    assert not [line for line in lay(Place(tmp_path / "none"), question) if "replays" in line]
    question.objective.write_text("PRIMARY: minimize illusion_delta\n")
    with pytest.raises(NightlabError, match=r"illusion_delta can't be measured; name another"):
        lay(Place(tmp_path / "other"), asking(question, replays=3))
    assert not (tmp_path / "other").exists()


def test_worlds_of_one_name_cannot_be_told_apart(
    tmp_path: Path, question: Question, simulator: type[Fake]
) -> None:
    twin = tmp_path / "twin.yaml"
    twin.write_text(MARKET.replace("count: 4", "count: 3"))
    with pytest.raises(NightlabError, match="both called market; give each a scenario_id"):
        lay(Place(tmp_path / "runs"), asking(question, scenarios=(question.scenario, twin)))


def test_the_floor_is_measured_as_the_baseline_is_under_the_levers_of_the_first(
    tmp_path: Path, question: Question, simulator: type[Fake], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.yaml"
    text = MARKET.replace("transaction_tax_rate: 0.02", "transaction_tax_rate: 0.9")
    other.write_text(text.replace("scenario_id: market", "scenario_id: other"))

    def run(self: Fake, path: Path, *given: Any) -> Metrics:
        settings = given[-1] or YAML(typ="safe").load(path)
        taxed = settings["governance"]["transaction_tax_rate"] > 0.5
        return dict.fromkeys(METRICS, 2.0 if taxed else 20.0)

    monkeypatch.setattr(simulator, "run", run)
    place = Place(tmp_path / "runs")
    lay(place, asking(question, scenarios=(question.scenario, other)))
    assert str(open_study(place.study).program.policy.bounds[0]).endswith(">= 10")


def test_broken_off_while_it_is_laid_the_next_one_begins_cleanly(
    tmp_path: Path, question: Question, simulator: type[Fake], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path / "runs")
    with monkeypatch.context() as patch:
        patch.setattr(place_module, "replace_file", _broken)
        with pytest.raises(KeyboardInterrupt):
            lay(place, question)
    assert not place.is_begun and not place.study.exists()
    (place.root / ".laying-killed" / "study").mkdir(parents=True)
    lay(place, question)
    assert place.is_begun and not list(place.root.glob(".laying-*"))


def _broken(path: Path, parts: Iterable[str]) -> None:
    if path.name == "question.json":
        assert (path.parent / "program.md").is_file()
        raise KeyboardInterrupt
    replace_file(path, parts)


def test_a_study_at_work_is_not_put_aside(
    tmp_path: Path, question: Question, simulator: type[Fake]
) -> None:
    place = Place(tmp_path / "runs")
    lay(place, question)
    lock = Lock(open_study(place.study).home / "lock")
    lock.acquire("now")
    with pytest.raises(NightlabError, match="a tuning is at work in"):
        place.put_aside()
    lock.release()
    assert place.put_aside() == place.root / "before-1"
    lay(place, question)
    assert place.put_aside() == place.root / "before-2"
    assert place.put_aside() is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir(mode=0o500)
    with pytest.raises(NightlabError, match="can't be written to"):
        check_folder(tmp_path / "runs")


def test_questions_that_differ(question: Question, tmp_path: Path) -> None:
    place, known = Place(tmp_path / "runs"), question.fingerprint()
    other = asking(question, seeds=(7, 11), epochs=4, parallel=9)
    assert differences(other.fingerprint(), known) == ["--eval-epochs", "--seeds"]
    place.study.mkdir(parents=True)
    (place.study / "question.json").write_text("{torn")
    with pytest.raises(NightlabError, match=r"can't be read .* begin afresh with --new"):
        place.check_same(question)
