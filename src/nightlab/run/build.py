"""From the settings to a runner: a short name, or `package.module:function` of your own."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nightlab.program.problem import did_you_mean
from nightlab.run import OnProgress, Runner
from nightlab.run.call import CallExperiment
from nightlab.run.command import CommandExperiment
from nightlab.run.experiment import Experiment
from nightlab.run.local import LocalRunner
from nightlab.run.settings import RunSettings
from nightlab.types import NightlabError


def build_runner(
    settings: RunSettings,
    *,
    study: Path,
    prefix: str,
    metric: str,
    scratch: Path,
    on_progress: OnProgress,
    keep_open: Sequence[int] = (),
) -> Runner:
    """The runner that `run.where` names. Raises NightlabError listing what there is."""
    if settings.isolation == "required":
        raise NightlabError(
            "run.isolation is required, and this version has no sandbox yet; write auto or none"
        )
    build: Callable[..., Runner] = _RUNNERS.get(settings.where) or _load(settings.where)
    given: dict[str, Any] = {
        "study": study,
        "prefix": prefix,
        "metric": metric,
        "scratch": scratch,
        "on_progress": on_progress,
        "keep_open": keep_open,
    }
    return build(settings, **given)


def _local(
    settings: RunSettings,
    *,
    study: Path,
    prefix: str,
    metric: str,
    scratch: Path,
    on_progress: OnProgress,
    keep_open: Sequence[int],
) -> Runner:
    experiment: Experiment
    if settings.call:
        experiment = CallExperiment(settings, study, prefix, metric, scratch)
    else:
        experiment = CommandExperiment(settings, study, prefix, metric)
    return LocalRunner(experiment, scratch, settings.parallel, on_progress, keep_open)


def _load(where: str) -> Callable[..., Runner]:
    module, colon, name = where.partition(":")
    if not colon or "//" in name:
        known = did_you_mean(where, _RUNNERS)
        mend = f'{known}, or give a function of your own as "package.module:function"'
        raise NightlabError(f"run.where: no runner {where!r}{mend}")
    try:
        build: Callable[..., Runner] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise NightlabError(f"run.where: cannot load {where}: {error}") from error
    return build


_RUNNERS: dict[str, Callable[..., Runner]] = {"local": _local}
