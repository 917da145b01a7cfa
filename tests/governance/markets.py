"""A small market that is quick to simulate, and a tuning run on it with every kind of verdict."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakes import make_study, move, work

from nightlab.campaign import Campaign
from nightlab.governance.objective import Objective
from nightlab.program.policy import parse_policy
from nightlab.study import open_study
from nightlab.types import Idea, Job, Measurement, Outcome

SENTENCES = (
    "PRIMARY: minimize toxicity_rate",
    "REQUIRE: toxicity_rate improves by >= 0.001 absolute",
    "GUARDRAILS:",
    "- accepted_interactions must stay >= 3",
    "- total_welfare must not decrease by > 20%",
    "- avg_payoff must not decrease by > 0.5",
)
OBJECTIVE = Objective(parse_policy("\n".join(SENTENCES)), Path("objective.md"))
SCENARIO = """\
name: market  # a calm one
governance:
  audit_probability: 0.1   # of an interaction
  audit_enabled: false
  transaction_tax_rate: 0.1
"""
_PROGRAM = """\
# Market

```yaml
change:
  keys: scenario.yaml
  space:
    governance.audit_probability: {{type: float, low: 0, high: 1}}
    governance.audit_enabled: {{type: bool}}
    governance.transaction_tax_rate: {{type: float, low: 0, high: 1}}
propose: {{with: random}}
run:
  call: sim:evaluate
  seeds: [7, 11, 19]
judge: {judge}
```

```policy
{policy}
```
"""


@dataclass
class Market:
    """Measures a job in this process, and writes the lines of its epochs into the run's log."""

    epochs: int = 2
    fails: Mapping[int, Outcome] = field(default_factory=dict)
    """How the runs of these trials end."""

    def __call__(self, job: Job) -> Measurement | dict[str, float]:
        if job.trial in self.fails:
            return Measurement(job.run, self.fails[job.trial], detail="it broke\nin two lines")
        levers: Any = job.parameters["governance"]
        audit = levers["audit_probability"] * (1 if levers["audit_enabled"] else 0.1)
        tax = levers["transaction_tax_rate"]
        noise = random.Random(job.seed).gauss(0, 0.001) + random.Random(job.run).gauss(0, 1e-4)
        toxicity = 0.4 - 0.2 * audit + noise
        welfare = 10 * (1 - tax) - audit
        lines = (
            f'epoch: {{"scenario": "market", "seed": {job.seed}, "epoch": {epoch},'
            f' "toxicity_rate": {toxicity}, "total_welfare": {welfare}}}\n'
            for epoch in range(self.epochs)
        )
        job.log.write_text("".join(lines))
        return {
            "toxicity_rate": toxicity,
            "quality_gap": 0.1,
            "total_welfare": welfare,
            "avg_payoff": welfare / 5,
            "accepted_interactions": 8 - 8 * (audit > 0.9),
        }


LEVERS = ("audit_probability", "audit_enabled", "transaction_tax_rate")


def lever(**levers: Any) -> Idea:
    """An idea that moves levers of the governance section."""
    return move(**{f"governance.{name}": value for name, value in levers.items()})


def tuned(
    folder: Path, *ideas: Idea, market: Market | None = None, judge: str = "{panel: fixed}"
) -> Campaign:
    """A tuning run over these ideas, on the panel 7, 11, 19."""
    program = _PROGRAM.format(policy="\n".join(SENTENCES), judge=judge)
    files = {"program.md": program, "sim.py": "", "scenario.yaml": SCENARIO}
    study = open_study(make_study(folder, files))
    campaign, _, _ = work(study, ideas, market or Market())
    return campaign


IDEAS = (
    lever(audit_probability=0.5),
    lever(transaction_tax_rate=0.9),
    lever(audit_enabled=True, audit_probability=0.6, transaction_tax_rate=0.1),
    lever(audit_probability=0.95),
    lever(audit_probability=0.7),
    lever(audit_probability=0.2),
)
"""A gain, one against the guardrails, a move of two levers, one against the floor, one that fails
where its trial is told to, and a loss.
"""
