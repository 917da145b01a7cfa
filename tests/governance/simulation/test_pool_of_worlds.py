"""The lab's own simulate.py in warm processes, on the small simulator: the very numbers."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import nightlab
from nightlab.change.keys import load_mapping
from nightlab.governance.afterwards.ablation import Taken, ablate
from nightlab.governance.afterwards.fresh import further_seeds
from nightlab.governance.afterwards.sample import Sample
from nightlab.governance.simulation.pool import Pool, Task
from nightlab.governance.simulation.simulator import Simulator
from nightlab.program.policy import parse_policy
from nightlab.types import Outcome

LAB = Path(nightlab.__file__).parent / "labs" / "governance"
FAKE = Path(__file__).parents[2] / "simulator" / "swarm"
METRIC = "pooled.toxicity_rate"
WORLD = """\
scenario_id: bazaar
simulation: {n_epochs: 3, steps_per_epoch: 5, seed: 7}
agents:
- {type: honest, count: 3}
- {type: adversarial, count: 3}
governance:
  transaction_tax_rate: 0.1
  audit_enabled: false
  audit_probability: 0.1
  audit_threshold_p: 0.5
"""
POLICY = parse_policy(
    f"PRIMARY: minimize {METRIC}\nGUARDRAILS:\n- pooled.accepted_interactions must stay >= 1\n"
)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """The lab's files, with the small simulator beside them."""
    folder = tmp_path / "study"
    folder.mkdir()
    for path in LAB.glob("*.py"):
        shutil.copyfile(path, folder / path.name)
    shutil.copytree(FAKE, folder / "swarm", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "bazaar.yaml").write_text(WORLD)
    (folder / "evaluation.yaml").write_text("epochs: 3\nsteps: 5\n")
    return folder


@pytest.fixture
def pool(study: Path) -> Iterator[Pool]:
    script = study / "simulate.py"
    with Pool(script, sys.executable, 2, METRIC, budget="15 steps", timeout=60.0) as pool:
        yield pool


def world(**levers: Any) -> dict[str, Any]:
    found = load_mapping("bazaar.yaml", WORLD.encode())
    return {**found, "governance": {**found["governance"], **levers}}


def test_a_seed_repeats_to_the_last_digit_and_others_differ(pool: Pool) -> None:
    tasks = [Task(world(), seed) for seed in (7, 7, 11)]
    one, again, other = pool.measure(tasks)
    assert (one.outcome, one.detail) == (Outcome.OK, "")
    assert one.metrics == again.metrics != other.metrics


def test_they_are_the_numbers_of_a_run_by_itself(pool: Pool, study: Path) -> None:
    (found,) = pool.measure([Task(world(), 7)])
    simulator = Simulator(study / "simulate.py", sys.executable)
    alone = simulator.run(study / "bazaar.yaml", 3, 5, 7)
    assert found.metrics == alone


def test_a_longer_horizon_is_so_many_epochs_more(pool: Pool, study: Path) -> None:
    simulator = Simulator(study / "simulate.py", sys.executable)
    alone = simulator.run(study / "bazaar.yaml", 9, 5, 7)
    (longer,) = pool.measure([Task(world(), 7, times=3.0)])
    assert longer.metrics == alone
    (usual,) = pool.measure([Task(world(), 7)])
    assert usual.metrics != alone


def test_a_world_that_makes_no_sense_harms_no_other(pool: Pool) -> None:
    bad, good = pool.measure([Task(world(audit_probability=7.0), 7), Task(world(), 7)])
    assert bad.outcome is Outcome.CRASH
    assert "audit_probability" in bad.detail
    assert good.outcome is Outcome.OK


def test_an_ablation_of_a_world_leaves_the_lever_that_works(pool: Pool) -> None:
    """Audits turn bad deals away; a tax takes from everybody alike, and changes no deal."""
    levers = {
        "audit_enabled": True,
        "audit_probability": 0.9,
        "audit_threshold_p": 0.6,
        "transaction_tax_rate": 0.3,
    }
    moved = [f"governance.{name}" for name in levers]
    under = dict.fromkeys(moved[1:3], moved[:1])
    seeds, last = further_seeds((7, 11, 19), 0, 12), further_seeds((7, 11, 19), 12, 12)
    found = ablate(Sample(pool), world(), world(**levers), moved, POLICY, seeds, last, under=under)
    assert found.taken is Taken.REDUCED
    assert {*moved[:2]} <= {*found.kept} and moved[3] not in found.kept
    (tax,) = (row for row in found.rows if row.lever == moved[3])
    assert (tax.effect, tax.why) == (0.0, "no effect on any seed")
    assert found.fresh.improved
    assert found.configuration["governance"]["transaction_tax_rate"] == 0.1
