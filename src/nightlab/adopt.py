"""A session of another tool becomes a campaign: to report on, or to go on with."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from nightlab.change import Refused
from nightlab.change.build import Builder
from nightlab.change.normal import diff_fingerprint, line_count
from nightlab.change.tags import checked_tag
from nightlab.remember.events import Imported, SessionEnded
from nightlab.remember.foreign import Found, check_rows, events_of, strange_keeps
from nightlab.remember.ledger import Ledger
from nightlab.remember.lock import Lock
from nightlab.remember.table import Row, Table, read_table
from nightlab.study import Study
from nightlab.types import Decision, NightlabError


@dataclass(frozen=True)
class Adopted:
    """What came of an import. `found` counts the commits that the repository still has.

    `goes_on`: whether the best one is among them, so that `nightlab run` can go on from it.
    """

    tag: str
    trials: int
    kept: int
    found: int
    goes_on: bool
    notes: tuple[str, ...]


def adopt(study: Study, path: Path, tag: str | None = None) -> Adopted:
    """Import a results table into the study's ledger as a campaign of its own.

    The values are taken as they stand; `nightlab run --tag TAG` measures the baseline and the
    best anew before it compares anything with them. Raises NightlabError for a file that is no
    results table, is of another metric, or was imported before.
    """
    content, table = _read(study, path)
    lock = Lock(study.home / "lock")
    lock.acquire(tag or "")
    ledger = study.ledger()
    try:
        digest = blake2b(content, digest_size=16).hexdigest()
        if tag is None:
            _check_new(study, ledger, digest, path)
        adopted = _write(study, ledger, table, digest, path, tag)
    finally:
        ledger.close()
        lock.release()
    copy = study.home / "imported" / f"{adopted.tag}.tsv"
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(content)
    return adopted


def _read(study: Study, path: Path) -> tuple[bytes, Table]:
    table = read_table(path)
    check_rows(table, path.name)
    metric = study.program.policy.metric
    if table.metric != metric:
        raise NightlabError(
            f"{path.name} is about {table.metric}, and the policy of program.md about {metric};"
            " write the same into PRIMARY, or into the table's header if it is but another name"
        )
    return path.read_bytes(), table


def _check_new(study: Study, ledger: Ledger, digest: str, path: Path) -> None:
    for known in ledger.campaigns():
        for entry in ledger.read(known):
            if isinstance(entry.event, Imported) and entry.event.digest == digest:
                raise NightlabError(
                    f"{path.name} was imported before, as campaign {known}; see `nightlab status"
                    f" --tag {known}`, or import it again under another --tag"
                )


def _write(
    study: Study, ledger: Ledger, table: Table, digest: str, path: Path, tag: str | None
) -> Adopted:
    look = _Look(study, table)
    events = events_of(table, look.base, look.find)
    best = look.best(table)
    branch_of = _owned_branch(study, best) if tag is None else None
    tag = checked_tag(tag) if tag else (branch_of or study.next_tag())
    branch = study.branch(tag)
    tip = study.repository.tip(branch)
    if tag in ledger.campaigns() or (tip is not None and tip != best):
        raise NightlabError(f"campaign or branch {tag!r} exists; choose another --tag")
    began = study.beginning(branch, look.base)
    imported = Imported(path.name, table.schema.value, len(table.rows), digest)
    ended = SessionEnded(f"imported from {path.name}")
    ledger.append(tag, [began, *events, imported, ended])
    for trial, commit in look.pinned.items():
        study.repository.pin(f"refs/nightlab/{tag}/{trial}", commit)
    if best is not None and tip is None:
        study.repository.move(branch, best, None)
    return Adopted(
        tag=tag,
        trials=len(table.rows) - 1,
        kept=sum(_is_kept(row) for row in table.rows[1:]),
        found=len(look.pinned),
        goes_on=best is not None,
        notes=(*look.notes, *strange_keeps(table, study.program.policy.direction)),
    )


def _owned_branch(study: Study, best: str | None) -> str | None:
    """The tag of a branch that ends at the best commit: the one the other tool worked on."""
    taken = set(study.tags())
    for branch in study.repository.branches(study.settings.change.branch):
        tag = branch.rpartition("/")[2]
        if tag not in taken and best is not None and study.repository.tip(branch) == best:
            return tag
    return None


def _is_kept(row: Row) -> bool:
    return row.status is Decision.KEEP


class _Look:
    """Looks rows up in the repository. `pinned` are the commits found, by trial."""

    def __init__(self, study: Study, table: Table) -> None:
        self.study = study
        self.pinned: dict[int, str] = {}
        self.notes: list[str] = []
        self.trial = 0
        self.builder, self.base = self._baseline(table)

    def _baseline(self, table: Table) -> tuple[Builder, str]:
        """The first row's commit, or what the first kept one was built on, else HEAD."""
        repository = self.study.repository
        named = [repository.find_commit(table.rows[0].commit)]
        first = next((r for r in table.rows[1:] if _is_kept(r)), None)
        named.append(repository.parent(first.commit) if first else None)
        for commit in [name for name in named if name]:
            try:
                builder = self.study.rooms.builder(commit)
                builder.surface.read(builder.baseline)
                return builder, commit
            except NightlabError:
                continue
        head = repository.head()
        self.notes.append(
            f"the baseline's commit, {table.rows[0].commit}, is not here, or not a study like this"
            f" one; HEAD ({head[:7]}) stands in for it"
        )
        return self.study.rooms.builder(head), head

    def find(self, name: str, incumbent: str) -> Found | None:
        """A row's change, where its commit is here and its files can be read."""
        self.trial += 1
        repository, builder = self.study.repository, self.builder
        commit = repository.find_commit(name)
        if commit is None:
            return None
        self.pinned[self.trial] = commit
        parent = incumbent if repository.has(incumbent) else self.base
        before, after = repository.files(parent), repository.files(commit)
        changed = [
            path
            for path in sorted({*before, *after})
            if builder.surface.owns(path) and before.blob(path) != after.blob(path)
        ]
        try:
            old, new = builder.surface.read(before), builder.surface.read(after)
            state = builder.state(after)
            lines = sum(line_count(p, after.get(p)) - line_count(p, before.get(p)) for p in changed)
        except (NightlabError, Refused):  # files of another shape than the baseline's
            return Found(commit)
        diff = "".join(repository.diff(p, before.get(p), after.get(p)) for p in changed)
        return Found(
            commit=commit,
            parameters=new,
            moved={name: value for name, value in new.items() if old.get(name) != value},
            diff=diff,
            lines=lines,
            state=state,
            fingerprint=diff_fingerprint(diff),
        )

    def best(self, table: Table) -> str | None:
        """The commit of the last kept row, None where it is gone."""
        kept = [n for n, row in enumerate(table.rows) if _is_kept(row) and n]
        return self.pinned.get(kept[-1]) if kept else self.base
