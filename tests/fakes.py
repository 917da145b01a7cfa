"""First-class fakes: a scripted proposer, a runner in this process, studies made from text."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from nightlab.campaign import Campaign
from nightlab.loop import run_loop
from nightlab.propose import NothingToPropose
from nightlab.run.confinement import Confinement
from nightlab.run.program import Programs
from nightlab.run.settings import RunSettings
from nightlab.stop import Stop, StopSettings
from nightlab.study import Study, open_study
from nightlab.types import History, Idea, Job, Measurement, Outcome

GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]

CALL_PROGRAM = """\
# Toy

Find x and y.

```yaml
change:
  keys: p.yaml
  space:
    x: {type: float, low: -5, high: 5}
    y: {type: float, low: -5, high: 5}
propose: {with: random}
run:
  call: sim:evaluate
  seeds: [1, 2, 3]
stop: {trials: 5}
```

```policy
PRIMARY: minimize loss
```
"""

SIM = """\
import random

def evaluate(parameters, seed):
    noise = random.Random(seed).gauss(0, 0.1)
    loss = (parameters["x"] - 3) ** 2 + (parameters["y"] + 1) ** 2 + noise
    return {"loss": loss, "cost": 1.0}
"""

COMMAND_PROGRAM = """\
# Toy

```yaml
change:
  files: [train.py]
  block: train.py
  space:
    X: {type: float, low: -5, high: 5}
propose: {with: random}
run:
  train: python train.py
  seeds: [1, 2]
  timeout: 20 s
stop: {trials: 4}
```

```policy
PRIMARY: minimize loss
```
"""

TRAIN = """\
import os, random, time

# --- HYPERPARAMETERS ---
X = 0.5
# --- END HYPERPARAMETERS ---

time.sleep(float(os.environ.get("TOY_SLEEP", "0")))
noise = random.Random(int(os.environ["NIGHTLAB_SEED"])).gauss(0, 0.01)
print("loss:", (X - 1) ** 2 + noise)
"""


def git(folder: Path, *words: str) -> str:
    """Run git in a folder and return what it says."""
    done = subprocess.run([*GIT, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def make_study(folder: Path, files: Mapping[str, str]) -> Path:
    """A repository with these files, committed on main."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "study")
    return folder


def call_study(folder: Path, program: str = CALL_PROGRAM, sim: str = SIM) -> Study:
    """A study of a Python function with two parameters."""
    files = {"program.md": program, "sim.py": sim, "p.yaml": "x: 0.0  # first\ny: 0.0\n"}
    return open_study(make_study(folder, files))


def command_study(folder: Path, program: str = COMMAND_PROGRAM, train: str = TRAIN) -> Study:
    """A study of a script with one constant."""
    return open_study(make_study(folder, {"program.md": program, "train.py": train}))


def plain_programs(study: Path, cancelled: Callable[[], bool] = lambda: False) -> Programs:
    """What runs programs that propose, unconfined."""
    run = RunSettings(train="true", seeds=(1,))
    return Programs(lambda: Confinement.none(study, run), cancelled)


class ScriptedProposer:
    """Proposes what it is given, in order, and remembers what was refused."""

    def __init__(self, ideas: Iterable[Idea]) -> None:
        self.ideas = list(ideas)
        self.refusals: list[tuple[Idea, str]] = []

    def propose(self, history: History) -> Idea:
        if not self.ideas:
            raise NothingToPropose("the script is over")
        return self.ideas.pop(0)

    def refused(self, idea: Idea, reason: str) -> None:
        self.refusals.append((idea, reason))


class InProcessRunner:
    """Measures by calling a function in this process. `hold` keeps that many jobs in flight."""

    def __init__(
        self, measure: Callable[[Job], Measurement | dict[str, float]], parallel: int = 1
    ) -> None:
        self.measure = measure
        self.parallel = parallel
        self.queue: list[Job] = []
        self.started: list[Job] = []

    def __enter__(self) -> InProcessRunner:
        return self

    def __exit__(self, *_: object) -> None:
        self.queue.clear()

    @property
    def free(self) -> int:
        return self.parallel - len(self.queue)

    def start(self, job: Job) -> None:
        self.queue.append(job)
        self.started.append(job)

    def finished(self) -> Sequence[Measurement]:
        if not self.queue:
            return []
        job = self.queue.pop(0)
        measured = self.measure(job)
        if isinstance(measured, Measurement):
            return [measured]
        return [Measurement(job.run, Outcome.OK, measured, seconds=1.0)]

    def stop(self, run: int, outcome: Outcome, detail: str) -> None:
        """A call in this process can't be stopped."""

    def interrupt(self) -> Sequence[Measurement]:
        stopped = [Measurement(job.run, Outcome.INTERRUPTED) for job in self.queue]
        self.queue.clear()
        return stopped


def move(summary: str = "", **parameters: float) -> Idea:
    """An idea that sets parameters."""
    return Idea(summary or f"set {parameters}", emitter="script", parameters=parameters)


def work(
    study: Study,
    ideas: Iterable[Idea],
    measure: Callable[[Job], Measurement | dict[str, float]],
    *,
    parallel: int = 1,
    trials: int | None = None,
    tag: str = "toy",
    stop: Stop | None = None,
) -> tuple[Campaign, str, ScriptedProposer]:
    """Run a session in this process: begin the campaign or go on with it."""
    ledger = study.ledger()
    if tag not in ledger.campaigns():
        study.begin(tag, ledger)
    campaign = study.campaign(tag)
    proposer = ScriptedProposer(ideas)
    runner = InProcessRunner(measure, parallel)
    stop = stop or Stop(StopSettings(), more=trials)
    why = run_loop(campaign, proposer, study.rooms.judge(), runner, stop)
    return study.campaign(tag), why, proposer


def loss_of(job: Job) -> dict[str, float]:
    """A bowl with its bottom at x = 3, y = -1, and a little noise by seed."""
    x, y = job.parameters["x"], job.parameters["y"]
    return {"loss": (x - 3) ** 2 + (y + 1) ** 2 + job.seed % 10 / 1000}
