"""A tuning in this process: what stands on the disk at each moment, and what is accepted."""

from __future__ import annotations

import errno
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from governance.tuning import MARKET, User, lay_python, strict
from nightlab.governance.ledger import summary as summary_module
from nightlab.governance.question import Question
from nightlab.governance.tune import Tuning
from nightlab.study import Study

TAX_ALONE = {"levers": ("transaction_tax_rate",), "propose": "seed", "keep": "any"}


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay_python(tmp_path_factory.mktemp("python") / "v")


@pytest.fixture
def user(tmp_path: Path, fake: Path, monkeypatch: pytest.MonkeyPatch) -> User:
    user = User.at(tmp_path, fake)
    monkeypatch.setattr(sys, "executable", str(fake))
    monkeypatch.chdir(user.folder)
    return user


@dataclass
class Tuned:
    """A tuning of the market, and what it said. `on_line` is told every line as it comes."""

    user: User
    asked: dict[str, Any] = field(default_factory=dict)
    on_line: Callable[[str], None] = lambda _: None
    said: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)

    def run(self, iterations: int, look_back: bool = True) -> dict[str, Any]:
        """Go on until there are so many. Returns the ledger."""
        question = Question(
            Path("objective.yaml"), (Path("market.yaml"),), **{"confirm": 2, **self.asked}
        )
        tuning = Tuning.of(question, Path("runs"), self._say, self.warned.append)
        tuning.python = str(self.user.python)
        study = laid(tuning, self.user)
        telling = tuning.run(study, iterations)
        if look_back:
            tuning.look_back(study, telling)
        return self.user.summary()

    def _say(self, line: str) -> None:
        self.said.append(line)
        self.on_line(line)


def laid(tuning: Tuning, user: User) -> Study:
    """Its study. Where one was laid for the same question before, a copy of that one."""
    if tuning.place.is_begun:
        return tuning.prepare()
    asked = [repr(tuning.question), *(path.read_text() for path in sorted(Path().glob("*.yaml")))]
    known = user.python.parents[2] / sha256(repr(asked).encode()).hexdigest()
    if known.exists():
        shutil.copytree(known, tuning.place.root)
        return tuning.prepare()
    study = tuning.prepare()
    shutil.copytree(tuning.place.root, known)
    return study


def objective(user: User, text: str) -> None:
    (user.folder / "objective.yaml").write_text(text)


def test_the_ledger_stands_whole_after_every_iteration(user: User) -> None:
    numbers: list[int] = []

    def look(line: str) -> None:
        ledger = user.summary()
        assert ledger["finished_at"] is None and ledger["baseline"]["toxicity_rate"] > 0
        if "iter=" in line:
            numbers.append(len(ledger["iterations"]))
            place = user.root / "iterations" / f"{numbers[-1]:03d}"
            assert strict(place / "result.json")["iteration"] == numbers[-1]
            accepted = [each for each in ledger["iterations"] if each["accepted"]]
            best = accepted[-1]["candidate_metrics"] if accepted else ledger["baseline"]
            assert ledger["best"] == best
            assert (user.root / "best.yaml").exists()

    ledger = Tuned(user, on_line=look).run(6, look_back=False)
    assert numbers == [1, 2, 3, 4, 5, 6] and ledger["finished_at"] is None


def test_what_was_not_told_before_a_kill_is_made_good(user: User) -> None:
    Tuned(user).run(3, look_back=False)
    (user.root / "iterations" / "003" / "result.json").unlink()
    (user.root / "summary.json").unlink()
    ledger = Tuned(user).run(3)
    assert len(ledger["iterations"]) == 3
    assert strict(user.root / "iterations" / "003" / "result.json")["iteration"] == 3


def test_a_full_disk_leaves_a_ledger_that_can_be_read(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = summary_module.replace_file
    calls = iter(range(100))

    def full(path: Path, parts: Any) -> None:
        if next(calls) < 3:
            written(path, parts)
        else:
            written(path, _torn(parts))

    monkeypatch.setattr(summary_module, "replace_file", full)
    with pytest.raises(OSError, match="No space left"):
        Tuned(user).run(6)
    before = user.summary()
    assert before["iterations"]
    monkeypatch.undo()
    monkeypatch.setattr(sys, "executable", str(user.python))
    monkeypatch.chdir(user.folder)
    after = Tuned(user).run(6)
    assert after["iterations"][: len(before["iterations"])] == before["iterations"]
    assert [each["iteration"] for each in after["iterations"]] == [1, 2, 3, 4, 5, 6]


def _torn(parts: Any) -> Any:
    yield next(iter(parts))
    raise OSError(errno.ENOSPC, "No space left on device")


def test_guardrails_hold_against_the_baseline_and_not_step_by_step(user: User) -> None:
    objective(
        user,
        "primary_metric: avg_payoff\nguardrails: [{metric: total_welfare, max_decrease: 5%}]\n",
    )
    ledger = Tuned(user, TAX_ALONE).run(4, look_back=False)
    level = ledger["baseline"]["total_welfare"]
    accepted = [each for each in ledger["iterations"] if each["accepted"]]
    taxes = [each["mutation"]["new"] for each in accepted]
    assert taxes == [0.04, 0.06], "two steps are 4 %, three would be 6 %"
    for each in accepted:
        assert each["candidate_metrics"]["total_welfare"] > 0.95 * level
    refused = [each for each in ledger["iterations"] if each["mutation"]["new"] == 0.08]
    assert refused and refused[0]["guardrail_errors"][0].startswith("total_welfare decreased by")
    assert not refused[0]["accepted"]


def test_an_improvement_of_exactly_zero_is_none(user: User) -> None:
    objective(user, "primary_metric: toxicity_rate\nmin_improvement: 0\n")
    ledger = Tuned(user, TAX_ALONE).run(2, look_back=False)
    level = ledger["baseline"]["toxicity_rate"]
    for record in ledger["iterations"]:
        assert record["candidate_metrics"]["toxicity_rate"] == pytest.approx(level, abs=1e-12)
        assert not record["accepted"]


@pytest.mark.parametrize("how", ["crash", "nan", "exit"])
def test_a_candidate_that_fails_is_rejected_alone(user: User, how: str) -> None:
    failure = f"failure: {{how: {how}, when: {{transaction_tax_rate: 0.04}}}}\n"
    (user.folder / "market.yaml").write_text(MARKET + failure)
    ledger = Tuned(user, TAX_ALONE).run(2)
    by_tax = {each["mutation"]["new"]: each for each in ledger["iterations"]}
    assert by_tax.keys() == {0.04, 0.0}
    failed = by_tax[0.04]
    assert not failed["accepted"] and failed["nightlab"]["outcome"] != "ok"
    assert failed["candidate_metrics"]["toxicity_rate"] is None
    assert by_tax[0.0]["nightlab"]["outcome"] == "ok" and ledger["finished_at"]


def test_best_is_what_was_measured_where_nothing_was_accepted(user: User) -> None:
    ledger = Tuned(user, TAX_ALONE).run(2)
    assert ledger["best"] == ledger["baseline"]
    assert (user.root / "best.yaml").read_text().endswith(MARKET)
    assert "**No improvement.**" in (user.root / "report.md").read_text()


def test_without_fresh_seeds_the_best_is_that_of_the_search_and_said_to_be_unconfirmed(
    user: User,
) -> None:
    tuned = Tuned(user, {"keep": "any", "validate": 0, "confirm": 0, "levers": ("audit_enabled",)})
    objective(user, "PRIMARY: minimize toxicity_rate\n")
    ledger = tuned.run(2)
    assert ledger["nightlab"]["best_iteration"], "something was kept"
    assert ledger["nightlab"]["confirmed"] is None is ledger["nightlab"]["ablation"]
    assert "audit_enabled: true" in (user.root / "best.yaml").read_text()
    report = (user.root / "report.md").read_text()
    assert "**Not confirmed.**" in report and "none were asked for" in report


def test_a_baseline_that_breaks_its_own_policy_is_told_before_the_night_is_lost(
    user: User,
) -> None:
    rule = "GUARDRAILS:\n- total_welfare must stay >= 1000000\n"
    objective(user, f"PRIMARY: minimize toxicity_rate\n{rule}")
    tuned = Tuned(user, TAX_ALONE)
    tuned.run(1)
    said = [line for line in tuned.warned if "the baseline itself breaks the policy" in line]
    assert len(said) == 1 and "(total_welfare is " in said[0]
    assert "every candidate that doesn't mend it is rejected" in said[0]
    assert "the baseline itself breaks the policy" in (user.root / "report.md").read_text()


def test_the_same_call_after_all_is_done_leaves_every_file_as_it_is(user: User) -> None:
    Tuned(user).run(2)
    before = files_of(user)
    tuned = Tuned(user)
    tuned.run(2)
    assert files_of(user) == before
    assert tuned.warned == ["2 iterations are done; a larger --iterations makes more"]
    (user.root / "report.md").unlink()
    Tuned(user).run(2)
    assert (user.root / "report.md").exists(), "what is missing is made good"


def files_of(user: User) -> dict[str, bytes]:
    """What a tuning shows, its study left out."""
    paths = [path for path in user.root.rglob("*") if path.is_file()]
    shown = [path for path in paths if not path.is_relative_to(user.root / "study")]
    return {str(path): path.read_bytes() for path in shown}


def test_what_a_look_back_found_stays_until_the_next_one(user: User) -> None:
    Tuned(user).run(6)
    ledger = user.summary()
    assert ledger["nightlab"]["best_iteration"]
    refute(user, ledger)
    (user.root / "best.yaml").write_text("as it was\n")
    tuned = Tuned(user)
    after = tuned.run(6, look_back=False)
    assert after["nightlab"]["ablation"]["taken"] == "baseline", "nothing was settled"
    tuned = Tuned(user)
    after = tuned.run(7, look_back=False)
    assert after["nightlab"]["ablation"]["why"] == "it broke" and after["finished_at"] is None
    assert sum("did not hold on fresh seeds (it broke)" in line for line in tuned.warned) == 1
    if after["nightlab"]["best_iteration"] == ledger["nightlab"]["best_iteration"]:
        assert (user.root / "best.yaml").read_text() == "as it was\n"


def refute(user: User, ledger: dict[str, Any]) -> None:
    """Let the look back have said that the best does not hold."""
    ledger["nightlab"]["ablation"] |= {"taken": "baseline", "why": "it broke"}
    (user.root / "summary.json").write_text(json.dumps(ledger))
