"""`iterations/NNN/`: what each iteration leaves behind, whether it was accepted or not."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from nightlab.governance.ledger.epochs import epochs_csv
from nightlab.governance.ledger.record import panel_runs
from nightlab.governance.ledger.summary import moment, written
from nightlab.remember.replace import replace_file
from nightlab.types import History, Run, Trial, one_line


class Artifacts:
    """Writes the folder of every iteration, each once and again where its record has changed.

    `scenario` is the file that is tuned, `metric` the primary one.
    """

    def __init__(self, folder: Path, scenario: Path, metric: str) -> None:
        self.folder = folder
        self.scenario = scenario
        self.metric = metric
        self._written: dict[int, Mapping[str, Any]] = {}

    def write(self, history: History, records: Sequence[Mapping[str, Any]]) -> None:
        """Lay down what is new in these records, as Summary has them. Raises OSError."""
        for record in records:
            number = record["iteration"]
            if self._written.get(number) is not record:
                self._lay(history.trial(number), record)
                self._written[number] = record

    def place(self, number: int) -> Path:
        """The folder of an iteration."""
        return self.folder / f"{number:03d}"

    def _lay(self, trial: Trial, record: Mapping[str, Any]) -> None:
        runs = panel_runs(trial)
        result = written({**record, "runs": [_run(run) for run in runs]}) + "\n"
        place = self.place(trial.number)
        if _text(place / "result.json") == result:
            return
        place.mkdir(parents=True, exist_ok=True)
        replace_file(place / "epochs.csv", [epochs_csv(runs)])
        if record["accepted"]:
            replace_file(place / "run.yaml", [self._envelope(trial, record)])
        else:  # of another campaign
            (place / "run.yaml").unlink(missing_ok=True)
        replace_file(place / "result.json", [result])  # the last: with it the others are there

    def _envelope(self, trial: Trial, record: Mapping[str, Any]) -> str:
        """run.yaml: what was tried, why, and how it ended."""
        began = datetime.fromtimestamp(trial.settled, timezone.utc).strftime("%Y%m%d-%H%M%S")
        moves = [record["mutation"], *record["mutation"].get("also", [])]
        value = record["candidate_metrics"].get(self.metric)
        return _yaml(
            {
                "run_id": f"{began}_autoresearch_{self.scenario.stem}_{trial.number:03d}",
                "created_utc": moment(trial.settled),
                "experiment": {
                    "type": "autoresearch",
                    "hypothesis": one_line(trial.hypothesis or trial.summary, 600),
                    "scenario": self.scenario.name,
                    "seeds": record["nightlab"]["seeds"],
                    "changes": moves_of(moves),
                },
                "results": {
                    "status": "demoted" if record["nightlab"].get("demoted") else "accepted",
                    "metric": self.metric,
                    "value": value,
                    "reason": record["nightlab"]["reason"],
                },
                "tags": ["autoresearch", "governance", *(str(each["param"]) for each in moves)],
                "artifacts": ["result.json", "epochs.csv"],
            }
        )


def moves_of(moves: Sequence[Mapping[str, Any]]) -> list[str]:
    """`audit_probability: 0.1 -> 0.15`, for each lever that moved."""
    return [f"{each['param']}: {each['old']} -> {each['new']}" for each in moves]


def _run(run: Run) -> dict[str, Any]:
    return {
        "run": run.number,
        "seed": run.seed,
        "outcome": run.outcome.value if run.outcome else None,
        "seconds": run.seconds,
        "detail": one_line(run.detail, 300),
        "metrics": dict(run.metrics),
    }


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _yaml(document: Mapping[str, Any]) -> str:
    from ruamel.yaml import YAML

    yaml: Any = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.width, yaml.sort_base_mapping_type_on_output = False, 1000, False
    text = io.StringIO()
    yaml.dump(dict(document), text)
    return text.getvalue()
