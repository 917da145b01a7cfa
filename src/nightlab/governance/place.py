"""Where a tuning lives: the export root, and the study that is laid below it."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nightlab.governance.question import Question, differences
from nightlab.program.policy import Policy
from nightlab.remember.lock import running
from nightlab.remember.replace import replace_file
from nightlab.types import Direction, NightlabError

LAB = Path(__file__).parent.parent / "labs" / "governance"
"""The ready-made study; its simulate.py is what every tuning measures with."""

_OURS = ("summary.json", "best.yaml", "report.md", "iterations", "study")
LOCK = ".lock"
"""A file that is locked while a tuning is at work here."""
_LAYING = ".laying-"
"""How a folder's name begins in which a study is being laid."""


@dataclass(frozen=True)
class Place:
    """The folder that `--export-root` names."""

    root: Path

    @property
    def study(self) -> Path:
        """A study of Nightlab's own, a repository of its own."""
        return self.root / "study"

    @property
    def summary(self) -> Path:
        """The ledger, in upstream's keys."""
        return self.root / "summary.json"

    @property
    def best(self) -> Path:
        """The best configuration, a whole scenario file."""
        return self.root / "best.yaml"

    @property
    def iterations(self) -> Path:
        """A folder per iteration."""
        return self.root / "iterations"

    @property
    def report(self) -> Path:
        """What held, for people."""
        return self.root / "report.md"

    @property
    def scenario(self) -> Path:
        """The study's own copy of the scenario, in which levers move."""
        return self.study / "scenario.yaml"

    @property
    def script(self) -> Path:
        """The study's own copy of simulate.py."""
        return self.study / "simulate.py"

    @property
    def is_begun(self) -> bool:
        """Whether a tuning was begun here."""
        return (self.study / "question.json").is_file()

    def check_same(self, question: Question) -> None:
        """Raise NightlabError where what is asked is not what was begun here."""
        try:
            known = json.loads((self.study / "question.json").read_text("utf-8"))
            if not isinstance(known, dict):
                raise ValueError("it holds no question")
        except (OSError, ValueError) as error:
            raise NightlabError(
                f"{self.study}/question.json can't be read ({error}); begin afresh with --new"
            ) from None
        other = differences(question.fingerprint(), known)
        if other:
            raise NightlabError(
                f"{self.root} holds a tuning with another {', '.join(other[:3])}; numbers would not"
                " compare: take it back, begin afresh with --new, or name another --export-root"
            )

    def check_free(self) -> None:
        """Raise NightlabError where files that are none of ours are."""
        there = [name for name in _OURS if os.path.lexists(self.root / name)]
        foreign = [name for name in there if name != "study" or not self._is_empty]
        if foreign:
            raise NightlabError(
                f"{self.root / foreign[0]} is there already, and is of no tuning that could go on;"
                " --new puts it aside, or name another --export-root"
            )

    @property
    def _is_empty(self) -> bool:
        """Whether the study's folder is there and nothing is in it, so that one can be laid."""
        study = self.study
        return study.is_dir() and not study.is_symlink() and not any(study.iterdir())

    def put_aside(self) -> Path | None:
        """Move what is here into a folder beside it, `before-1`. Returns it, None for nothing.

        Raises NightlabError while a tuning is at work here.
        """
        if running(self.study / ".git" / "nightlab" / "lock"):
            raise NightlabError(f"a tuning is at work in {self.root}; wait for it, or end it first")
        there = [self.root / name for name in _OURS if os.path.lexists(self.root / name)]
        if not there:
            return None
        number = 1
        while (self.root / f"before-{number}").exists():
            number += 1
        aside = self.root / f"before-{number}"
        aside.mkdir(parents=True)
        for path in there:
            path.rename(aside / path.name)
        return aside

    def lay(
        self, question: Question, policy: Policy, program: str, scenario: bytes, quick: bool = True
    ) -> None:
        """Lay the study, whole or not at all. Raises NightlabError for one that makes no sense.

        Without `quick` its simulator is left as slow as it is.
        """
        from nightlab.study import open_study

        self.root.mkdir(parents=True, exist_ok=True)
        self._clear_torn()
        self._hide()
        with tempfile.TemporaryDirectory(prefix=_LAYING, dir=self.root) as folder:
            fresh = Path(folder) / "study"
            evaluation = self._evaluation(question, policy, quick)
            self._write(fresh, question, program, scenario, evaluation)
            open_study(fresh)
            fresh.rename(self.study)

    def _write(
        self, study: Path, question: Question, program: str, scenario: bytes, evaluation: str
    ) -> None:
        """The study's files, committed, and question.json."""
        from nightlab.change.repository import init_repository

        study.mkdir()
        for path in LAB.glob("*.py"):
            shutil.copyfile(path, study / path.name)
        (study / self.scenario.name).write_bytes(scenario)
        for name, path in self._family(question.scenarios[1:]):
            target = study / name
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, target)
        replace_file(study / "evaluation.yaml", [evaluation])
        replace_file(study / "program.md", [program])
        init_repository(study, f"tuning of {question.scenario.name}")
        replace_file(study / "question.json", [json.dumps(question.fingerprint(), indent=1), "\n"])

    def _hide(self) -> None:
        """Keep a repository within a repository out of the user's `git status`."""
        ours = ["study/", "before-*/", f"{_LAYING}*/", LOCK]
        ignore = self.root / ".gitignore"
        if not ignore.exists():
            replace_file(ignore, [f"/{name}\n" for name in ours])
            return
        from nightlab.change.repository import Repository

        with suppress(NightlabError):  # the folder is in no repository
            Repository(self.root).exclude(ours)

    def _clear_torn(self) -> None:
        """Take away what broke off while it was laid: nothing was measured in it.

        Whoever lays holds the lock, so that nobody else's is taken.
        """
        for path in self.root.glob(f"{_LAYING}*"):
            shutil.rmtree(path, ignore_errors=True)

    def _family(self, scenarios: Sequence[Path]) -> list[tuple[str, Path]]:
        return [(f"family/{n}-{path.name}", path) for n, path in enumerate(scenarios, 2)]

    def _evaluation(self, question: Question, policy: Policy, quick: bool) -> str:
        """evaluation.yaml: what simulate.py reads besides the scenario."""
        lines = [f"epochs: {question.epochs}", f"steps: {question.steps}"]
        names = [name for name, _ in self._family(question.scenarios[1:])]
        if names:
            side = "lower" if policy.direction is Direction.MINIMIZE else "higher"
            better = {policy.metric.removeprefix("pooled."): side}
            lines += [f"scenarios: {json.dumps(names)}", f"combine: {question.combine}"]
            lines += [f"better: {json.dumps(better)}"]
        if question.payoffs:
            lines.append("payoffs: true")
        if question.replays:
            lines.append(f"replays: {question.replays}")
        if not quick:
            lines.append("quick: false")
        return "\n".join(lines) + "\n"
