"""After a tool: what it did to what is protected, and the review of trials that have settled."""

from __future__ import annotations

from dataclasses import replace

from nightlab.agents.hooks.answer import Answer, complain
from nightlab.agents.hooks.desk import Desk
from nightlab.agents.hooks.edits import SHELLS, shell_line
from nightlab.agents.hooks.effect import (
    Difference,
    Snapshot,
    Snapshots,
    compare,
    paths_from,
    restoring,
    take,
)
from nightlab.agents.hooks.payload import Payload
from nightlab.types import NightlabError


def answer(payload: Payload, desk: Desk) -> Answer | None:
    """What is wrong comes first, then the review; nothing where there is neither."""
    wrong = _effect(desk)
    review, recommendation = _review(payload, desk)
    if not (wrong or review):
        return None
    message = f"Experiment analyzed: {recommendation}" if review else "Nightlab: not allowed"
    return complain("\n\n".join(part for part in (wrong, review) if part), message)


def _effect(desk: Desk) -> str:
    snapshots = Snapshots(desk.place)
    before = snapshots.read()
    if before is None:
        return ""
    now = take(desk.place, desk.outline, before, waiting=False)
    snapshots.write(now)
    return trouble(desk, before, now, compare(desk.place, before, now))


def trouble(desk: Desk, before: Snapshot, now: Snapshot, found: Difference) -> str:
    """What must be put right, with the commands that do it; "" where nothing must."""
    lines = []
    harness = tuple(path for path in found.files if path != desk.place.program)
    if len(harness) < len(found.files):
        lines.append(
            "program.md changed during this tool. If the tool did it, tell the human what it was;"
            " if the human did, it is theirs: leave it as it is"
        )
    if harness:
        names = ", ".join(harness[:10])
        paths = paths_from(desk.place, harness, desk.place.study)
        lines.append(
            f"{names} changed during this tool, and may not: it is what results are measured by."
            f" Put it back: `{restoring(paths, before, now)}`"
        )
    if found.tips or found.pins:
        lines += _refs(desk, found)
    return "\n".join(lines)


def _refs(desk: Desk, found: Difference) -> list[str]:
    """Nightlab moves these too: what is wrong is what the ledger doesn't say."""
    lines = []
    try:
        for tag in desk.campaigns():
            campaign = desk.study.campaign(tag)
            record, ref = campaign.state, f"refs/heads/{campaign.branch}"
            right = [record.trial(record.incumbent).commit]
            if desk.study.running():  # it writes a keep down first, then moves the branch
                right.append(record.trial(record.previous_incumbent).commit)
            if ref in found.tips and desk.place.tip(ref) not in right:
                mend = f"git branch -f {campaign.branch} {right[0][:12]}"
                lines.append(f"{campaign.branch} was moved, and not by Nightlab: `{mend}`")
            for name in (n for n in found.pins if n.startswith(f"refs/nightlab/{tag}/")):
                number = name.rpartition("/")[2]
                if number.isdigit() and int(number) <= record.opened:
                    commit = record.trial(int(number)).commit[:12]
                    lines.append(f"{name} is gone: `git update-ref {name} {commit}`")
    except NightlabError:
        return lines
    return [f"{line} brings it back; ask the human to run it" for line in lines]


def _review(payload: Payload, desk: Desk) -> tuple[str, str]:
    """The review of trials that have settled since the last look, and what it recommends."""
    if not _measured(payload) or not desk.has_ledger:
        return "", ""
    try:
        campaign = desk.campaign()
    except NightlabError:
        return "", ""
    if campaign is None:
        return "", ""
    from nightlab.agents.hooks.story import recommendation, review, standing

    memory, order = desk.memories.read(), campaign.state.order
    fresh = order[memory.reviewed.get(campaign.tag, 0) :][-5:]
    reviewed = {**memory.reviewed, campaign.tag: len(order)}
    desk.memories.write(replace(memory, reviewed=reviewed))
    if not fresh:
        return "", ""
    trials = [campaign.state.trial(number) for number in fresh]
    text = review(campaign.history, trials)
    desk_line = f"`git reset --hard {campaign.branch}` brings your desk to the best."
    text = "\n".join([text, *standing(campaign), desk_line])
    return text, recommendation(campaign.history, trials[-1])


def _measured(payload: Payload) -> bool:
    """Whether the tool may have settled a trial."""
    if payload.tool_name in SHELLS:
        return "nightlab" in shell_line(payload.tool_input)
    return "nightlab" in payload.tool_name  # one of its MCP server's
