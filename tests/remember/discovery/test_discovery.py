"""The files for other research loops: their keys, and that they are true, strict and current."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import (
    CALL_PROGRAM,
    InProcessRunner,
    ScriptedProposer,
    call_study,
    git,
    loss_of,
    move,
    work,
)

from nightlab.remember.discovery import Autonomy, View, write_discovery
from nightlab.remember.events import Event, RunStarted
from nightlab.study import Study
from nightlab.types import (
    Conjecture,
    Job,
    Measurement,
    NightlabError,
    Outcome,
    Standing,
    Trial,
)

STATE = """schema_version autonomy_enabled autonomy_reason phase experiment_count stall_count
best_val_bpb best_commit best_peak_vram_mb baseline_val_bpb baseline_commit baseline_peak_vram_mb
recent_experiments near_misses archive last_emitter current_emitter_streak recent_emitters
emitter_stats category_stats crash_signatures conjectures current_plan last_experiment_id
last_results_commit last_exp_commit state_warnings ingested_results_tsv_rows results_tsv_exists
updated_at metric direction"""
RECORD = """experiment_id timestamp branch commit commit_parent description status category niche
phase emitter recommendation diff_summary metrics fitness_gain novelty_bonus information_gain
surprise_bonus complexity_cost vram_cost discovery_score improvement_vs_best
improvement_vs_baseline crash_signature conjecture_updates"""
PLAN = """plan_id phase emitter niche hypothesis predicted_direction rationale created_at"""


def strict(text: str) -> Any:
    def no(name: str) -> None:
        raise AssertionError(name)

    return json.loads(text, parse_constant=no)


def events(folder: Path) -> list[dict[str, Any]]:
    return [strict(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def measure(job: Job) -> Measurement | dict[str, float]:
    if job.parameters["x"] == 4.5:
        return Measurement(job.run, Outcome.CRASH, detail="ValueError: 4.5 is too far")
    return {**loss_of(job), "num_steps": 12.0, "peak_vram_mb": 512.0}


@pytest.fixture
def view(tmp_path: Path) -> View:
    study = call_study(tmp_path / "s")
    ideas = [move(x=1.0), move(x=4.5), move(x=-1.0), move("bad \x07 «name»", y=0.5)]
    campaign, *_ = work(study, ideas, measure)
    return study.discovery(campaign).view()


def cut(view: View, count: int) -> View:
    """The view as it was when fewer trials were there."""
    trials = list(view.history.trials[:count])
    return replace(view, history=replace(view.history, trials=trials))


def test_the_keys_are_those_that_others_read(view: View, tmp_path: Path) -> None:
    folder = tmp_path / "results" / "discovery"
    write_discovery(folder, view)
    state = strict((folder / "state.json").read_text())
    assert set(state) == set(STATE.split())
    assert all(set(each) == set(RECORD.split()) for each in state["recent_experiments"])
    assert len(state["recent_experiments"]) == state["experiment_count"] == 4
    assert state["ingested_results_tsv_rows"] == 5 and state["results_tsv_exists"] is True
    assert state["best_val_bpb"] <= state["baseline_val_bpb"]
    assert list(state["crash_signatures"]) == ["ValueError: # is too far"]
    assert strict((folder / "current_plan.json").read_text()) is None
    second = state["recent_experiments"][1]
    assert second["status"] == "crash" and second["improvement_vs_best"] is None
    assert second["metrics"] == {} and second["crash_signature"]
    first = state["recent_experiments"][0]
    assert first["metrics"]["num_steps"] == 12 and isinstance(first["metrics"]["num_steps"], int)
    assert first["niche"].split("/")[1:3] == ["unknown", "lean"]
    for niche, told in state["archive"].items():
        those = [e for e in state["recent_experiments"] if e["niche"] == niche]
        values = [e["metrics"]["val_bpb"] for e in those if e["status"] == "ok"]
        assert told["count"] == len(those)
        assert told["best_val_bpb"] == min(values, default=None)
    assert "Recommendation: " in (folder / "last_review.md").read_text()


def test_events_are_planned_then_recorded_once(view: View, tmp_path: Path) -> None:
    write_discovery(tmp_path, view)
    told = events(tmp_path)
    kinds = [(each["kind"], each["experiment_id"]) for each in told]
    assert len(kinds) == len(set(kinds)) == 8 and all(each["timestamp"] for each in told)
    for number in range(1, 5):
        name = f"toy/{number}"
        assert kinds.index(("plan_selected", name)) < kinds.index(("experiment_recorded", name))
    assert set(told[0]["plan"]) == set(PLAN.split()) and len(told[0]["plan"]["plan_id"]) == 12
    files = {path.name: path.read_bytes() for path in tmp_path.glob("*.*")}
    write_discovery(tmp_path, view)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.*")} == files


def test_a_conjecture_is_told_with_its_claim_and_its_numbers(view: View, tmp_path: Path) -> None:
    told = Conjecture("a larger x helps", Standing.UNTESTED, 0.9, why="x: +0.5 ± 0.1")
    plain = Conjecture("y does nothing", Standing.HOLDS, 0.5, source="human")
    dead = Conjecture("z helps", Standing.DEAD, 0.01)
    memory = replace(view.memory, conjectures=[told, dead, plain])
    write_discovery(tmp_path, replace(view, memory=memory))
    state = strict((tmp_path / "state.json").read_text())
    assert state["conjectures"] == ["a larger x helps (x: +0.5 ± 0.1)", "y does nothing"]


def test_only_what_is_new_is_added(view: View, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write_discovery(tmp_path, cut(view, 2))
    before, inode = path.read_bytes(), path.stat().st_ino
    write_discovery(tmp_path, view)
    assert path.read_bytes().startswith(before) and len(events(tmp_path)) == 8
    assert path.stat().st_ino == inode


@pytest.mark.parametrize("harm", ["torn", "other", "forged", "link"])
def test_a_file_that_was_harmed_is_made_again(view: View, tmp_path: Path, harm: str) -> None:
    folder = tmp_path / "d"
    write_discovery(folder, view)
    path = folder / "events.jsonl"
    good = path.read_text()
    if harm == "link":
        (tmp_path / "mine").write_text(good)
        path.unlink()
        path.symlink_to(tmp_path / "mine")
    else:
        bad = {
            "torn": good[:-20],
            "other": "[1]\nnull\n" + "[" * 5000 + "\n",
            "forged": good.replace('"discovery_score":', '"discovery_score":9'),
        }
        path.write_text(bad[harm])
        assert bad[harm] != good
    write_discovery(folder, view)
    assert path.read_text() == good and not path.is_symlink()


def test_what_agents_were_told_stays(view: View, tmp_path: Path) -> None:
    on = replace(view, autonomy=Autonomy(True, "go on\x1b[31m", 5.0, 2, 6.0))
    write_discovery(tmp_path, on)
    off = replace(view, autonomy=Autonomy(False, "stop", 7.0))
    write_discovery(tmp_path, off)
    told = [each for each in events(tmp_path) if "experiment_id" not in each]
    assert [each["kind"] for each in told] == [
        "autonomy_preference",
        "stop_continue",
        "autonomy_preference",
    ]
    assert [each.get("enabled") for each in told] == [True, None, False]
    assert told[0]["reason"] == "go on"
    assert strict((tmp_path / "state.json").read_text())["autonomy_enabled"] is False


def test_an_open_trial_is_the_current_plan(view: View, tmp_path: Path) -> None:
    waiting = Trial(5, "c5", summary="wider", predicted="risky", why="because", opened=9e9)
    trials = [*view.history.trials, waiting]
    there = replace(view, history=replace(view.history, trials=trials, open=(waiting,)))
    write_discovery(tmp_path, there)
    plan = strict((tmp_path / "current_plan.json").read_text())
    assert (plan["hypothesis"], plan["predicted_direction"]) == ("wider", "risky")
    assert plan["rationale"] == "because" and plan["created_at"].startswith("2255-")
    assert strict((tmp_path / "state.json").read_text())["current_plan"] == plan


def test_a_baseline_that_crashed_or_is_no_number_is_no_best(view: View, tmp_path: Path) -> None:
    for metrics in ({}, {"loss": float("nan")}):
        runs = tuple(replace(run, metrics=metrics) for run in view.history.baseline.runs)
        baseline = replace(view.history.baseline, runs=runs)
        there = replace(view.history, baseline=baseline, incumbent=baseline, trials=[], kept=())
        write_discovery(tmp_path, replace(view, history=there))
        state = strict((tmp_path / "state.json").read_text())
        assert state["baseline_val_bpb"] is None and state["best_val_bpb"] is None
        assert (tmp_path / "last_review.md").read_text() == "No trial has been settled yet.\n"


def test_a_folder_that_cannot_be_written_is_refused_in_one_line(view: View, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("file", "link"):
        with pytest.raises(NightlabError) as refused:
            write_discovery(tmp_path / name, view)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("state.json", '{"schema_version": 1, "agents": []}'),
        ("state.json", "[" * 100_000),
        ("events.jsonl", '{"kind": "click"}\n'),
        ("events.jsonl", "null\n"),
        ("current_plan.json", '{"buy": "milk"}'),
        ("last_review.md", "# Notes\n"),
        ("last_review.md", b"\xff\xfe"),
    ],
)
def test_files_of_somebody_else_are_left_alone(
    view: View, tmp_path: Path, name: str, text: str | bytes
) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    told = text if isinstance(text, bytes) else text.encode()
    (folder / name).write_bytes(told)
    with pytest.raises(NightlabError, match=f"{name} was not written by Nightlab") as refused:
        write_discovery(folder, view)
    assert "\n" not in str(refused.value) and "name another folder" in str(refused.value)
    assert [path.name for path in folder.iterdir()] == [name]
    assert (folder / name).read_bytes() == told


@pytest.mark.parametrize(
    "name", ["state.json", "events.jsonl", "current_plan.json", "last_review.md"]
)
def test_each_view_alone_is_known_as_ours(view: View, tmp_path: Path, name: str) -> None:
    write_discovery(tmp_path / "d", view)
    before = {path.name: path.read_bytes() for path in (tmp_path / "d").iterdir()}
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / name).write_bytes(before[name])
    write_discovery(tmp_path / "one", view)
    assert {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()} == before


def test_a_folder_or_a_link_to_nowhere_by_a_views_name_is_refused(
    view: View, tmp_path: Path
) -> None:
    (tmp_path / "a" / "state.json").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "events.jsonl").symlink_to(tmp_path / "nowhere")
    for name in ("a", "b"):
        with pytest.raises(NightlabError, match="left alone"):
            write_discovery(tmp_path / name, view)
    assert not (tmp_path / "nowhere").exists()


def discovering(folder: Path, name: str = "results/discovery") -> Study:
    program = CALL_PROGRAM.replace("stop:", f"remember: {{discovery: {name}}}\nstop:")
    return call_study(folder, program)


def test_a_session_keeps_them_current_and_git_does_not_see_them(tmp_path: Path) -> None:
    study = discovering(tmp_path / "s")
    seen: list[tuple[Any, int]] = []
    folder = study.folder / "results" / "discovery"

    def look(event: Event) -> None:
        if isinstance(event, RunStarted) and event.trial:
            plan = strict((folder / "current_plan.json").read_text())
            seen.append((plan and plan["hypothesis"], len(events(folder))))

    study.run(proposer=ScriptedProposer([move(x=2.0), move(y=-1.0)]), trials=2, on_event=look)
    state = strict((folder / "state.json").read_text())
    assert state["experiment_count"] == 2 and state["autonomy_enabled"] is False
    planned = [count for plan, count in seen if plan == "set {'y': -1.0}"]
    assert planned[0] == 3, "the first trial is there while the second is measured"
    assert "trial 2" in (folder / "last_review.md").read_text()
    assert git(study.folder, "status", "--porcelain") == ""


def test_going_on_changes_no_name_and_no_time(tmp_path: Path) -> None:
    study = discovering(tmp_path / "s")
    ideas = [move(x=2.0), move(y=-1.0)]
    live, _ = study.run(proposer=ScriptedProposer(ideas), trials=2)
    folder = study.folder / "results" / "discovery"
    before = (folder / "events.jsonl").read_bytes()
    again = study.campaign(study.pick())
    assert again.history.trials == live.history.trials
    study.discovery(again).write(fresh=True)
    assert (folder / "events.jsonl").read_bytes() == before and before.count(b"plan_id") == 2


@pytest.mark.parametrize("parallel", [1, 3])
def test_an_export_of_later_days_says_what_the_session_said(tmp_path: Path, parallel: int) -> None:
    study = discovering(tmp_path / "s")
    ideas = [move(x=value, y=-value / 4) for value in (1.0, 4.5, 2.0, -1.0, 2.5, 4.5, 3.0, 2.9)]
    ideas += [move(y=-1.0), move(y=2.0), move(x=2.0, y=-0.5), move(x=0.5)]
    runner = InProcessRunner(measure, parallel)
    study.run(proposer=ScriptedProposer(ideas), runner=runner, trials=len(ideas))
    live = study.folder / "results" / "discovery"
    views = study.discovery(study.campaign(study.pick()))
    views.folder = tmp_path / "again"
    views.write(fresh=True)
    for name in ("events.jsonl", "state.json", "last_review.md", "current_plan.json"):
        assert (tmp_path / "again" / name).read_bytes() == (live / name).read_bytes(), name
    records = [each["record"] for each in events(live) if "record" in each]
    assert any(each["conjecture_updates"] for each in records)
    assert len({each["phase"] for each in records}) > 1


def test_a_folder_that_cannot_be_written_stops_no_session(tmp_path: Path) -> None:
    study = discovering(tmp_path / "s")
    (study.folder / "results").write_text("in the way")
    campaign, _ = study.run(proposer=ScriptedProposer([move(x=2.0)]), trials=1)
    assert campaign.history.trials[0].verdict is not None
    assert "can't be written" in campaign.results_behind


def test_what_agents_said_of_autonomy_stands_while_a_session_writes(tmp_path: Path) -> None:
    study = discovering(tmp_path / "s")
    study.run(proposer=ScriptedProposer([move(x=2.0)]), trials=1)
    views = study.discovery(study.campaign(study.pick()))
    views.autonomy = lambda: Autonomy(True, "never stop", 1.0)
    views.write()
    study.run(proposer=ScriptedProposer([move(y=-1.0)]), trials=1)
    state = strict((views.folder / "state.json").read_text())
    assert (state["autonomy_enabled"], state["autonomy_reason"]) == (True, "never stop")
    assert any(e["kind"] == "autonomy_preference" for e in events(views.folder))


@pytest.mark.parametrize("name", ["/tmp", "../up", ".git/x", "'.'"])
def test_a_folder_outside_the_study_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(NightlabError, match="must be a folder inside the study"):
        discovering(tmp_path / "s", name)


def test_what_stands_in_the_way_of_the_views_is_refused_before_the_start(tmp_path: Path) -> None:
    wrong = discovering(tmp_path / "file", "sim.py")
    with pytest.raises(NightlabError, match=r"sim\.py is a file; name a folder"):
        wrong.run(proposer=ScriptedProposer([move(x=2.0)]), trials=1)
    assert wrong.tags() == []
    foreign = discovering(tmp_path / "foreign", "notes")
    (foreign.folder / "notes").mkdir()
    (foreign.folder / "notes" / "state.json").write_text("{}")
    with pytest.raises(NightlabError, match=r"state\.json was not written by Nightlab"):
        foreign.run(proposer=ScriptedProposer([move(x=2.0)]), trials=1)
    git(foreign.folder, "add", "-f", "notes")
    git(foreign.folder, "commit", "-qm", "notes")
    with pytest.raises(NightlabError, match=r"name another remember\.discovery"):
        foreign.run(proposer=ScriptedProposer([move(x=2.0)]), trials=1)
    assert foreign.tags() == [] and (foreign.folder / "notes" / "state.json").read_text() == "{}"


def test_going_on_is_refused_too_where_somebody_put_a_file_in_their_place(tmp_path: Path) -> None:
    study = discovering(tmp_path / "s")
    study.run(proposer=ScriptedProposer([move(x=2.0)]), trials=1)
    path = study.folder / "results" / "discovery" / "state.json"
    path.write_text('{"mine": 1}')
    with pytest.raises(NightlabError, match=r"state\.json was not written by Nightlab"):
        study.run(proposer=ScriptedProposer([move(y=-1.0)]), trials=1)
    path.unlink()
    campaign, _ = study.run(proposer=ScriptedProposer([move(y=-1.0)]), trials=1)
    assert len(campaign.history.trials) == 2 and campaign.results_behind == ""
    assert strict(path.read_text())["experiment_count"] == 2
