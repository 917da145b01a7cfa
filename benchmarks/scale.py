"""After months of use: commands on a campaign of ten thousand trials.

    python benchmarks/scale.py [--trials 10000] [--json FILE]

A real campaign of calls that take microseconds fills the ledger, with git, evidence and everything
else on. Then each command is run as a whole process, start-up included, three times, and the
median is quoted; the next proposal is timed in one process, after the first, which also loads the
libraries.
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
from pathlib import Path

from nightlab.propose.settings import ProposeSettings
from nightlab.settings import Settings
from nightlab.study import open_study

SIM = """
import random


def evaluate(parameters, seed):
    noise = random.Random(f"{seed} {sorted(parameters.items())}").gauss(0, 0.05)
    if parameters["x0"] > 4.5:
        raise RuntimeError("too high")
    return {"loss": sum((v - i) ** 2 for i, v in enumerate(parameters.values())) + noise}
"""
NAMES = [f"x{number}" for number in range(6)]
PROGRAM = f"""# Ten thousand trials

```yaml
change:
  keys: parameters.yaml
  space:
    {"".join(f"{n}: {{type: float, low: -5, high: 5}}{chr(10)}    " for n in NAMES).strip()}
propose: {{with: random}}
run:
  call: sim:evaluate
  seeds: [1, 2, 3]
```

```policy
PRIMARY: minimize loss
REQUIRE: loss improves by >= 0.001 absolute
```
"""
COMMANDS = (["--help"], ["status"], ["show", "100"], ["export", "tsv"], ["report"])


def make(folder: Path) -> None:
    """The study, committed."""
    folder.mkdir()
    (folder / "program.md").write_text(PROGRAM)
    (folder / "sim.py").write_text(SIM)
    (folder / "parameters.yaml").write_text("".join(f"{name}: 2.5\n" for name in NAMES))
    git = ["git", "-c", "user.name=b", "-c", "user.email=b@example.org"]
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "study"]):
        subprocess.run([*git, *words], cwd=folder, check=True)


def fill(folder: Path, trials: int) -> dict[str, float]:
    """Run the campaign. Milliseconds a trial and resident memory, early and late."""
    marks: list[tuple[float, float]] = []

    def seen(event: object) -> None:
        if type(event).__name__ == "TrialSettled":
            resident = int(Path("/proc/self/statm").read_text().split()[1])
            marks.append((time.perf_counter(), resident * os.sysconf("SC_PAGE_SIZE") / 2**20))

    open_study(folder).run(trials=trials, on_event=seen)
    part = max(2, len(marks) // 10)
    return {
        "first_tenth_ms_per_trial": 1000 * (marks[part - 1][0] - marks[0][0]) / (part - 1),
        "last_tenth_ms_per_trial": 1000 * (marks[-1][0] - marks[-part][0]) / (part - 1),
        "memory_at_first_tenth_mb": marks[part - 1][1],
        "memory_at_end_mb": marks[-1][1],
    }


def command(folder: Path, words: list[str]) -> float:
    """Seconds of a whole process."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "nightlab", *words],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def proposals(folder: Path) -> tuple[float, float]:
    """Seconds of the first and, in the median, of the next proposals of `search`."""
    study = open_study(folder)
    search: Settings = study.settings.model_copy(update={"propose": (ProposeSettings(),)})
    object.__setattr__(study.program, "settings", search)
    history, proposer = study.campaign(study.pick()).history, study.rooms.proposer()
    times = []
    for _ in range(4):
        began = time.perf_counter()
        proposer.refused(proposer.propose(history), "timed")
        times.append(time.perf_counter() - began)
    return times[0], statistics.median(times[1:])


def main() -> None:
    """Fill a ledger, time the commands, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        os.environ["NIGHTLAB_WORK"] = f"{place}/work"
        folder = Path(place) / "study"
        make(folder)
        found = fill(folder, options.trials)
        for words in COMMANDS:
            found[f"nightlab {' '.join(words)} (s)"] = command(folder, words)
        found["first proposal (s)"], found["next proposal (s)"] = proposals(folder)
        found["ledger_mb"] = (folder / ".git/nightlab/ledger.db").stat().st_size / 2**20
    where = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    print(f"{time.strftime('%Y-%m-%d')}, {where}, Python {platform.python_version()}")
    print(f"\n| after {options.trials:,} trials | |\n|---|---|")
    for name, value in found.items():
        print(f"| {name} | {value:.3g} |")
    if options.json:
        rounded = {name: round(value, 4) for name, value in found.items()}
        options.json.write_text(json.dumps({"where": where, **rounded}, indent=1))


if __name__ == "__main__":
    main()
