"""summary.json: the ledger of a tuning run in the keys that upstream's readers know."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import Any

from nightlab.governance.ledger.record import averages, record_of
from nightlab.governance.objective import ILLUSION, Objective
from nightlab.remember.replace import replace_file
from nightlab.types import History, Purpose, Trial, Verdict

ALWAYS = ("toxicity_rate", "quality_gap", "total_welfare", "avg_payoff")
"""Averaged for every candidate, whatever the objective is."""


class Summary:
    """Writes summary.json whole, again and again. What is settled is put into words once.

    `scenario` is the path as the user gave it, `started` the beginning in seconds since 1970.
    """

    def __init__(self, path: Path, objective: Objective, scenario: str, started: float) -> None:
        self.path = path
        self.objective = objective
        self.scenario = scenario
        self.started = started
        self._records: dict[int, _Known] = {}
        self._last: tuple[History, list[_Known]] | None = None

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of every record."""
        primary, *rules = self.objective.metrics
        return tuple(dict.fromkeys((primary, *ALWAYS, *rules, ILLUSION)))

    def write(
        self,
        history: History,
        extra: Mapping[str, Any] | None = None,
        finished: float | None = None,
    ) -> None:
        """Put the file in place. `extra` goes into its `nightlab` object. Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(self.path, self._parts(history, extra or {}, finished))

    def records(self, history: History) -> list[Mapping[str, Any]]:
        """The iterations, in the order of trials: those with a verdict."""
        return [known.record for known in self._settled(history)]

    def _parts(
        self, history: History, extra: Mapping[str, Any], finished: float | None
    ) -> Iterator[str]:
        settled = self._settled(history)
        best = history.incumbent
        found = self._records.get(best.number)
        baseline = averages(history.baseline, self.metrics, (Purpose.BASELINE,))
        own = {"best_iteration": best.number or None, "policy": self.objective.policy.sentences()}
        fields: dict[str, Any] = {
            "started_at": moment(self.started),
            "objective": self.objective.spec,
            "scenario": self.scenario,
            "seeds": list(history.seeds),
            "baseline": baseline,
            "iterations": [known.text for known in settled],
            "best": found.record["candidate_metrics"] if found else baseline,
            "finished_at": None if finished is None else moment(finished),
            "nightlab": {**own, **extra},
        }
        before = "{\n"
        for key, value in fields.items():
            text = _listed(value) if key == "iterations" else written(value, 1)
            yield f"{before}  {json.dumps(key)}: {text}"
            before = ",\n"
        yield "\n}\n"

    def _settled(self, history: History) -> list[_Known]:
        """What is known of every settled trial, made anew only where its verdict has changed."""
        if self._last is None or self._last[0] is not history:
            self._last = history, self._looked_through(history)
        return self._last[1]

    def _looked_through(self, history: History) -> list[_Known]:
        standing, settled = frozenset(history.kept), []
        for trial in history.trials:
            known, stands = self._records.get(trial.number), trial.number in standing
            if known is None or not known.holds(trial, stands):
                if trial.verdict is None:
                    continue
                known = self._records[trial.number] = self._of(history, trial, stands)
            settled.append(known)
        return settled

    def _of(self, history: History, trial: Trial, stands: bool) -> _Known:
        earlier = reversed(history.trials[: trial.number - 1])
        made = (each for each in earlier if each.commit == trial.parent and each.verdict)
        parent, policy = next(made, history.baseline), self.objective.policy
        return _Known(trial, stands, record_of(history, trial, parent, policy, self.metrics))


class _Known:
    """A trial's record, and its text. `stands` is whether its keep still does."""

    def __init__(self, trial: Trial, stands: bool, record: Mapping[str, Any]) -> None:
        self.trial = trial
        self.stands = stands
        self.record = record
        self.text = written(record, 2)

    def holds(self, trial: Trial, stands: bool) -> bool:
        """Whether nothing has been decided about the trial since."""
        if self.trial is not trial and _decided(self.trial) == _decided(trial):
            self.trial = trial
        return self.stands == stands and self.trial is trial


def _decided(trial: Trial) -> tuple[object, ...]:
    verdict: Verdict | None = trial.verdict
    said = (verdict.decision, verdict.rule, verdict.reason) if verdict else ()
    return (trial.commit, *said)


def moment(at: float) -> str:
    """A time in seconds since 1970 as UTC, in ISO's form."""
    return datetime.fromtimestamp(at, timezone.utc).isoformat()


def written(value: Any, depth: int = 0) -> str:
    """Strict JSON, indented for so many levels: what is no finite number becomes null."""
    return _written(value, "\n" + "  " * depth)


def _written(value: Any, line: str) -> str:
    """As json.dumps would with an indent of 2, which writes in Python, and walks through it all."""
    if isinstance(value, float):
        return float.__repr__(value) if math.isfinite(value) else "null"
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    inner = f"{line}  "
    if isinstance(value, Mapping):
        parts = [
            f"{encode_basestring_ascii(str(key))}: {_written(each, inner)}"
            for key, each in value.items()
        ]
        return f"{{{inner}{f',{inner}'.join(parts)}{line}}}" if parts else "{}"
    if isinstance(value, (list, tuple, set, frozenset)):
        parts = [_written(each, inner) for each in value]
        return f"[{inner}{f',{inner}'.join(parts)}{line}]" if parts else "[]"
    return _ENCODE(value)


_ENCODE = json.JSONEncoder(default=str).encode


def _listed(texts: Sequence[str]) -> str:
    return "[\n" + ",\n".join(f"    {text}" for text in texts) + "\n  ]" if texts else "[]"
