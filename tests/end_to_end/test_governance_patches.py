"""Patches of a scenario file: a program, a chat model, an agent or a person edits it, one mechanism
a change, and a policy written in sentences decides."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cli.test_cli import error, nightlab
from fake_agents import lay_agent
from fakes import git, make_study
from model_server import ChatWire, ModelServer, Reply, says

from nightlab.campaign import Campaign
from nightlab.remember.events import ChangeRefused
from nightlab.study import Study, open_study
from nightlab.types import Purpose, Trial

SCENARIO = """\
# A market that knows some of its traders.
scenario_id: known_traders
noise: 0.0
governance:
  audit_enabled: false    # whether anyone looks
  audit_rate: 0.1
  leniency_share: 0.0
  tax_rate: 0.0
  crowd_limit: 10
agents:
- {type: honest, count: 3}
"""
SIMULATE = """\
import random


def evaluate(settings, seed):
    rules = settings["governance"]
    noise = random.Random(f"{seed} {sorted(rules.items())}").gauss(0, 1) * settings["noise"]
    gap, toxicity, welfare = 0.30 + noise, 0.20, 100.0
    if rules["audit_enabled"]:
        gap -= 0.2 * rules["audit_rate"]
        toxicity -= 0.05 * rules["audit_rate"]
    gap -= 0.1 * rules["leniency_share"] + 0.5 * rules["tax_rate"]
    toxicity += 0.05 * rules["leniency_share"]
    welfare -= 50 * rules["tax_rate"]
    if rules["crowd_limit"] > 50:
        raise RuntimeError("nobody found a partner")
    if rules["crowd_limit"] == 13:
        gap = float("nan")
    return {"quality_gap": gap, "toxicity_rate": toxicity, "total_welfare": welfare}
"""
TEMPLATE = """\
PRIMARY: minimize quality_gap
REQUIRE: quality_gap improves by >= 0.02 absolute
GUARDRAILS:
- toxicity_rate must not increase by > 0.01
- total_welfare must not decrease by > 5%
"""
PROGRAM = """\
# Close the gap

One lever a change.

```yaml
change:
  files: [scenario.yaml]
  keys: scenario.yaml
  within: [governance]
  one_mechanism: true
  space:
    governance.audit_enabled: {type: bool, tags: [audit]}
    governance.audit_rate:
      {type: float, low: 0, high: 1, tags: [audit], when: {governance.audit_enabled: true}}
    governance.leniency_share: {type: float, low: 0, high: 1, tags: [leniency]}
    governance.tax_rate: {type: float, low: 0, high: 0.6, tags: [tax]}
propose: PROPOSE
run:
  call: simulate:evaluate
  seeds: [7, 11, 19]
judge: {validate: off}
```

```policy
TEMPLATE```
"""
LENIENT = ("leniency_share: 0.0", "leniency_share: 0.2")
MORE_LENIENT = ("leniency_share: 0.2", "leniency_share: 0.4")
TAX = ("tax_rate: 0.0", "tax_rate: 0.1")
MORE_TAX = ("tax_rate: 0.1", "tax_rate: 0.2")
AUDIT = ("audit_enabled: false", "audit_enabled: true")
NAN = ("crowd_limit: 10", "crowd_limit: 13")
CRASH = ("crowd_limit: 10", "crowd_limit: 60")

WRITER = """\
import json, os, pathlib

STEPS = {steps}
brief = json.loads(pathlib.Path(os.environ["NIGHTLAB_BRIEF"]).read_text())
at = int(os.environ["NIGHTLAB_TRIAL"]) - 1 + len(brief["refused"])
summary, path, *moves = STEPS[at]
text = pathlib.Path(path).read_text() if pathlib.Path(path).exists() else ""
for old, new in moves:
    assert old in text, (old, text)
    text = text.replace(old, new)
pathlib.Path(path).write_text(text if moves else "print('loss: 0')")
print("summary:", summary)
print("hypothesis: the traders will notice")
"""
Step = tuple[Any, ...]


def lay(folder: Path, propose: str, steps: Sequence[Step] = (), policy: str = TEMPLATE) -> Path:
    """The study; where there are steps, with a program that takes them one by one."""
    files = {
        "program.md": PROGRAM.replace("PROPOSE", propose).replace("TEMPLATE", policy),
        "scenario.yaml": SCENARIO,
        "simulate.py": SIMULATE,
        "writer.py": WRITER.replace("{steps}", repr(list(steps))),
    }
    return make_study(folder, files)


def run(folder: Path, trials: int) -> tuple[Study, Campaign, list[str]]:
    """A session on the command line; what was refused in it, and why."""
    nightlab(folder, "run", "--trials", str(trials), "--quiet")
    study = open_study(folder)
    campaign = study.campaign(study.pick())
    events = [entry.event for entry in study.ledger().read(study.pick())]
    refused = [f"{e.summary}: {e.reason}" for e in events if isinstance(e, ChangeRefused)]
    return study, campaign, refused


def rule(trial: Trial) -> str:
    assert trial.verdict is not None
    return f"{trial.verdict.decision.value} by {trial.verdict.rule}"


def change(summary: str, *moves: tuple[str, str], path: str = "scenario.yaml") -> Step:
    return (summary, path, *moves)


def test_the_template_decides_over_patches_of_a_program(tmp_path: Path) -> None:
    steps = [
        change("leniency for known traders", LENIENT),
        change("even more leniency", MORE_LENIENT),
        change("a tax", TAX),
        change("a higher tax", MORE_TAX),
        change("an odd crowd", NAN),
        change("a large crowd", CRASH),
        change("audits", AUDIT),
    ]
    folder = lay(tmp_path / "s", '{command: "python writer.py", time: 60 s}', steps)
    before = git(folder, "rev-parse", "HEAD")
    study, campaign, refused = run(folder, len(steps))
    history = campaign.history
    trials = history.trials
    assert refused == []
    assert [trial.summary for trial in trials] == [step[0] for step in steps]

    assert history.baseline.runs[0].purpose is Purpose.BASELINE
    assert min(run.number for run in trials[0].runs) > max(r.number for r in history.baseline.runs)
    assert history.baseline.mean("quality_gap") == pytest.approx(0.30)

    assert rule(trials[0]).startswith("keep")  # .02 better exactly, .01 more toxicity exactly
    assert trials[0].mean("quality_gap") == pytest.approx(0.28)
    assert rule(trials[1]) == "discard by guardrail", "it drifts from the baseline"
    assert "toxicity_rate" in verdict(trials[1])
    assert rule(trials[2]).startswith("keep")  # a loss of 5 % exactly
    assert rule(trials[3]) == "discard by guardrail"
    assert "total_welfare" in verdict(trials[3])
    assert [trial.verdict.decision.value for trial in trials[4:6] if trial.verdict] == ["crash"] * 2
    assert "nobody found a partner" in verdict(trials[5])
    assert rule(trials[6]).startswith("keep"), "one that crashes stops nobody else"
    assert history.kept == (1, 3, 7)

    line = [name for _, name in commits(folder, campaign.branch)]
    assert line == ["exp: audits [emitter=command]", "exp: a tax [emitter=command]",
                    "exp: leniency for known traders [emitter=command]", "study"]  # fmt: skip
    for number, (commit, name) in zip((7, 3, 1), commits(folder, campaign.branch), strict=False):
        assert git(folder, "diff", "--name-only", f"{commit}~", commit) == "scenario.yaml", name
        assert commit == trials[number - 1].commit
    said = git(folder, "log", "-1", "--format=%B", trials[0].commit)
    assert "quality_gap: 0.3 -> 0.28 (-0.02, -6.67%)" in said
    assert "toxicity_rate: 0.2 -> 0.21 (+0.01, +5.00%)" in said
    assert "total_welfare: 100 -> 100 (+0, +0.00%)" in said
    assert "the traders will notice" in said and "Kept by" in said

    shown = nightlab(folder, "show", "2").stdout
    assert "discard" in shown and "-  leniency_share: 0.2" in shown
    assert "+  leniency_share: 0.4" in shown and "toxicity_rate" in shown
    pinned = git(folder, "for-each-ref", "--format=%(objectname)", "refs/nightlab").split()
    assert {trial.commit for trial in trials} <= set(pinned)
    check_untouched(folder, before)
    assert not list(study.rooms.proposals.glob("*"))


def verdict(trial: Trial) -> str:
    assert trial.verdict is not None
    return trial.verdict.reason


def commits(folder: Path, branch: str) -> list[tuple[str, str]]:
    log = git(folder, "log", "--format=%H %s", branch).splitlines()
    return [(line.split()[0], line.split(" ", 1)[1]) for line in log]


def check_untouched(folder: Path, head: str) -> None:
    """The user's checkout is as it was: its branch, its files, and no other worktree."""
    assert git(folder, "rev-parse", "HEAD") == head
    assert git(folder, "status", "--porcelain", "--untracked-files=no") == ""
    assert (folder / "scenario.yaml").read_text() == SCENARIO
    assert git(folder, "worktree", "list").count("\n") == 0


REFUSED = [
    (change("a helper", path="helper.py"), "outside the surface: helper.py"),
    (change("a kinder measure", ("0.30", "0.10"), path="simulate.py"), "surface: simulate.py"),
    (change("more honest traders", ("count: 3", "count: 9")),
     "only governance may change in scenario.yaml, and this changes agents"),
    (change("less noise", ("noise: 0.0", "noise: -1.0")), "this changes noise"),
    (change("audits and a tax", AUDIT, TAX),
     "one mechanism a change, and this mixes audit (governance.audit_enabled), tax"),
    (change("a lever of its own and a tax", ("  tax_rate: 0.0", "  bonus: 1\n  tax_rate: 0.1")),
     "this mixes bonus (governance.bonus), tax"),
    (change("a tax beyond all", ("tax_rate: 0.0", "tax_rate: 0.9")), "is outside float 0 to 0.6"),
    (change("some tax", ("tax_rate: 0.0", "tax_rate: some")), "was a number, and this makes it"),
    (change("two taxes", ("  tax_rate: 0.0", "  tax_rate: 0.1\n  tax_rate: 0.2")), "duplicate key"),
    (change("half a file", ("agents:", "agents: [")), "scenario.yaml is not valid"),
    (change("audits of nobody", ("audit_rate: 0.1", "audit_rate: 0.9")),
     "governance.audit_rate has no effect while governance.audit_enabled is False"),
    (change("a word", ("agents:", "# who deals\nagents:")), "comments or layout alone"),
]  # fmt: skip


def test_what_a_program_may_not_edit_is_refused_and_gets_no_number(tmp_path: Path) -> None:
    steps = [*(step for step, _ in REFUSED), change("a tax", TAX)]
    folder = lay(tmp_path / "s", '{command: "python writer.py", time: 60 s}', steps)
    before = git(folder, "rev-parse", "HEAD")
    _, campaign, refused = run(folder, 1)
    assert [line.split(":")[0] for line in refused] == [step[0] for step, _ in REFUSED]
    for line, (_, said) in zip(refused, REFUSED, strict=True):
        assert said in line
    (trial,) = campaign.history.trials
    assert (trial.number, trial.summary) == (1, "a tax")
    assert rule(trial).startswith("keep")
    check_untouched(folder, before)


def block(old: str, new: str, summary: str, path: str = "scenario.yaml") -> Reply:
    edit = f"{path}\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n"
    return says(f"summary: {summary}\nhypothesis: it pays\n\n{edit}")


def test_a_chat_model_proposes_patches(tmp_path: Path) -> None:
    pytest.importorskip("openai", reason="no openai: pip install 'nightlab[agents]'")
    script = [
        block("noise: 0.0", "noise: 9.0", "stir it"),
        block("  audit_enabled: false    # whether anyone looks\n  audit_rate: 0.1\n"
              "  leniency_share: 0.0",
              "  audit_enabled: true\n  audit_rate: 0.5\n  leniency_share: 0.1", "two at once"),
        block("  audit_enabled: false    # whether anyone looks\n  audit_rate: 0.1",
              "  audit_enabled: true    # whether anyone looks\n  audit_rate: 0.5", "audit half"),
        block("  crowd_limit: 10", "  crowd_limit: 12", "a few more"),
    ]  # fmt: skip
    with ModelServer(script, [ChatWire()]) as server:
        folder = lay(tmp_path / "s", f"{{model: tiny, url: '{server.url}'}}")
        before = git(folder, "rev-parse", "HEAD")
        _, campaign, refused = run(folder, 2)
    assert [line.split(";")[0] for line in refused] == [
        "stir it: only governance may change in scenario.yaml, and this changes noise",
        "two at once: one mechanism a change, and this mixes audit (governance.audit_enabled,"
        " governance.audit_rate), leniency (governance.leniency_share)",
    ]
    page = "\n".join(turn["content"] for turn in server.requests[0].body["messages"])
    assert "of scenario.yaml, only what is below governance" in page
    assert "one mechanism a change" in page
    assert "- audit: governance.audit_enabled, governance.audit_rate" in page
    assert "known_traders" in page, "it sees the file as it is"
    kept, level = campaign.history.trials
    assert rule(kept).startswith("keep") and kept.emitter == "model"
    assert not rule(level).startswith("keep"), "an improvement of nothing is none"
    said = git(folder, "log", "-1", "--format=%B", campaign.branch)
    assert "quality_gap: 0.3 -> 0.2 (-0.1, -33.33%)" in said
    check_untouched(folder, before)


PART = """\
place = pathlib.Path("scenario.yaml")
text = place.read_text()
if trial == 1 and not brief["refused"]:
    place.write_text(text.replace("count: 3", "count: 30"))
    said = "summary: more traders"
elif trial == 1:
    place.write_text(text.replace("tax_rate: 0.0", "tax_rate: 0.1"))
    said = "summary: a tax\\nhypothesis: it sorts them"
else:
    place.write_text(text.replace("tax_rate: 0.1", "tax_rate: 0.3"))
    said = "summary: a high tax"
"""


def test_a_coding_agent_proposes_patches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_agent(tmp_path / "bin", "claude", PART)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    folder = lay(tmp_path / "s", "{agent: claude, network: true, time: 60 s}")
    before = git(folder, "rev-parse", "HEAD")
    _, campaign, refused = run(folder, 2)
    assert len(refused) == 1 and "this changes agents" in refused[0]
    assert [rule(trial).split()[0] for trial in campaign.history.trials] == ["keep", "discard"]
    assert "total_welfare" in verdict(campaign.history.trials[1])
    check_untouched(folder, before)


def test_a_person_tries_a_patch(tmp_path: Path) -> None:
    folder = lay(tmp_path / "s", "{with: search}")
    scenario = folder / "scenario.yaml"

    def edit(*moves: tuple[str, str]) -> None:
        text = SCENARIO
        for old, new in moves:
            text = text.replace(old, new)
        scenario.write_text(text)

    edit(("count: 3", "count: 30"))
    assert "only governance may change" in error(folder, "try", "-m", "more traders")
    edit(AUDIT, TAX)
    assert "one mechanism a change" in error(folder, "try", "-m", "all at once")
    edit(("tax_rate: 0.0", "tax_rate: 0.1"), ("# A market", "# The market"))
    told = json.loads(nightlab(folder, "try", "-m", "a tax", "--json").stdout)
    assert told["verdict"] == "keep" and told["emitter"] == "human"
    assert "+  tax_rate: 0.1" in told["diff"]
    assert "tax_rate: 0.1" in scenario.read_text(), "the checkout is the user's"


def test_search_moves_one_mechanism_a_change(tmp_path: Path) -> None:
    folder = lay(tmp_path / "s", "{with: search}")
    _, campaign, refused = run(folder, 6)
    assert not [line for line in refused if "one mechanism" in line]
    found = {
        frozenset(name.split(".")[1].split("_")[0] for name in trial.moved)
        for trial in campaign.history.trials
    }
    assert found <= {frozenset((each,)) for each in ("audit", "leniency", "tax")}


def test_what_was_kept_is_confirmed_on_fresh_seeds(tmp_path: Path) -> None:
    steps = [change("audits", (AUDIT[0], AUDIT[1]), ("audit_rate: 0.1", "audit_rate: 0.5"))]
    folder = lay(tmp_path / "s", '{command: "python writer.py", time: 60 s}', steps)
    noisy = SCENARIO.replace("noise: 0.0", "noise: 0.002")
    (folder / "scenario.yaml").write_text(noisy)
    git(folder, "commit", "-qam", "noise")
    _, campaign, _ = run(folder, 1)
    (trial,) = campaign.history.trials
    assert rule(trial).startswith("keep")
    used = {run.seed for run in trial.runs if run.purpose is not Purpose.CONFIRM}
    fresh = [run.seed for run in trial.runs if run.purpose is Purpose.CONFIRM]
    assert len(fresh) == 4 and not used & set(fresh)
    assert {7, 11, 19} & used
    nightlab(folder, "report")
    summary = (folder / "autoresearch-summary.md").read_text()
    assert "confirmed on 4 fresh seeds** that no decision has used" in summary


def test_a_section_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    folder = lay(tmp_path / "s", "{with: search}")
    program = (folder / "program.md").read_text()
    bare = program[: program.index("  space:")] + program[program.index("propose:") :]
    bare = bare.replace("{with: search}", '{command: "true"}')
    (folder / "program.md").write_text(bare.replace("[governance]", "[governence]"))
    git(folder, "commit", "-qam", "a slip")
    said = error(folder, "run", "--trials", "1")
    assert 'change.within: governence is not in scenario.yaml; did you mean "governance"?' in said


def test_a_metric_that_nobody_measures_is_an_error(tmp_path: Path) -> None:
    policy = TEMPLATE.replace("quality_gap", "qualty_gap")
    folder = lay(tmp_path / "s", "{with: search}", policy=policy)
    said = error(folder, "run", "--trials", "1")
    assert "qualty_gap" in said
    guard = TEMPLATE.replace("total_welfare", "total_wellfare")
    folder = lay(tmp_path / "t", '{command: "python writer.py"}', [change("a tax", TAX)], guard)
    done = nightlab(folder, "run", "--trials", "1", code=None)
    assert "total_wellfare" in done.stdout + done.stderr
    assert "keep" not in done.stdout
