"""A study: a program, its repository and its ledger, opened together."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from nightlab.campaign import Campaign, OnEvent
from nightlab.campaign.account import Account
from nightlab.campaign.discovery import DiscoveryFolder
from nightlab.campaign.mending import Mending
from nightlab.campaign.place import Place
from nightlab.change.harness import changed_files
from nightlab.change.keys import load_mapping
from nightlab.change.repository import Repository, git_is_installed
from nightlab.change.tags import checked_tag, free_tag
from nightlab.disk import clear
from nightlab.loop import run_loop
from nightlab.program import Program, read_program
from nightlab.propose import Proposer
from nightlab.remember.discovery.ours import check_ours
from nightlab.remember.events import CampaignBegan
from nightlab.remember.ledger import Ledger
from nightlab.remember.lock import Holder, Lock, running
from nightlab.remember.memory.past import Recall
from nightlab.remember.wishes import Wishes
from nightlab.rooms import Rooms
from nightlab.run import OnProgress, Runner
from nightlab.run.environment import interpreter
from nightlab.run.inputs import fingerprint, missing_inputs
from nightlab.run.platform import detect_platform
from nightlab.run.sandbox.interpreter import PACKAGE, missing_packages
from nightlab.settings import Settings
from nightlab.stop import Stop
from nightlab.types import Job, NightlabError, Progress, Purpose

VIEWS = ["autoresearch-summary.md", "autoresearch-progress.md", "charts/", "best/"]
"""What Nightlab writes into a study besides the results file; hidden by info/exclude."""

DISCOVERY = "results/discovery"
"""The folder of views for other research loops, in a study that does not say."""

_ANALYSIS = ["analysis.ipynb", "analysis-*.tsv", "progress.png"]
"""What `nightlab export notebook` writes; hidden too, but some studies have one of their own."""


@dataclass
class Study:
    """Everything that a command needs of a study. Open it with `open_study`."""

    folder: Path
    program: Program[Settings]
    repository: Repository
    home: Path

    @property
    def settings(self) -> Settings:
        """The settings of program.md."""
        return self.program.settings

    @cached_property
    def rooms(self) -> Rooms:
        """Its proposer, judge, runner and the like."""
        return Rooms(self.folder, self.program, self.repository, self.home, self._views)

    @property
    def _views(self) -> list[str]:
        """What is written into the study besides the results file."""
        named = self.settings.remember.discovery
        return [*VIEWS, *([f"{named}/"] if named else [])]

    @property
    def ledger_path(self) -> Path:
        """The ledger, in the git common folder: safe from `git clean`."""
        return self.home / "ledger.db"

    @property
    def results(self) -> Path:
        """results.tsv, or what the program calls it."""
        return self.folder / self.settings.remember.results

    def ledger(self) -> Ledger:
        """The ledger, made if there is none."""
        return Ledger(self.ledger_path)

    def running(self) -> Holder | None:
        """Who is running a campaign of this study now, if anybody."""
        return running(self.home / "lock")

    def tags(self) -> list[str]:
        """The campaigns of this study, the last one worked on at the end."""
        if not self.ledger_path.exists():
            return []
        ledger = self.ledger()
        try:
            return ledger.campaigns()
        finally:
            ledger.close()

    def next_tag(self) -> str:
        """The tag that a new campaign would get: the date, and a number where it is taken."""
        taken = set(self.tags())
        return free_tag(lambda t: t in taken or self.repository.tip(self.branch(t)) is not None)

    def pick(self, tag: str | None = None) -> str:
        """The tag asked for, else that of the last campaign. Raises NightlabError for none."""
        tags = self.tags()
        if tag is not None and tag not in tags:
            known = f"; there are: {', '.join(tags)}" if tags else ""
            raise NightlabError(f"there is no campaign {tag!r}{known}")
        if not tags:
            raise NightlabError("no campaign yet: begin one with `nightlab run`")
        return tag or tags[-1]

    def campaign_before(self, tag: str) -> CampaignBegan | None:
        """How the campaign before this one began; None for the first, and where that is lost."""
        ledger = self.ledger()
        try:
            before = ledger.campaign_before(tag)
            first = next((e.event for e in ledger.read(before)), None) if before else None
        finally:
            ledger.close()
        if isinstance(first, CampaignBegan) and self.repository.has(first.base):
            return first
        return None

    def campaign(self, tag: str, on_event: OnEvent = lambda _: None) -> Campaign:
        """Open a campaign from the ledger."""
        return self._campaign(tag, self.ledger(), on_event)

    def _campaign(self, tag: str, ledger: Ledger, on_event: OnEvent) -> Campaign:
        change = self.settings.change
        validation = self.rooms.judge_settings.validate_
        place = Place(
            home=self.home,
            results=self.results,
            keys=change.keys,
            time_limit=self.settings.run.time_limit,
            validation=validation.times if validation else 1.0,
            in_order=self.settings.run.in_order,
        )
        first = next((e.event for e in ledger.read(tag)), None)
        if not isinstance(first, CampaignBegan):
            raise NightlabError(f"there is no campaign {tag!r} in the ledger")
        builder = self.rooms.builder(first.base)
        ledger.quick = self.settings.run.call is not None
        campaign = Campaign(tag, ledger, self.repository, builder, place, on_event)
        campaign.mending = Mending(change, self.repository, builder)
        campaign.before_keep = lambda: self._check_same_inputs(campaign)
        return campaign

    def begin(self, tag: str | None, ledger: Ledger) -> str:
        """Write the first event of a new campaign at HEAD. Returns its tag."""
        tag = checked_tag(tag) if tag else self.next_tag()
        branch = self.branch(tag)
        event = self.beginning(branch, self.repository.head())
        if self.repository.tip(branch) is not None:
            mend = "choose another with --tag, or delete it with `git branch -D`"
            raise NightlabError(f"branch {branch} exists and is not this ledger's; {mend}")
        self.check_inputs()
        clear(self.home / "caches")  # what was compiled for another baseline
        ledger.append(tag, [event])
        self._hide_views()
        return tag

    def beginning(self, branch: str, base: str) -> CampaignBegan:
        """The first event of a campaign from `base`. Raises NightlabError where none can be."""
        builder = self.rooms.builder(base)
        parameters = builder.surface.read(builder.baseline)
        self._check_views()
        run, policy = self.settings.run, self.program.policy
        return CampaignBegan(
            branch=branch,
            base=base,
            metric=policy.metric,
            direction=policy.direction.value,
            seeds=list(run.seeds),
            program=self.program_hash(),
            settings=self.settings.model_dump(mode="json", by_alias=True),
            policy=policy.sentences(),
            inputs=self._fingerprint(),
            state=builder.state(builder.baseline),
            parameters=parameters,
            platform=detect_platform(run.parallel).as_dict(),
            isolation=self.rooms.sandbox.name,
            budget=run.budget_text,
            study=self.program.title,
        )

    def _check_views(self) -> None:
        """Refuse to write a view over a file that the study has committed."""
        committed = self.repository.files(self.repository.head())
        views = (self.settings.remember.results, *self._views)
        taken = [name for name in committed if name.startswith(views)]
        if taken:
            named = self.settings.remember.discovery
            other = "discovery" if named and taken[0].startswith(f"{named}/") else "results"
            raise NightlabError(
                f"{taken[0]} is committed, and Nightlab would write over it; `git rm --cached` it"
                f" and commit, or name another remember.{other}"
            )
        if self.settings.remember.discovery:
            check_ours(self.folder / self.settings.remember.discovery)

    def _hide_views(self) -> None:
        self.repository.exclude([self.settings.remember.results, *self._views, *_ANALYSIS])

    def hide(self, paths: Iterable[Path]) -> None:
        """Hide files of ours from `git status`, those of them that lie in the study."""
        there = (Path(os.path.relpath(path.resolve(), self.folder)).as_posix() for path in paths)
        self.repository.exclude([name for name in there if not name.startswith("../")])

    def program_hash(self) -> str:
        """Changes when a number, or what is made of it, would."""
        return self.program.hash_of("run", "judge")

    def check_continues(self, campaign: Campaign) -> None:
        """Raise NightlabError where what is measured has changed since the campaign began."""
        began = campaign.state.began
        assert began is not None
        mend = "numbers would not compare; take it back, or begin again with `nightlab run --new`"
        if began.program != self.program_hash():
            raise NightlabError(
                f"the policy, run or judge section of program.md changed since {campaign.tag}"
                f" began: {mend}"
            )
        best = campaign.history.incumbent.commit
        if not self.repository.has(best):
            raise NightlabError(
                f"commit {best} of the imported best is not in this repository, so {campaign.tag}"
                " can be reported on, not gone on with; begin another with `nightlab run --new`"
            )
        changed = self.changed_harness(began.base, self.repository.head(), campaign)
        if changed:
            raise NightlabError(
                f"{', '.join(changed[:3])} changed since campaign {campaign.tag} began: {mend}"
            )
        self.check_inputs()
        self._check_same_inputs(campaign)

    def _check_same_inputs(self, campaign: Campaign) -> None:
        began = campaign.state.began
        if began is not None and began.inputs != self._fingerprint():
            raise NightlabError(
                f"the inputs changed since campaign {campaign.tag} began: numbers would not"
                " compare; take it back, or begin again with `nightlab run --new`"
            )

    def changed_harness(self, old: str, new: str, campaign: Campaign) -> list[str]:
        """Files outside the surface of a campaign that two commits don't have alike."""
        return changed_files(self.repository, old, new, campaign.builder.surface)

    def check_inputs(self) -> None:
        """Raise NightlabError for an input or a part of the holdout that is not there."""
        run = self.settings.run
        unknown = missing_packages(interpreter(self.folder), run.holdout)
        if unknown:
            raise NightlabError(
                f"run.holdout: {unknown[0]} is not installed, so it can't be hidden; `pip install"
                f" {unknown[0].removeprefix(PACKAGE)}`, or leave it out"
            )
        missing = missing_inputs(self.folder, (*run.inputs, *run.holdout))
        tracked = self.repository.files(self.repository.head())
        missing = [m for m in missing if not any(f.startswith(m) for f in tracked)]
        if missing:
            mend = "make it first (`python prepare.py`?), or mend run.inputs in program.md"
            raise NightlabError(f"input {', '.join(missing)} is missing: {mend}")

    def _fingerprint(self) -> str:
        self.home.mkdir(parents=True, exist_ok=True)
        return fingerprint(self.folder, self.settings.run.inputs, self.home / "inputs.json")

    def branch(self, tag: str) -> str:
        """The branch of a campaign."""
        return f"{self.settings.change.branch}/{tag}"

    def trial_run(self, place: Path) -> Job:
        """A job that runs HEAD once on the first seed, with its log below `place`: for a check.

        Raises NightlabError where a session is running, whose scratch folder it would share.
        """
        holder = self.running()
        if holder is not None:
            raise NightlabError(f"campaign {holder.campaign} is running; try again when it is not")
        head = self.repository.head()
        builder, keys = self.rooms.builder(head), self.settings.change.keys
        values = builder.surface.read(builder.baseline)
        prefix = self.repository.prefix
        return Job(
            run=0,
            trial=0,
            seed=self.settings.run.seeds[0],
            purpose=Purpose.BASELINE,
            export=lambda folder: self.repository.export(head, folder),
            harness=lambda folder: self.repository.export(head, folder),
            code=head,
            parameters=load_mapping(keys, builder.baseline[keys]) if keys else values,
            protected={
                path: digest
                for path, digest in self.repository.digests(head).items()
                if not builder.surface.owns(path.removeprefix(prefix))
            },
            log=place / "check.log",
            artifacts=place / "artifacts",
        )

    def run(
        self,
        *,
        tag: str | None = None,
        new: bool = False,
        trials: int | None = None,
        runs: int | None = None,
        until: str | None = None,
        proposer: Proposer | None = None,
        runner: Runner | None = None,
        wish: int | None = None,
        on_campaign: Callable[[Campaign], None] = lambda _: None,
        on_event: OnEvent = lambda _: None,
        on_progress: OnProgress = lambda _: None,
        on_stop: Callable[[Stop], None] = lambda _: None,
    ) -> tuple[Campaign, str]:
        """Go on with a campaign, or begin one, until it stops. Returns it, and why it stopped.

        A proposer and a runner given here stand in for those that the program names. With a `wish`,
        the number of a queued idea, that is tried alone, and nothing is confirmed at the end.
        """
        if not git_is_installed():
            raise NightlabError("git is not installed; `apt install git`, or the like")
        self.repository.head()
        trials = trials if wish is None else 1
        stop = Stop(self.settings.stop, trials, until, time.time, runs, confirms=wish is None)
        lock = Lock(self.home / "lock")
        lock.acquire(tag or "")
        clear(self.rooms.proposals)  # left by a session that was killed
        ledger = self.ledger()
        programs = self.rooms.programs(lambda: bool(stop.at_once()), keep_open=(lock.fd,))
        try:
            known = ledger.campaigns()
            begin = new or not known or (tag is not None and tag not in known)
            if new and tag in known:
                raise NightlabError(f"campaign {tag!r} exists; choose another --tag, or drop --new")
            account = Account()
            recall = self.rooms.recall(ledger)
            queue = Wishes(ledger)
            proposer = proposer or self.rooms.proposer(account, programs, queue, wish, recall)
            watch = self.rooms.watch()
            isolation = "none" if runner else self.rooms.sandbox.name
            hear = _both(watch.hear, on_progress)
            runner = runner or self.rooms.runner(hear, keep_open=(lock.fd,))
            recall.tag = chosen = self.begin(tag, ledger) if begin else (tag or known[-1])
            lock.rename(chosen)
            campaign = self._campaign(chosen, ledger, on_event)
            campaign.isolation = isolation
            campaign.admission.past = lambda: recall.past
            if self.settings.remember.discovery:
                check_ours(self.folder / self.settings.remember.discovery)
                campaign.keep_views = self.discovery(campaign, recall).keep
            self.check_continues(campaign)
            self._check_checked_out(campaign)
            self._hide_views()
            on_campaign(campaign)
            stop.begin(campaign)
            account.open(campaign, lambda: stop.broke(campaign))
            on_stop(stop)
            why = run_loop(campaign, proposer, self.rooms.judge(), runner, stop, watch)
            return campaign, why
        finally:
            programs.close()
            ledger.close()
            lock.release()

    def discovery(self, campaign: Campaign, recall: Recall | None = None) -> DiscoveryFolder:
        """The folder of views for other research loops, hidden from git."""
        named = self.settings.remember.discovery or DISCOVERY
        self.repository.exclude([f"{named}/"])
        recall = recall or self.rooms.recall(campaign.ledger, campaign.tag)
        return DiscoveryFolder(self.folder / named, campaign, recall)

    def _check_checked_out(self, campaign: Campaign) -> None:
        where = self.repository.checked_out(campaign.branch)
        if where is not None:
            raise NightlabError(
                f"branch {campaign.branch} is checked out in {where}, and Nightlab moves it;"
                " `git switch` to another branch there first"
            )


def _both(first: OnProgress, second: OnProgress) -> OnProgress:
    def tell(progress: Progress) -> None:
        first(progress)
        second(progress)

    return tell


def open_study(folder: Path) -> Study:
    """Open the study at `folder`. Raises NightlabError where it isn't one, or says wrong things."""
    folder = folder.resolve()
    program = read_program(folder / "program.md", Settings)
    repository = Repository(folder)
    slug = repository.prefix.strip("/").replace("/", "--")
    home = repository.common / "nightlab" / slug if slug else repository.common / "nightlab"
    return Study(folder, program, repository, home)
