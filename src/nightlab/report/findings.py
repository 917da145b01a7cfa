"""What `nightlab check` finds: repository, program, data and machine, each as a sentence."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from nightlab.change.batch import halved
from nightlab.change.repository import git_is_installed
from nightlab.judge.noise import measure_noise
from nightlab.program.space import describe
from nightlab.run.environment import base_environment
from nightlab.run.experiment import argv_of
from nightlab.run.inputs import missing_inputs
from nightlab.run.platform import ask_platform
from nightlab.run.sandbox.choose import MEND
from nightlab.study import Study
from nightlab.types import NightlabError

Finding = tuple[bool, str]
"""Whether it is as it should be, and what it is."""


def findings(study: Study) -> list[Finding]:
    """What would happen, and what stands against it."""
    found = _repository(study)
    if all(ok for ok, _ in found):
        found += [*_program(study), *_commands(study), *_data(study), *_machine(study)]
        found += _going_on(study)
    return found


def _repository(study: Study) -> list[Finding]:

    found: list[Finding] = [
        (git_is_installed(), "git is installed" if git_is_installed() else "git is not installed")
    ]
    try:
        head = study.repository.head()
        found.append(
            (True, f"the baseline would be {head[:12]} of {study.repository.branch_name()}")
        )
    except NightlabError as error:
        return [*found, (False, str(error))]
    dirty = [path for path in study.repository.uncommitted() if path != "program.md"]
    if dirty:
        names = ", ".join(dirty[:4]) + (" …" if len(dirty) > 4 else "")
        found.append((True, f"note: not committed, so not part of the baseline: {names}"))
    return found


def _program(study: Study) -> list[Finding]:

    try:
        builder = study.rooms.builder(study.repository.head())
        values = builder.surface.read(builder.baseline)
        study.rooms.proposer()
        study.rooms.runner(lambda _: None)
    except NightlabError as error:
        return [(False, str(error))]
    found: list[Finding] = [(True, sentence) for sentence in study.program.policy.sentences()]
    space = study.settings.change.free()
    searching = [
        each.with_ for each in study.settings.propose if each.with_ in ("search", "random")
    ]
    if searching and not len(space):
        found.append((False, f"propose: {searching[0]} has nothing to vary; declare change.space"))
    odd = space.out_of_range({name: values[name] for name in space.parameters})
    found += [(True, f"note: at the baseline, {text}") for text in odd]
    for name, parameter in space.parameters.items():
        found.append((True, f"{name} = {values[name]}, may be {describe(parameter)}"))
    return [*found, *_proposers(study), *_device_batch(study)]


def _proposers(study: Study) -> list[Finding]:
    """Who proposes, and what programs and models are granted."""
    found: list[Finding] = []
    for each in study.settings.propose:
        who = each.agent or each.model or each.command or each.with_
        granted = ["the network"] if each.network else []
        granted += [f"{name} of the environment" for name in each.environment]
        told = f" (granted: {', '.join(granted)})" if granted else ""
        found.append(
            (True, f"proposes: {each.with_ if who == each.with_ else f'{each.with_} {who}'}{told}")
        )
        found += [
            (True, f"note: propose.environment: {name} is not set here")
            for name in each.environment
            if name not in os.environ
        ]
    stop = study.settings.stop
    if stop.cost is not None:
        found += [
            (False, f"propose.price: stop.cost is set, and what {each.model} costs is not known")
            for each in study.settings.propose
            if each.model and each.url and each.price is None
        ]
    paid = any(each.model or each.agent for each in study.settings.propose)
    if paid and stop.cost is None and stop.tokens is None:
        found.append((True, "note: nothing bounds what models cost; stop: {cost: 20 USD} does"))
    return found


def _device_batch(study: Study) -> list[Finding]:
    """Whether a run that is out of memory can be tried with half the batch."""

    change = study.settings.change
    half = halved(change, study.repository.files(study.repository.head()))
    if half is not None:
        return [(True, f"out of memory: {half.name} {half.before} -> {half.after}, once")]
    if change.device_batch is None:
        return []
    mend = "no constant of that name may be edited, or its value is no even number"
    return [(False, f"change.device_batch: {change.device_batch} can't be halved: {mend}")]


def _commands(study: Study) -> list[Finding]:
    """Programs and scripts that the settings name and that are not to be found."""
    run = study.settings.run
    named = [("run.train", run.train), ("run.serve", run.serve), ("run.evaluate", run.evaluate)]
    named += [("propose.command", each.command) for each in study.settings.propose]
    return [
        (False, f"{key}: {what}")
        for key, command in named
        if command
        for what in _not_found(study, command)
    ]


def _not_found(study: Study, command: str) -> list[str]:

    words = argv_of(command)
    if words[0] == "/bin/sh":
        return []
    files = study.repository.files(study.repository.head())
    path = base_environment(study.folder, 1)["PATH"]
    program = words[0].removeprefix("./")
    scripts = [w.removeprefix("./") for w in words[1:] if w.endswith((".py", ".sh"))]
    scripts = [name for name in scripts if not Path(name).is_absolute()]
    missing = [f"{name} is not committed in the study" for name in scripts if name not in files]
    if program not in files and shutil.which(words[0], path=path) is None:
        missing.insert(0, f"there is no program {words[0]}")
    return missing


def _going_on(study: Study) -> list[Finding]:
    """Whether `nightlab run` would go on with the last campaign."""
    tags = study.tags()
    if not tags:
        return []
    try:
        study.check_continues(study.campaign(tags[-1]))
    except NightlabError as error:
        return [(True, f"note: {error}")]
    return [(True, f"`nightlab run` would go on with campaign {tags[-1]}")]


def _data(study: Study) -> list[Finding]:

    inputs = study.settings.run.inputs
    missing = missing_inputs(study.folder, inputs)
    there = [name for name in inputs if name not in missing]
    mend = f"make it in {study.folder} (`python prepare.py`?) or mend run.inputs"
    found: list[Finding] = [(True, f"input {name} is there") for name in there]
    if missing:
        return found + [(False, f"input {name} is missing: {mend}") for name in missing]
    try:
        study.check_inputs()
    except NightlabError as error:
        return [*found, (False, str(error))]
    run = study.settings.run
    found += [(True, f"holdout {name} is for evaluate alone") for name in run.holdout]
    unset = [name for name in run.environment if name not in os.environ]
    return found + [(True, f"note: run.environment: {name} is not set here") for name in unset]


def _machine(study: Study) -> list[Finding]:

    run = study.settings.run
    found: list[Finding] = [(True, str(ask_platform(study.folder, run.parallel)))]
    found += _sandbox(study)
    tags = study.tags()
    if tags:
        found.append((True, f"noise: {_noise(study, tags[-1])}"))
    else:
        said = (
            f"noise: not measured yet; `nightlab check --noise` does, or the first {len(run.seeds)}"
        )
        found.append((True, f"{said} runs of `nightlab run`"))
    return found


def _sandbox(study: Study) -> list[Finding]:
    """What confines runs here, and what it was seen to hold."""

    tested = study.rooms.sandbox  # `_program` has said what is wrong, where it can't be had
    if tested.name == "none":
        asked = study.settings.run.isolation == "none"
        why = (
            "as program.md says"
            if asked
            else "; ".join(tested.passed_over) or study.settings.run.where
        )
        said = (
            f"sandbox: none ({why}); a change could read or write anywhere, and the report says so"
        )
        return [(True, said), *([] if asked else [(True, f"note: {MEND}")])]
    found: list[Finding] = [
        (True, f"sandbox: {tested.name}; a probe in it could not {', '.join(tested.held)}")
    ]
    found += [(True, f"note: it could {what}") for what in tested.open]
    return found + [(True, f"note: {why}") for why in tested.passed_over]


def _noise(study: Study, tag: str) -> str:

    campaign = study.campaign(tag)
    if not campaign.baseline_measured:
        return "not measured yet"
    history, noise = campaign.history, measure_noise(campaign.history)
    values = list(history.baseline.values(history.metric).values())
    if noise.deterministic:
        return f"none; {history.metric} is the same for every seed, so one run decides"
    spread = max(values) - min(values)
    return (
        f"over {len(values)} seeds {history.metric} spreads by {spread:.4g}; a run has a standard"
        f" deviation of about {noise.sigma:.4g}; `nightlab check --noise` says what that hides"
    )
