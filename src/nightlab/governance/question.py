"""What a tuning is about: its objective, world, panel and horizon, and how it searches."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from nightlab.program.problem import did_you_mean
from nightlab.types import NightlabError, one_line

Say: TypeAlias = "Callable[[str], None]"
"""Is told a line."""

Score = Literal["last", "pooled"]
Combine = Literal["mean", "worst"]

SEED_LEVERS = "seed"
"""Of `levers`: the eight that upstream's loop moves."""

PROPOSERS = ("sparse", "search", "random", "emitters", "seed")


@dataclass(frozen=True)
class Question:
    """All that a number of a tuning depends on. Two that are equal may share a ledger.

    `scenarios` are the family, the first one the one whose governance section is tuned; `levers`
    are names, `all` or `seed`. `validate` is after how many keeps a longer validation comes, 0 for
    never, `confirm` the number of fresh seeds at the end, and `plateau` after how many iterations
    without a keep it stops, 0 for never.
    """

    objective: Path
    scenarios: tuple[Path, ...]
    epochs: int = 3
    steps: int = 5
    seeds: tuple[int, ...] = (7, 11, 19)
    score: Score = "last"
    combine: Combine = "mean"
    levers: tuple[str, ...] = ("all",)
    pinned: tuple[str, ...] = ()
    payoffs: bool = False
    replays: int = 0
    propose: str = "sparse"
    at_once: int = 4
    random_seed: int = 42
    keep: Literal["evidence", "any"] = "evidence"
    panel: Literal["fresh", "fixed"] = "fresh"
    validate: int = 5
    confirm: int = 20
    plateau: int = 0
    parallel: int = 1

    @property
    def scenario(self) -> Path:
        """The file whose governance section is tuned."""
        return self.scenarios[0]

    def checked(self) -> Question:
        """The same. Raises NightlabError for what makes no sense, the first mistake first."""
        if not self.seeds:
            raise NightlabError("--seeds must provide at least one seed, as in 7,11,19")
        twice = sorted({seed for seed in self.seeds if self.seeds.count(seed) > 1})
        if twice:
            raise NightlabError(
                f"--seeds: {twice[0]} is given twice; a repeated seed adds no evidence"
            )
        if min(self.seeds) < 0 or max(self.seeds) >= 2**31:
            raise NightlabError("--seeds: seeds lie between 0 and 2147483647")
        if self.keep == "evidence" and len(self.seeds) < 2:
            raise NightlabError("--seeds: evidence needs two seeds or more; or take --keep any")
        if len({path.resolve() for path in self.scenarios}) < len(self.scenarios):
            raise NightlabError("--scenario: a file is given twice")
        if not self.levers:
            raise NightlabError("--levers must name a lever at least, or be all or seed")
        if self.propose not in PROPOSERS:
            near = did_you_mean(self.propose, PROPOSERS)
            raise NightlabError(f"--propose: there is no {one_line(self.propose, 60)!r}{near}")
        for path in (self.objective, *self.scenarios):
            if not path.is_file():
                raise NightlabError(f"there is no file {path}")
        return self

    def fingerprint(self) -> dict[str, Any]:
        """What may not change while a tuning goes on, with files by their contents."""
        return {
            "objective": _digest(self.objective),
            "scenario": [_digest(path) for path in self.scenarios],
            "eval-epochs": self.epochs,
            "eval-steps": self.steps,
            "seeds": list(self.seeds),
            "score": self.score,
            "combine": self.combine,
            "levers": list(self.levers),
            "pin": list(self.pinned),
            "payoffs": self.payoffs,
            "replays": self.replays,
            "propose": self.propose,
            "at-once": self.at_once,
            "random-seed": self.random_seed,
            "keep": self.keep,
            "panel": self.panel,
            "validate": self.validate,
            "confirm": self.confirm,
            "plateau": self.plateau,
        }


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The options in which two fingerprints differ, as they are written on the command line."""
    return [f"--{key}" for key in one if json.dumps(one[key]) != json.dumps(other.get(key))]


def _digest(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
