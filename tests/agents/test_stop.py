"""The stop hook: the order of what it says, and that it lets go."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fakes import CALL_PROGRAM, call_study, git, loss_of, move, work
from hook_calls import call, say, stop, told

from nightlab.agents.hooks.going_on import NUDGES
from nightlab.agents.hooks.memory import Memories
from nightlab.agents.hooks.payload import Event
from nightlab.propose.emitters import load_emitter
from nightlab.remember.lock import Lock
from nightlab.remember.wishes import Wishes
from nightlab.study import Study, open_study
from nightlab.types import Wish

ENDLESS = CALL_PROGRAM.replace("stop: {trials: 5}\n", "")


def desk(study: Study) -> None:
    git(study.folder, "switch", "-q", "-c", "autoresearch/toy-desk", "autoresearch/toy")


def going(folder: Path, program: str = ENDLESS, trials: int = 0) -> Study:
    """A study with a campaign, autonomy on, and the checkout on its desk."""
    study = call_study(folder, program)
    say(study.folder, "go autonomous")
    ideas = [move("towards x", x=3.0), move("away", x=-5.0), move("farther", x=-4.0)]
    work(study, ideas[:trials], loss_of, trials=trials)
    desk(study)
    return study


def test_without_autonomy_it_is_silent(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    work(study, [], loss_of, trials=0)
    desk(study)
    assert stop(study.folder) == {}
    say(study.folder, "go autonomous")
    assert stop(study.folder)["decision"] == "block"
    say(study.folder, "stop the loop")
    assert stop(study.folder) == {}


def test_off_the_branch_the_set_up_is_told_once(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s", ENDLESS.replace("  space:", "  branch: night\n  space:"))
    say(study.folder, "Let's kick off a new experiment! Let's do the setup first.")
    first = stop(study.folder)
    assert "The checkout is on main" in first["reason"]
    assert "night/TAG-desk night/TAG" in first["reason"], "the study's own prefix"
    second = stop(study.folder, active=True)
    assert "decision" not in second and "let go" in second["systemMessage"]
    work(study, [], loss_of, trials=0)
    say(study.folder, "continue the loop")
    assert "git switch -c night/toy-desk night/toy" in stop(study.folder)["reason"]


def test_missing_inputs_are_told_once(tmp_path: Path) -> None:
    program = ENDLESS.replace("  seeds:", "  inputs: [data]\n  seeds:")
    folder = call_study(tmp_path / "s", program).folder
    say(folder, "go autonomous")
    git(folder, "switch", "-q", "-c", "autoresearch/toy-desk")
    first = stop(folder)
    assert "Inputs are missing: data. Tell the human" in first["reason"]
    assert "decision" not in stop(folder, active=True)
    assert "decision" not in stop(folder), "nor is it said again in the next turn"
    (folder / "data").mkdir()
    assert "baseline" in stop(folder)["reason"]


def test_the_baseline_comes_first(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s", ENDLESS).folder
    say(folder, "go autonomous")
    git(folder, "switch", "-q", "-c", "autoresearch/toy-desk")
    said = stop(folder)
    assert said["systemMessage"] == "Autoresearch loop continuing."
    assert "`nightlab run --trials 0` measures the untouched study" in said["reason"]


def test_the_next_trial(tmp_path: Path) -> None:
    study = going(tmp_path / "s", trials=3)
    said = stop(study.folder)["reason"]
    assert "best: 1." in said and 'trial 1 "towards x"' in said
    assert 'trial 2: discard, "away"' in said
    assert "`git reset --hard autoresearch/toy`" in said
    assert "edited in p.yaml" in said and "; it prints the verdict and the review" in said
    emitter = re.search(r"plan: phase \w+; emitter (\w+); niche [\w+]+; predicted \w+\.", said)
    assert emitter is not None and f"nightlab try --by {emitter[1]} -m" in said
    assert f"how: {load_emitter(emitter[1]).role}" in said
    assert "modal" not in said.lower() and "h100" not in said.lower()


def test_a_session_at_work_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = going(tmp_path / "s", trials=1)
    lock = Lock(study.home / "lock")
    lock.acquire("toy")
    try:
        said = stop(study.folder)
        assert "at work on campaign toy" in said["reason"] and "--watch" in said["reason"]
        for minute in range(NUDGES + 5):  # an agent that waits is not one that spins
            monkeypatch.setattr("time.time", lambda minute=minute: 3e9 + 70 * minute)
            assert stop(study.folder, active=True)["decision"] == "block"
    finally:
        lock.release()
    assert "next trial" in stop(study.folder, active=True)["reason"]


def test_a_trial_that_was_left_open_is_finished_first(tmp_path: Path) -> None:
    study = going(tmp_path / "s", trials=1)
    campaign = study.campaign("toy")
    idea = move("left", y=-1.0)
    change = campaign.builder.build(idea, study.repository.files(campaign.history.incumbent.commit))
    campaign._open(change)
    campaign.save()
    said = stop(study.folder)["reason"]
    assert "Trial 2 was left without a verdict" in said
    assert "`nightlab run --tag toy --trials 0` finishes it" in said


def test_it_does_not_spin(tmp_path: Path) -> None:
    study = going(tmp_path / "s", trials=1)
    for _ in range(NUDGES):
        assert stop(study.folder, active=True)["decision"] == "block"
    last = stop(study.folder, active=True)
    assert "decision" not in last and "nothing new was measured" in last["systemMessage"]
    for _ in range(NUDGES - 1):
        stop(study.folder)
    work(study, [move("another", x=2.0)], loss_of, trials=1)
    for _ in range(NUDGES):
        assert stop(study.folder, active=True)["decision"] == "block", "a trial counts anew"
    assert Memories(study.home).read().autonomy


@pytest.mark.parametrize(
    ("section", "why"),
    [
        ("stop: {trials: 2}", "2 trials are done"),
        ("stop: {plateau: 1}", "plateau: 1 trials without a keep"),
        ("stop: {runs: 5}", "runs are done"),
        ('stop: {at: "05:00"}', "it is past 05:00"),
    ],
)
def test_it_ends_where_the_program_says(
    tmp_path: Path, section: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = going(tmp_path / "s", CALL_PROGRAM.replace("stop: {trials: 5}", section), trials=2)
    if "at:" in section:
        assert "next trial" in stop(study.folder)["reason"]
        since = Memories(study.home).read().since
        monkeypatch.setattr("time.time", lambda: since + 24 * 3600)
    said = stop(study.folder)
    assert why in said["reason"] and "nightlab report --tag toy" in said["reason"]
    assert "Autonomy is off" in said["systemMessage"]
    assert stop(study.folder, active=True) == {}
    assert say(study.folder, "thank you") == {} and stop(study.folder) == {}


def test_a_plateau_is_counted_from_when_autonomy_began(tmp_path: Path) -> None:
    program = CALL_PROGRAM.replace("stop: {trials: 5}", "stop: {plateau: 2}")
    study = going(tmp_path / "s", program, trials=3)
    assert "plateau" in stop(study.folder)["reason"]
    say(study.folder, "continue the loop")
    assert "next trial" in stop(study.folder)["reason"]


def test_a_broken_program_is_told_once(tmp_path: Path) -> None:
    study = going(tmp_path / "s")
    (study.folder / "program.md").write_text("# nothing\n")
    assert "program.md can't be read" in stop(study.folder)["reason"]
    assert "decision" not in stop(study.folder, active=True)


def test_a_study_in_a_folder_and_a_worktree_of_its_own(tmp_path: Path) -> None:
    top = call_study(tmp_path / "top").folder
    inner = top / "inner"
    inner.mkdir()
    for name in ("program.md", "sim.py", "p.yaml"):
        (inner / name).write_bytes((top / name).read_bytes())
    git(top, "add", "-A")
    git(top, "commit", "-qm", "inner")
    git(top, "worktree", "add", "-q", str(tmp_path / "tree"), "-b", "autoresearch/x-desk")
    there = tmp_path / "tree" / "inner"
    say(there, "go autonomous")
    assert open_study(there).home == open_study(inner).home
    assert Memories(open_study(inner).home).read().autonomy
    assert "baseline" in stop(there)["reason"] and "checkout is on main" in stop(inner)["reason"]
    assert "inner/sim.py is part" in told(
        call(Event.PRE_TOOL_USE, there, tool_name="Write", tool_input={"file_path": "sim.py"})
    )


def test_the_human_s_own_ideas_are_first_in_line(tmp_path: Path) -> None:
    study = going(tmp_path / "s", trials=1)
    ledger = study.ledger()
    Wishes(ledger).add(Wish(0, "try a\nlarger y"))
    ledger.close()
    assert 'ideas of the human, first in line: 1 "try a larger y"' in stop(study.folder)["reason"]
