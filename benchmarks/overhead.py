"""The loop's own time per trial, with an experiment that does nothing.

    python benchmarks/overhead.py [--trials 200] [--json FILE]

Git, ledger (synced to disk) and exports are on, as in a real campaign. The floor is what nobody can
avoid: for a command the bare start of the same processes, for a call nothing. Every figure is from
the same run on the same machine; medians of paired rounds are quoted.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from nightlab.study import open_study

ROUNDS = 3
TRAIN = "X = 0.5\nimport os\nprint('loss:', int(os.environ['NIGHTLAB_SEED']) + X * X)\n"
EVALUATE = "print('loss: 1.0')\n"
SIM = "def evaluate(parameters, seed):\n    return {'loss': parameters['x'] ** 2}\n"

PROGRAM = """# No-op

```yaml
change:
  {change}
  space:
    {name}: {{type: float, low: -5, high: 5}}
propose: {{with: random}}
run:
  {run}
  seeds: [1, 2]
judge: {{keep: any}}
stop: {{}}
```

```policy
PRIMARY: minimize loss
```
"""


def make(folder: Path, kind: str) -> Path:
    """A study whose experiment does nothing."""
    folder.mkdir(parents=True)
    if kind == "call":
        change, name, run = "keys: p.yaml", "x", "call: sim:evaluate"
        files = {"sim.py": SIM, "p.yaml": "x: 0.5\n"}
    else:
        change, name, run = "block: train.py", "X", "train: python -S train.py"
        files = {"train.py": TRAIN}
        if kind == "two halves":
            run += "\n  evaluate: python -S evaluate.py"
            files["evaluate.py"] = EVALUATE
    files["program.md"] = PROGRAM.format(change=change, name=name, run=run)
    for path, text in files.items():
        (folder / path).write_text(text)
    git = ["git", "-c", "user.name=b", "-c", "user.email=b@example.org"]
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "study"]):
        subprocess.run([*git, *words], cwd=folder, check=True)
    return folder


def per_run(folder: Path, trials: int) -> tuple[float, float]:
    """Milliseconds per trial and per run of a session, its start and end aside."""
    study = open_study(folder)
    study.run(trials=0)
    marks: list[float] = []
    runs: list[int] = []

    def seen(event: object) -> None:
        if type(event).__name__ == "TrialSettled":
            marks.append(time.perf_counter())
            runs.append(campaigns[0].state.runs)

    campaigns: list = []
    study.run(trials=trials, on_campaign=campaigns.append, on_event=seen)
    spent = 1000 * (marks[-1] - marks[0])
    return spent / (len(marks) - 1), spent / (runs[-1] - runs[0])


def floor(folder: Path, processes: int, count: int = 60) -> float:
    """Milliseconds of the bare processes of one run, started one after another."""
    environment = {**os.environ, "NIGHTLAB_SEED": "1"}
    scripts = ["train.py", "evaluate.py"][:processes]
    began = time.perf_counter()
    for _ in range(count):
        for script in scripts:
            subprocess.run(
                [sys.executable, "-S", script], cwd=folder, env=environment, capture_output=True
            )
    return 1000 * (time.perf_counter() - began) / count


def measure(trials: int) -> list[dict[str, float | str]]:
    """One row a kind of experiment: medians over rounds, in milliseconds."""
    rows: list[dict[str, float | str]] = []
    with tempfile.TemporaryDirectory() as place:
        os.environ["NIGHTLAB_WORK"] = f"{place}/work"
        for kind, processes in (("call", 0), ("command", 1), ("two halves", 2)):
            per_trial, each_run, bare = [], [], []
            for number in range(ROUNDS):
                folder = make(Path(place) / f"{kind}-{number}".replace(" ", "-"), kind)
                trial, run = per_run(folder, trials if kind == "call" else trials // 2)
                per_trial.append(trial)
                each_run.append(run)
                bare.append(floor(folder, processes) if processes else 0.0)
            median: Callable[[list[float]], float] = statistics.median
            above = [a - b for a, b in zip(each_run, bare, strict=True)]
            rows.append(
                {
                    "experiment": kind,
                    "ms_per_trial": round(median(per_trial), 2),
                    "ms_per_run": round(median(each_run), 2),
                    "floor_ms_per_run": round(median(bare), 2),
                    "above_floor_ms_per_run": round(median(above), 2),
                }
            )
    return rows


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = measure(options.trials)
    where = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    print(f"{time.strftime('%Y-%m-%d')}, {where}, Python {platform.python_version()}\n")
    print("| " + " | ".join(rows[0]) + " |")
    print("|" + "---|" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(str(value) for value in row.values()) + " |")
    if options.json:
        options.json.write_text(json.dumps({"where": where, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
