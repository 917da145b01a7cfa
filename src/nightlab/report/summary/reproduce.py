"""How to get the best again: exact commands, versions, seeds, and what differs."""

from __future__ import annotations

import json

from nightlab.report.markdown import inert
from nightlab.report.summary.facts import Facts
from nightlab.run.platform import Platform


def reproduce(facts: Facts) -> str:
    """The commands that make the best again from its commit, and what it was made with."""
    parts = ["\n".join(["```sh", *_commands(facts), "```"]), _versions(facts)]
    moved = differences(facts)
    if moved:
        parts.append(f"It differs from the baseline in: {moved}.")
    if facts.best:
        names = ", ".join(f"`{path.relative_to(facts.study.folder)}`" for path in facts.best)
        parts.append(f"Its artifacts, from the run with the first seed: {names}.")
    return "\n\n".join(parts) + "\n"


def _commands(facts: Facts) -> list[str]:
    history, run = facts.history, facts.settings.run
    base, best = history.baseline.commit[:12], history.incumbent.commit[:12]
    if not facts.study.repository.has(history.incumbent.commit):
        return [f"# commit {best} is not in this repository"]
    compare = [f"git diff {base} {best}    # all that was changed"] if base != best else []
    lines = [*compare, f"git switch --detach {best}"]
    lines += [f"# inputs: {', '.join(run.inputs)} (not in git)"] if run.inputs else []
    seed = _seeds(facts)[0]
    if run.call:
        return [*lines, *_call(facts, run.call, seed)]
    budget = f'NIGHTLAB_BUDGET="{run.budget_text}" ' if run.budget else ""
    lines.append(f"NIGHTLAB_SEED={seed} {budget}{run.train}")
    if run.evaluate and run.serve:
        return [*lines, f"# then `{run.evaluate}`, joined by pipes to `{run.serve}`"]
    return [*lines, *([f"NIGHTLAB_SEED={seed} {run.evaluate}"] if run.evaluate else [])]


def _call(facts: Facts, call: str, seed: int) -> list[str]:
    module, _, function = call.partition(":")
    keys = facts.settings.change.keys
    if facts.settings.run.where == "function":
        values = json.dumps(dict(facts.history.incumbent.parameters))
        return [f"# then call your function with {values} and seed {seed}"]
    values = (
        f"yaml.load(open({keys!r}))" if keys else repr(dict(facts.history.incumbent.parameters))
    )
    load = "from ruamel.yaml import YAML; yaml = YAML(typ='safe'); " if keys else ""
    body = f"{load}import {module}; print({module}.{function}({values}, {seed}))"
    return [f'python -c "{body}"']


def _seeds(facts: Facts) -> list[int]:
    measured = [s for s in sorted(facts.history.incumbent.values(facts.history.metric)) if s >= 0]
    return measured or list(facts.history.seeds)


def _measured_here(facts: Facts) -> bool:
    return any(seed >= 0 for seed in facts.history.incumbent.values(facts.history.metric))


def _versions(facts: Facts) -> str:
    record, seeds = facts.record, ", ".join(map(str, _seeds(facts)))
    if facts.history.incumbent.imported and not _measured_here(facts):
        return "Measured by another tool, with seeds and on a machine that its table doesn't name."
    session = record.session
    made = f"Nightlab {session.version}" if session else "another tool"
    platform = str(Platform(**record.began.platform)) if record.began else ""
    return f"Seeds: {seeds}. Measured by {made} on {platform}."


def differences(facts: Facts) -> str:
    """The parameters of the best that differ from the baseline's, told from the values."""
    old, new = facts.history.baseline.parameters, facts.history.incumbent.parameters
    return ", ".join(
        f"{name} {inert(str(old.get(name)))} → {inert(str(value))}"
        for name, value in new.items()
        if old.get(name) != value
    )
