"""Conjectures: working theories that are tested by each trial, and die when contradicted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from nightlab.program.claim import Claim, Form, parse_claim
from nightlab.remember.memory import Sources
from nightlab.remember.memory.claims import weigh
from nightlab.remember.memory.effects import Learned, kinds_of, learn
from nightlab.remember.memory.evidence import Evidence
from nightlab.remember.memory.niche import SIMPLIFICATION
from nightlab.remember.memory.regions import has_crashed, regions
from nightlab.remember.memory.stall import since_last_keep
from nightlab.types import (
    Conjecture,
    Decision,
    Effect,
    History,
    Lesson,
    NightlabError,
    Plateau,
    Stall,
    Standing,
    one_line,
)

CLEAR = 1.6
"""So many errors of gain make a claim of an effect: it is so with a chance of 95 %."""

CHANCE = 0.05
"""How likely a region that crashes may be luck, of all those looked at together."""

EARLIER = (4, 2)
"""What was claimed by the first quarter of the trials, and by the first half, may have died."""

FEWEST = 4
"""With fewer trials than these, nothing can have died yet."""

AT_MOST = 5
"""So many of the computed ones, of the others' and of the dead are told."""

UNDECIDED = 0.2
"""Without a trial for it or against it, a claim neither holds nor is dead up to this chance."""

ASKED = 40
"""So many of the others' claims are tested, the last ones of models and of humans each."""


def conjectures(
    learned: Learned, stalled: Stall, history: History, sources: Sources
) -> list[Conjecture]:
    """A handful of those alive, the strongest first; then those that died.

    Of the computed ones, a claim may have died that was made by the first trials.
    """
    others = _others(learned, history, sources)
    said = {each.claim for each in others}
    computed = [_conjecture(claim, weigh(claim, learned)) for claim in _computed(learned)]
    computed += _plateau(stalled, history)
    once = [each for each in _once(learned, history, sources) if each.claim not in said]
    alive = [each for each in computed if each.claim not in said]
    told = [each for each in others if each.standing is not Standing.DEAD]
    dead = [each for each in (*others, *once) if each.standing is Standing.DEAD]
    dead.sort(key=lambda each: each.strength)
    return [*_strongest(alive), *_strongest(told), *dead[:AT_MOST]]


def _computed(learned: Learned) -> Iterator[Claim]:
    """Claims that the trials are sure of, each of them once.

    Most trials of any kind lose; that a kind does not pay is no news where it has brought a keep.
    """
    said = {(kind, True) for each in learned.lessons if _was_kept(each) for kind in kinds_of(each)}
    for effect in learned.effects:  # the surest first, so a choice gets its surest option
        claim = _claim_of(effect) if abs(effect.gain) >= CLEAR * effect.error > 0 else None
        if claim is None or (claim.form is not Form.PAYS and _key(claim) in said):
            continue
        if weigh(claim, learned).holds:
            said.add(_key(claim))
            yield claim
    crashes = sum(has_crashed(step.lesson) for step in learned.steps)
    looked_at = 2 * len(learned.space) * crashes  # each crash may bound one, upwards or down
    for claim in regions(learned):
        if (1 - (weigh(claim, learned).probability or 0.0)) * looked_at <= CHANCE:
            yield claim


def _key(claim: Claim) -> tuple[str, bool]:
    return claim.name, claim.of_kind


def _was_kept(lesson: Lesson) -> bool:
    return lesson.trial.verdict is not None and lesson.trial.verdict.decision is Decision.KEEP


def _claim_of(effect: Effect) -> Claim | None:
    """What an effect says; None for an option that loses, or a kind that was tried once."""
    if effect.of_kind:
        form = Form.PAYS if effect.gain > 0 else Form.FAILS
        return Claim(form, effect.name) if len(effect.lessons) > 1 else None
    if effect.value is not None:
        return Claim(Form.BEST, effect.name, effect.value) if effect.gain > 0 else None
    return Claim(Form.HIGHER if effect.gain > 0 else Form.LOWER, effect.name)


def _once(learned: Learned, history: History, sources: Sources) -> list[Conjecture]:
    """What was claimed by the first trials, as it stands today."""
    claims: dict[Claim, None] = {}
    for part in EARLIER if len(learned.lessons) >= FEWEST else ():
        first = learn(learned.lessons[: len(learned.lessons) // part], history, sources)
        claims |= dict.fromkeys(_computed(first))
    return [_conjecture(claim, weigh(claim, learned)) for claim in claims]


def _plateau(stalled: Stall, history: History) -> list[Conjecture]:
    """That the next trial will not be kept either, by the rule of succession."""
    if stalled.plateau is Plateau.NONE:
        return []
    names = tuple(str(trial.number) for trial in since_last_keep(history))
    strength = (len(names) + 1) / (len(names) + 2)
    claim = "changes like the last ones do not pay"
    return [Conjecture(claim, Standing.HOLDS, strength, names, why=stalled.why)]


def _others(learned: Learned, history: History, sources: Sources) -> list[Conjecture]:
    """What humans, models and agents hold to be so, each claim once."""
    made = dict.fromkeys((*sources.claims[-ASKED:], *history.claims[-ASKED:]))
    found: dict[str, Conjecture] = {}
    for text, who in made:
        conjecture = _of_others(text, who, learned, sources)
        found.setdefault(conjecture.claim, conjecture)
    return list(found.values())


def _of_others(text: str, who: str, learned: Learned, sources: Sources) -> Conjecture:
    """A claim of a model or a human; where it can't be tested, it says why."""
    kinds = {SIMPLIFICATION, *sources.topics, *sources.kinds.values()}
    kinds |= {kind for lesson in learned.lessons for kind in kinds_of(lesson)}
    names = {*sources.space.parameters, *sources.kinds}
    try:
        claim = parse_claim(text, names, kinds)
    except NightlabError as error:
        why = f"it can't be tested: {one_line(str(error))}"
        return Conjecture(one_line(text), Standing.UNTESTED, 0.5, source=who, why=why)
    return _conjecture(claim, weigh(claim, learned), who)


def _conjecture(claim: Claim, evidence: Evidence, source: str = "") -> Conjecture:
    """A claim by its evidence: untested where no trial has anything to say of it."""
    strength, told = evidence.strength, (evidence.for_it, evidence.against)
    if strength is None:
        return Conjecture(str(claim), Standing.UNTESTED, 0.5, source=source, why=evidence.why)
    standing = Standing.HOLDS if evidence.holds else Standing.DEAD
    if not any(told) and UNDECIDED <= strength <= 1 - UNDECIDED:
        standing = Standing.UNTESTED
    return Conjecture(str(claim), standing, strength, *told, source, evidence.why)


def _strongest(alive: Iterable[Conjecture]) -> Sequence[Conjecture]:
    """A handful, those that were tested before the others."""

    def rank(each: Conjecture) -> tuple[bool, float]:
        return each.standing is Standing.UNTESTED, -each.strength

    return sorted(alive, key=rank)[:AT_MOST]
