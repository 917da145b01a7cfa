"""A study's proposer, judge, watch, sandbox and runner, built as program.md names them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nightlab.change.about.topics import TOPICS, topic_of_parameter
from nightlab.change.about.words import Category
from nightlab.change.build import Builder
from nightlab.change.files import build_surface
from nightlab.change.harness import changed_files
from nightlab.change.repository import Repository
from nightlab.change.scope import Bounds, rules_of
from nightlab.change.threeway import apply_three_way
from nightlab.change.workspace import Visible, checkout
from nightlab.disk import workplace
from nightlab.judge.abort import Watch
from nightlab.judge.seedwise import SeedwiseJudge
from nightlab.judge.settings import JudgeSettings
from nightlab.program import Program
from nightlab.program.space import Space
from nightlab.propose import FullPurse, Proposer, Purse, Queue, Setting
from nightlab.propose.build import build_proposer
from nightlab.propose.emitters.plan import Plan, plan_next
from nightlab.propose.queue import Nobody, OneOf, QueueProposer
from nightlab.propose.settings import ProposeSettings
from nightlab.remember.ledger import Ledger
from nightlab.remember.memory.past import Recall
from nightlab.run import OnProgress, Runner
from nightlab.run import Setting as RunSetting
from nightlab.run.build import build_confinement, build_runner
from nightlab.run.output import new_progress
from nightlab.run.program import Programs
from nightlab.run.sandbox import Tested
from nightlab.run.sandbox.choose import choose_sandbox
from nightlab.run.sandbox.surroundings import Surroundings
from nightlab.settings import Settings
from nightlab.types import History, Memory, NightlabError


@dataclass
class Rooms:
    """Builds what a program names. `home` is Nightlab's folder in the git common folder.

    `views` are what Nightlab writes into the study, and no proposer needs to see.
    """

    folder: Path
    program: Program[Settings]
    repository: Repository
    home: Path
    views: Sequence[str] = ()

    @property
    def settings(self) -> Settings:
        """The settings of program.md."""
        return self.program.settings

    @property
    def scratch(self) -> Path:
        """Where runs have their folders: out of the repository, one place for each study."""
        return workplace() / hashlib.blake2b(str(self.home).encode(), digest_size=6).hexdigest()

    @property
    def proposals(self) -> Path:
        """Where programs that propose have their folders."""
        return self.scratch.with_suffix(".proposals")

    def builder(self, base: str) -> Builder:
        """What turns ideas into changes, relative to this baseline."""
        change = self.settings.change
        surface = build_surface(change)
        files = self.repository.files(base)
        return Builder(surface, change.free(), files, self.repository.diff, Bounds.of(change))

    @property
    def surface(self) -> tuple[str, ...]:
        """The paths and patterns that may be edited."""
        change = self.settings.change
        named = (*change.files, *(name for name in (change.block, change.keys) if name))
        return tuple(dict.fromkeys(named))

    def programs(
        self, cancelled: Callable[[], bool] = lambda: False, keep_open: Sequence[int] = ()
    ) -> Programs:
        """What runs programs that propose. Only with the first of them the sandbox is tried."""
        run = self.settings.run
        return Programs(lambda: build_confinement(run, self._run_setting()), cancelled, keep_open)

    def proposer(
        self,
        purse: Purse | None = None,
        programs: Programs | None = None,
        queue: Queue | None = None,
        wish: int | None = None,
        recall: Recall | None = None,
    ) -> Proposer:
        """The proposer that the program names, behind the queue of ideas: or one idea alone."""
        setting = self.propose_setting(purse, programs, queue, recall)
        if queue and wish is not None:
            return QueueProposer(Nobody(), OneOf(queue, wish), setting)
        found = build_proposer(self.settings.propose, setting)
        return QueueProposer(found, queue, setting) if queue else found

    def propose_setting(
        self,
        purse: Purse | None = None,
        programs: Programs | None = None,
        queue: Queue | None = None,
        recall: Recall | None = None,
    ) -> Setting:
        """What a proposer may know."""
        programs = programs or self.programs()
        change, run = self.settings.change, self.settings.run
        hidden = (*run.holdout, *self.views)
        return Setting(
            space=change.free(),
            policy=self.program.policy,
            prose=self.program.prose,
            surface=self.surface,
            workspace=lambda commit: checkout(self.repository, commit, hidden, self.proposals),
            cancelled=programs.cancelled,
            execute=programs.execute,
            purse=purse or FullPurse(),
            files=lambda commit: Visible(self.repository, commit, hidden),
            merge=lambda edits, commit: apply_three_way(
                edits, self.repository.files(commit), self.repository
            ),
            scope=change.scope,
            pinned=change.pinned,
            rules=rules_of(change),
            one_mechanism=change.one_mechanism,
            budget=run.budget_text,
            waiting=queue.pending if queue else tuple,
            progress=lambda log: new_progress(log, 0)[0],
            folder=self.folder,
            memory=recall or (lambda history: Memory()),
            kinds=self.kinds,
            before=(lambda: recall.before) if recall else dict,
        )

    @property
    def kinds(self) -> dict[str, str]:
        """What each parameter of the space is about, as `attention`."""
        space = self.settings.change.space
        return {name: topic_of_parameter(name, space) for name in space}

    def recall(self, ledger: Ledger, tag: str = "") -> Recall:
        """The memory of the study, for the campaign `tag`."""
        patience = self.settings.remember.patience
        topics = frozenset((*(kind for kind, *_ in TOPICS), *(each.value for each in Category)))
        space = Space(self.settings.change.space)
        fixed = frozenset(space.parameters) - frozenset(self.settings.change.free().parameters)
        return Recall(ledger, space, self.kinds, patience, tag, topics, self._same_harness, fixed)

    def _same_harness(self, one: str, other: str) -> bool:
        """Whether two commits differ in what may be edited alone, and in what steers Nightlab."""
        if one == other:
            return True
        if not (self.repository.has(one) and self.repository.has(other)):
            return False
        surface = build_surface(self.settings.change)
        return not changed_files(self.repository, one, other, surface)

    def plan(self, history: History, memory: Memory, recall: Recall) -> Plan | None:
        """What whoever writes the next trial by hand might try."""
        named = (each for each in self.settings.propose if each.with_ == "emitters")
        settings = next(named, ProposeSettings.model_validate({"with": "emitters"}))
        return plan_next(history, memory, self.kinds, settings, recall.before)

    @property
    def judge_settings(self) -> JudgeSettings:
        """The judge section. Where runs have no budget, none can be longer."""
        given = self.settings.judge
        if given.validate_ is None or self.settings.run.budget:
            return given
        same = given.validate_.model_copy(update={"times": 1.0})
        return given.model_copy(update={"validate_": same})

    def judge(self) -> SeedwiseJudge:
        """The judge that the policy and the judge section describe."""
        budget = self.settings.run.budget
        seconds = budget.amount if budget and budget.unit == "seconds" else None
        return SeedwiseJudge(self.program.policy, self.judge_settings, seconds)

    def watch(self) -> Watch:
        """What listens to the progress of runs, and finds the hopeless ones."""
        space = self.settings.change.space
        schedule = frozenset(name for name, p in space.items() if "schedule" in p.tags)
        limit = self.settings.run.time_limit
        return Watch(self.program.policy, self.judge_settings, schedule, limit)

    @cached_property
    def sandbox(self) -> Tested:
        """What confines runs on this machine: tried once. Raises NightlabError where the settings
        require one that does not work here."""
        run = self.settings.run
        if run.where != "local":
            if run.isolation not in ("auto", "none"):
                raise NightlabError(
                    f"run.isolation: {run.where} has no sandbox; write auto or none"
                )
            return Tested()
        around = Surroundings(self.folder, self.hidden, run.holdout, run.network)
        return choose_sandbox(run.isolation, around, self.scratch.with_suffix(".probes"))

    @property
    def hidden(self) -> list[Path]:
        """Folders that no run may see: checkouts, the ledger, what other runs leave."""
        checkouts = self.repository.checkouts()
        return [*checkouts, *checkouts.values(), self.repository.common, self.scratch.parent]

    def runner(self, on_progress: OnProgress, keep_open: Sequence[int] = ()) -> Runner:
        """The runner that the run section names."""
        return build_runner(self.settings.run, self._run_setting(on_progress, keep_open))

    def _run_setting(
        self, on_progress: OnProgress = lambda _: None, keep_open: Sequence[int] = ()
    ) -> RunSetting:
        return RunSetting(
            study=self.folder,
            prefix=self.repository.prefix,
            metric=self.program.policy.metric,
            scratch=self.scratch,
            on_progress=on_progress,
            keep_open=keep_open,
            sandbox=self.sandbox.sandbox,
            hidden=self.hidden,
            caches=self.home / "caches",
        )
