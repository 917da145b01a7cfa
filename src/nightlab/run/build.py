"""From the settings to a runner: a short name, or `package.module:Class` of your own."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from nightlab.program.problem import did_you_mean
from nightlab.run import Runner, Setting
from nightlab.run.call import CallExperiment
from nightlab.run.command import CommandExperiment
from nightlab.run.confinement import Confinement
from nightlab.run.experiment import Experiment
from nightlab.run.in_order import InOrder
from nightlab.run.local import LocalRunner
from nightlab.run.sandbox.surroundings import Surroundings
from nightlab.run.settings import RunSettings
from nightlab.types import NightlabError

Build = Callable[[RunSettings, Setting], Runner]


def build_runner(settings: RunSettings, setting: Setting) -> Runner:
    """The runner that `run.where` names. Raises NightlabError listing what there is."""
    build = RUNNERS.get(settings.where) or _load(settings.where)
    runner = build(settings, setting)
    return InOrder(runner) if settings.in_order else runner


def _local(settings: RunSettings, setting: Setting) -> Runner:
    experiment: Experiment
    place = (setting.study, setting.prefix, setting.metric)
    confinement = build_confinement(settings, setting)
    if settings.call:
        experiment = CallExperiment(settings, *place, setting.scratch, confinement)
    else:
        experiment = CommandExperiment(settings, *place, confinement, setting.caches)
    return LocalRunner(
        experiment,
        setting.scratch,
        settings.parallel,
        setting.on_progress,
        setting.keep_open,
    )


def build_confinement(settings: RunSettings, setting: Setting) -> Confinement:
    """What confines processes of a study."""
    around = Surroundings(
        setting.study,
        hidden=setting.hidden,
        holdout=settings.holdout,
        network=settings.network,
        prefix=setting.prefix,
    )
    return Confinement(setting.sandbox, around, settings)


def _function(settings: RunSettings, setting: Setting) -> Runner:
    raise NightlabError(
        "this study measures a Python function that lives in a program of yours; go on with"
        f" nightlab.optimize(..., folder={str(setting.study)!r}) there"
    )


def _load(where: str) -> Build:
    module, colon, name = where.partition(":")
    if not colon or "//" in name:
        known = did_you_mean(where, RUNNERS)
        mend = f'{known}, or give a class of your own as "package.module:Class"'
        raise NightlabError(f"run.where: no runner {where!r}{mend}")
    try:
        build: Build = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise NightlabError(f"run.where: cannot load {where}: {error}") from error
    return build


RUNNERS: dict[str, Build] = {"local": _local, "function": _function}
