"""What an agent that would stop is told to do next, in this study's own words and settings."""

from __future__ import annotations

from collections.abc import Sequence

from nightlab.agents.hooks.learned import Known, no_fly, plan_lines
from nightlab.agents.hooks.outline import Outline
from nightlab.agents.hooks.story import last_trials, named, standing
from nightlab.campaign import Campaign
from nightlab.propose.emitters.plan import Plan
from nightlab.remember.wishes import Wishes
from nightlab.types import Lesson, one_line

_NEAR = 3
_DEAD = 2
_IDEAS = 3


def set_up_prompt(outline: Outline, branch: str, tags: Sequence[str]) -> str:
    """The checkout is not on a branch of a campaign."""
    where = f"The checkout is on {branch or 'no branch'}"
    if tags:
        name = f"{outline.branch}/{tags[-1]}"
        how = (
            f"To go on with campaign {tags[-1]}, work on its desk: `git switch -c {name}-desk"
            f" {name}`, or `git switch {name}-desk` where there is one"
        )
    else:
        how = (
            "Do the set-up: read program.md and the files that it names, run `nightlab check`,"
            " agree on a tag with the human, `nightlab run --trials 0 --tag TAG` to measure the"
            f" baseline, then `git switch -c {outline.branch}/TAG-desk {outline.branch}/TAG`"
        )
    return (
        f"{where}, and the loop works on {outline.branch}/* alone. {how}. Where you need the"
        " human's word first, ask for it and stop; you will not be sent on again before."
    )


def inputs_prompt(missing: Sequence[str]) -> str:
    """Data is not there, which only the human can make."""
    names = ", ".join(one_line(name) for name in missing[:5])
    return (
        f"Inputs are missing: {names}. Tell the human to make them (`python prepare.py`, or what"
        " the README says), and stop."
    )


def baseline_prompt(campaign: Campaign | None) -> str:
    """Nothing can be compared yet, or a trial was left without a verdict."""
    if campaign is not None and campaign.baseline_measured:
        left = next(iter(campaign.history.open))
        return (
            f"Trial {left.number} was left without a verdict. `nightlab run --tag {campaign.tag}"
            " --trials 0` finishes it; read the verdict, then go on."
        )
    tag = f" --tag {campaign.tag}" if campaign else ""
    return (
        f"The baseline is not measured yet: `nightlab run{tag} --trials 0` measures the untouched"
        " study. No edit before that."
    )


def wait_prompt(tag: str) -> str:
    """A session of Nightlab is at work."""
    return (
        f"Nightlab is at work on campaign {one_line(tag, 100)}: wait for it with `nightlab status"
        " --watch`, which ends when the session does; then read the verdict and go on."
    )


def end_prompt(campaign: Campaign, why: str) -> str:
    """The campaign has come to its end."""
    lines = [
        f"The campaign is over: {why}. Write the report: `nightlab report --tag {campaign.tag}`.",
        "Tell the human in a few lines what was found, by how much and how sure, what failed and"
        " what you would try next; ask whether to merge; then stop.",
        *standing(campaign),
    ]
    return "\n".join(lines)


def next_prompt(outline: Outline, campaign: Campaign, known: Known) -> str:
    """The next trial."""
    memory = known.memory
    lines = [
        f"Go on with the next trial of campaign {campaign.tag}; don't ask, the human is away.",
        *standing(campaign),
        *last_trials(campaign.history),
        *_listed("near misses, to sharpen or to combine", memory.near_misses[:_NEAR]),
        *_listed("dead ends, not to be tried again as they are", memory.dead_ends[-_DEAD:]),
        *no_fly(memory, _DEAD),
        *plan_lines(known.plan),
        *_queue(campaign),
        f"1. `git reset --hard {campaign.branch}` on your desk, so that you build on the best.",
        f"2. One coherent idea, edited in {', '.join(outline.surface)}.",
        f"3. {_try(known.plan)}; it prints the verdict and the review.",
        "Out of ideas? Read the code and the results again, combine near misses, simplify, be"
        " bolder.",
    ]
    return "\n".join(lines)


def _try(plan: Plan | None) -> str:
    """How to measure an edit: signed by the emitter whose turn it is."""
    by = plan.emitter if plan else "agent"
    return f'`nightlab try --by {by} -m "summary" --hypothesis "why it should help"`'


def _listed(what: str, lessons: Sequence[Lesson]) -> list[str]:
    shown = "; ".join(f"trial {each.name} {named(each.trial)}" for each in lessons)
    return [f"{what}: {shown}"] if shown else []


def _queue(campaign: Campaign) -> list[str]:
    """The human's own ideas, first in line."""
    waiting = [w for w in Wishes(campaign.ledger).pending() if not w.is_ready]
    shown = "; ".join(f'{wish.number} "{one_line(wish.text)}"' for wish in waiting[:_IDEAS])
    drop = "`nightlab idea --drop N` once you have tried it"
    return [f"ideas of the human, first in line: {shown} ({drop})"] if shown else []
