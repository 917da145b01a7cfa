"""The loop's own time per trial, with an experiment that does nothing.

    pip install labloop==1.0.5      # the peer; without it, its row is left out and said to be
    python benchmarks/overhead.py [--trials 200] [--json FILE]

Git, ledger (synced to disk) and exports are on, as in a real campaign. The floor is what nobody can
avoid: for a command the bare start of the same processes, for a call nothing. Every figure is from
the same run on the same machine, and the quickest of its rounds: whatever else runs there only
adds.

The second table is what integrity costs: the same experiments in each sandbox that works here, and
the sealing, hashing and comparing of protected files. The last one is side by side with labloop:
the same two commands, one that proposes and one that measures, each tool's command line, and the
difference of a long and a short session, so that starting up cancels.

No reports are written: they come once a session, whatever its length.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from hashlib import blake2b
from pathlib import Path

from nightlab.run.folder import RunFolder
from nightlab.run.sandbox.choose import choose_sandbox
from nightlab.run.sandbox.surroundings import Surroundings
from nightlab.run.settings import RunSettings
from nightlab.study import open_study
from nightlab.types import NightlabError

ROUNDS = 5
TRAIN = "X = 0.5\nimport os\nprint('loss:', int(os.environ['NIGHTLAB_SEED']) + X * X)\n"
EVALUATE = "print('loss: 1.0')\n"
PROPOSE = """import random
text = open('train.py').read().splitlines()
text[0] = f'X = {1 + random.random()}'
open('train.py', 'w').write('\\n'.join(text) + '\\n')
"""
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
  isolation: {isolation}
judge: {{keep: any}}
stop: {{}}
report: {{with: [], every: 0}}
```

```policy
PRIMARY: minimize loss
```
"""


def make(folder: Path, kind: str, isolation: str = "none") -> Path:
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
    files["program.md"] = PROGRAM.format(change=change, name=name, run=run, isolation=isolation)
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


def floor(folder: Path, scripts: Sequence[str], count: int = 60) -> float:
    """Milliseconds of the bare processes of one run, started one after another."""
    environment = {**os.environ, "NIGHTLAB_SEED": "1"}
    began = time.perf_counter()
    for _ in range(count):
        for script in scripts:
            subprocess.run(
                [sys.executable, "-S", script], cwd=folder, env=environment, capture_output=True
            )
    return 1000 * (time.perf_counter() - began) / count


def measure(trials: int) -> list[dict[str, float | str]]:
    """One row a kind of experiment: the quickest of the rounds, in milliseconds."""
    rows: list[dict[str, float | str]] = []
    with tempfile.TemporaryDirectory() as place:
        os.environ["NIGHTLAB_WORK"] = f"{place}/work"
        kinds: dict[str, tuple[str, ...]] = {
            "call": (),
            "command": ("train.py",),
            "two halves": ("train.py", "evaluate.py"),
        }
        for kind, scripts in kinds.items():
            per_trial, each_run, bare = [], [], []
            for number in range(ROUNDS):
                folder = make(Path(place) / f"{kind}-{number}".replace(" ", "-"), kind)
                trial, run = per_run(folder, trials if kind == "call" else trials // 2)
                per_trial.append(trial)
                each_run.append(run)
                bare.append(floor(folder, scripts) if scripts else 0.0)
            rows.append(
                {
                    "experiment": kind,
                    "ms_per_trial": round(min(per_trial), 2),
                    "ms_per_run": round(min(each_run), 2),
                    "floor_ms_per_run": round(min(bare), 2),
                    "above_floor_ms_per_run": round(min(each_run) - min(bare), 2),
                }
            )
    return rows


def integrity(trials: int) -> list[dict[str, float | str]]:
    """One row an experiment and sandbox: milliseconds a run, and what each of its halves pays.

    The kinds take turns in each round.
    """
    found: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as place:
        os.environ["NIGHTLAB_WORK"] = f"{place}/work"
        kinds = [kind for kind in ("none", "landlock", "bubblewrap") if _works(Path(place), kind)]
        for number in range(ROUNDS):
            for experiment in ("call", "command", "two halves"):
                for kind in kinds:
                    name = f"{experiment}-{kind}-{number}".replace(" ", "-")
                    folder = make(Path(place) / name, experiment, kind)
                    found.setdefault((experiment, kind), []).append(per_run(folder, trials)[1])
        hashed = min(_hashing(Path(place)) for _ in range(ROUNDS))
    rows: list[dict[str, float | str]] = []
    for (experiment, kind), times in found.items():
        halves = 2 if experiment == "two halves" else 1
        more = (min(times) - min(found[experiment, "none"])) / halves
        rows.append(
            {
                "experiment": experiment,
                "sandbox": kind,
                "ms_per_run": round(min(times), 2),
                "ms_of_the_sandbox_per_half": round(more, 2),
                "ms_of_hashing_per_half": round(hashed, 2),
            }
        )
    return rows


def _works(place: Path, kind: str) -> bool:
    around = Surroundings(place)
    try:
        return choose_sandbox(kind, around, place / "probes").name == kind
    except NightlabError as error:
        print(f"{kind} is left out: {error}", file=sys.stderr)
        return False


def _hashing(place: Path, files: int = 100, size: int = 20_000) -> float:
    """Milliseconds to seal and to check 100 protected files of 20 kB."""
    top = Path(tempfile.mkdtemp(dir=place))
    folder = RunFolder(top, top, "", RunSettings(train="x"))
    protected = {}
    for number in range(files):
        content = os.urandom(size)
        (top / str(number)).write_bytes(content)
        protected[str(number)] = blake2b(content, digest_size=16).hexdigest()
    began = time.perf_counter()
    folder.seal(tuple(protected))
    if folder.changed(protected):
        raise RuntimeError("nothing was changed")
    return 1000 * (time.perf_counter() - began)


def side_by_side(trials: int) -> list[dict[str, float | str]]:
    """One row a tool: milliseconds a trial that proposes by one command and measures by another."""
    rows: list[dict[str, float | str]] = []
    tools = {"nightlab": (with_proposer, nightlab_run)}
    if importlib.util.find_spec("labloop"):
        tools["labloop"] = (with_labloop, labloop_run)
    found: dict[str, list[float]] = {name: [] for name in tools}
    bare: list[float] = []
    with tempfile.TemporaryDirectory() as place:
        os.environ["NIGHTLAB_WORK"] = f"{place}/work"
        for number in range(ROUNDS):
            for name, (lay, run) in tools.items():
                folder = lay(Path(place) / f"{name}-{number}")
                found[name].append(per_trial(lambda n, f=folder, r=run: r(f, n), trials))
            bare.append(floor(Path(place) / f"nightlab-{number}", ("propose.py", "train.py")))
    for name, times in found.items():
        rows.append(
            {
                "tool": name,
                "ms_per_trial": round(min(times), 2),
                "floor_ms_per_trial": round(min(bare), 2),
                "above_floor_ms_per_trial": round(min(times) - min(bare), 2),
            }
        )
    return rows


def per_trial(run: Callable[[int], None], trials: int) -> float:
    """Milliseconds a trial of a tool, from a long and a short session."""
    short = max(2, trials // 10)
    began = time.perf_counter()
    run(short)
    middle = time.perf_counter()
    run(short + trials)
    return 1000 * (time.perf_counter() - middle - (middle - began)) / trials


def with_proposer(folder: Path) -> Path:
    """The command study, with a program that proposes."""
    make(folder, "command")
    (folder / "propose.py").write_text(PROPOSE)
    program = folder / "program.md"
    text = program.read_text().replace("{with: random}", "{command: python -S propose.py}")
    text = text.replace("block: train.py", "files: [train.py]").replace(
        "seeds: [1, 2]", "seeds: [1]"
    )
    program.write_text(re.sub(r"  space:\n.*\n", "", text))
    _commit(folder, "propose")
    nightlab_run(folder, 0)
    return folder


def nightlab_run(folder: Path, trials: int) -> None:
    words = ["run", "--trials", str(trials), "--quiet"]
    subprocess.run([sys.executable, "-m", "nightlab", *words], cwd=folder, check=True)


def with_labloop(folder: Path) -> Path:
    """The same study for labloop, its baseline measured."""
    with_proposer(folder)
    (folder / ".gitignore").write_text("labloop.jsonl\n__pycache__/\n")
    _commit(folder, "ignore")
    _labloop(folder, "baseline")
    return folder


def labloop_run(folder: Path, trials: int) -> None:
    words = ["--propose", f"{sys.executable} -S propose.py", "--trials", str(trials)]
    _labloop(folder, "run", *words, "--sandbox", "none")


def _labloop(folder: Path, command: str, *words: str) -> None:
    code = "import sys; from labloop.cli import main; sys.exit(main())"
    experiment = ["--run", f"{sys.executable} -S train.py", "--metric", "loss"]
    subprocess.run(
        [sys.executable, "-c", code, command, *experiment, *words],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "NIGHTLAB_SEED": "1"},
    )


def _commit(folder: Path, message: str) -> None:
    git = ["git", "-c", "user.name=b", "-c", "user.email=b@example.org"]
    for words in (["add", "-A"], ["commit", "-qm", message]):
        subprocess.run([*git, *words], cwd=folder, check=True)


def show(rows: list[dict[str, float | str]]) -> None:
    """Print rows as a Markdown table."""
    print("| " + " | ".join(rows[0]) + " |")
    print("|" + "---|" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(str(value) for value in row.values()) + " |")
    print()


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = measure(options.trials)
    where = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    print(f"{time.strftime('%Y-%m-%d')}, {where}, Python {platform.python_version()}\n")
    show(rows)
    guarded = integrity(options.trials // 4)
    show(guarded)
    peers = side_by_side(options.trials // 2)
    show(peers)
    if len(peers) == 1:
        print("labloop is not installed, so its row is missing: pip install labloop==1.0.5")
    if options.json:
        options.json.write_text(
            json.dumps(
                {"where": where, "rows": rows, "integrity": guarded, "peers": peers}, indent=1
            )
        )


if __name__ == "__main__":
    main()
