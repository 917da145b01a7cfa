"""What `nightlab merge` says: what was kept, what would happen, what has happened."""

from __future__ import annotations

import shlex
from typing import Any

from nightlab.campaign import Campaign
from nightlab.change.merge import How, Merge, Preview
from nightlab.report.markdown import counted
from nightlab.report.status import improvement_text
from nightlab.study import Study
from nightlab.types import History

_SHOWN = 20


def kept_lines(study: Study, campaign: Campaign, merging: Merge | None) -> list[str]:
    """The kept commits and the final metric, then whatever else is to be known before a merge."""
    history, line = campaign.history, campaign.history.lineage()
    if merging is None:
        return [f"campaign {campaign.tag} has kept no change; there is nothing to merge"]
    lines = [f"campaign {campaign.tag}: {counted(len(line), 'kept change')}"]
    lines += [f"  {row}" for row in _rows(history, merging)]
    lines.append(f"{history.metric}: {improvement_text(history)}")
    if merging.done:
        by = f", brought by {merging.brought[:7]}" if not merging.left else ""
        return [*lines, f"{merging.into} has all of it already{by}; nothing to merge"]
    return lines + [f"note: {note}" for note in _notes(study, campaign, merging)]


def _rows(history: History, merging: Merge) -> list[str]:
    """A line per kept commit: number, commit, summary, and the metric after it."""
    left = {trial.number for trial in merging.left}
    wide = max(len(trial.summary) for trial in merging.line)
    rows = []
    for trial in merging.line:
        value = history.estimate(trial)
        told = f"{history.metric} {value:.6g}" if value is not None else ""
        there = "" if trial.number in left else f"  (on {merging.into} already)"
        summary = trial.summary.ljust(min(wide, 60))
        rows.append(f"{trial.number:>4}  {trial.commit[:7]}  {summary}  {told}{there}")
    return rows


def _notes(study: Study, campaign: Campaign, merging: Merge) -> list[str]:
    notes = []
    holder = study.running()
    if holder is not None and holder.campaign == campaign.tag:
        notes.append(f"{campaign.tag} is running and goes on; this is its incumbent as of now")
    if merging.unmeasured:
        shown = [f"\n  {c.commit[:7]}  {c.summary}" for c in merging.unmeasured[:_SHOWN]]
        more = len(merging.unmeasured) - _SHOWN
        shown += [f"\n  and {more} more"] if more > 0 else []
        notes.append(f"{merging.caution}:{''.join(shown)}")
    if study.repository.user() is None:
        who = study.repository.signature()
        mend = "`git config user.name NAME` and `git config user.email MAIL` change that"
        notes.append(
            f"git knows no user here, so {who.name} <{who.email}> signs new commits; {mend}"
        )
    return notes


def would_lines(merging: Merge, how: How, preview: Preview) -> list[str]:
    """What a merge would do."""
    count = len(preview.messages)
    what = counted(count, "commit")
    what = f"the {what} as they are" if preview.as_they_are else what
    checkout = merging.checkout
    where = f"checked out in {checkout}" if checkout else "not checked out anywhere"
    into, before = merging.into, merging.before[:7]
    lines = [f"{how.value}: would move {into} ({where}) from {before} forward by {what}:"]
    for message in preview.messages:
        told = message.splitlines()[: None if how is How.SQUASH else 1]
        lines += [f"    {line}".rstrip() for line in told]
    follow = "and that would follow there" if checkout else "in git alone; no checkout would change"
    return [*lines, f"  files it touches, {follow}: {', '.join(preview.files)}"]


def done_lines(merging: Merge, after: str) -> list[str]:
    """What a merge has done, and how to take it back."""
    into, before = merging.into, merging.before[:12]
    checkout = merging.checkout
    files = f", with its files in {checkout}" if checkout else ""
    at = f" -C {shlex.quote(str(checkout))}" if checkout else ""
    back = f"git{at} reset --keep {before}" if checkout else f"git branch -f {into} {before}"
    return [
        f"{into} moved from {before} to {after[:12]}{files}; nothing was pushed",
        f"`{back}` takes it back",
    ]


def merge_told(
    campaign: Campaign, merging: Merge | None, how: How | None, after: str | None, dry_run: bool
) -> dict[str, Any]:
    """The same for scripts."""
    history = campaign.history
    left = {trial.number for trial in merging.left} if merging else set()
    return {
        "campaign": campaign.tag,
        "into": merging.into if merging else None,
        "how": how.value if how else None,
        "commits": [
            {
                "trial": trial.number,
                "commit": trial.commit,
                "summary": trial.summary,
                "value": history.estimate(trial),
                "merged": trial.number not in left,
            }
            for trial in history.lineage()
        ],
        "metric": history.metric,
        "baseline": history.estimate(history.baseline),
        "incumbent": {
            "trial": history.incumbent.number,
            "value": history.estimate(history.incumbent),
            "commit": history.incumbent.commit,
        },
        "before": merging.before if merging else None,
        "after": after,
        "unmeasured": [
            {"commit": each.commit, "summary": each.summary}
            for each in (merging.unmeasured if merging else ())
        ],
        "dry_run": dry_run,
    }
