"""What is executed: jobs and confined programs, and how they ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nightlab.types.words import Curve, Metrics, Outcome, Purpose


@dataclass(frozen=True)
class Job:
    """One run to be executed: what a runner needs, and nothing it could misuse.

    `export(folder)` lays the trial's files into an empty folder, `harness(folder)` the pristine
    ones of the baseline. `code` is equal for two jobs whose files differ only in parameter values.
    `parameters` is the whole mapping of the `keys` file, for `call` experiments. `protected` maps
    each file outside the surface to the blake2b digest of its contents. `times` is how many times
    the usual budget the run may spend.
    """

    run: int
    trial: int
    seed: int
    purpose: Purpose
    export: Callable[[Path], None]
    harness: Callable[[Path], None]
    code: str
    parameters: Mapping[str, Any]
    protected: Mapping[str, str]
    log: Path
    artifacts: Path
    times: float = 1.0


@dataclass(frozen=True)
class Command:
    """A program that is to be started confined, and what it may see.

    It may write in `folder` and in `private`, its home and /tmp, and read what is `readable`. It
    finds the usual variables, those that `environment` names, and `variables`. `home` are files to
    be laid into its home folder, by path relative to it; with them the home is a throwaway one even
    where there is no sandbox.
    """

    argv: Sequence[str]
    folder: Path
    private: Path
    readable: Sequence[Path] = ()
    network: bool = False
    environment: Sequence[str] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    home: Mapping[str, bytes] | None = None


@dataclass(frozen=True)
class Exit:
    """How a confined program ended: its status, negative for a signal, and wall time in seconds.

    `why` is "" where it ended by itself, else `timeout`, `cancelled`, or the limit it was beyond.
    """

    code: int
    why: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Wanted:
    """A run that the judge asks for. Trial 0 is the baseline."""

    trial: int
    seed: int
    purpose: Purpose


@dataclass(frozen=True)
class Measurement:
    """What came out of one run. `metrics` are finite numbers; `seconds` is wall time.

    `self_reported` holds what an untrusted half printed about itself; it never decides. `curve` is
    its progress: a few points of (fraction of the budget, value).
    """

    run: int
    outcome: Outcome
    metrics: Metrics = field(default_factory=dict)
    self_reported: Metrics = field(default_factory=dict)
    seconds: float = 0.0
    detail: str = ""
    curve: Curve = ()


@dataclass(frozen=True)
class Progress:
    """Where a run in flight stands: `fraction` of its budget done (0 to 1), or None if unknown."""

    run: int
    fraction: float | None
    values: Metrics = field(default_factory=dict)
