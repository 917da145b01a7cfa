"""An edit of the user's own, tried: it is queued, and measured by whoever runs the campaign."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from nightlab.change import Refused
from nightlab.change.files import FilesSurface, build_surface
from nightlab.change.keys import load_mapping
from nightlab.change.normal import normal_form
from nightlab.change.overlay import Overlay
from nightlab.change.threeway import Pair
from nightlab.program.plan import check_values
from nightlab.remember.lock import Busy
from nightlab.remember.wishes import Fate, Wishes
from nightlab.study import Study
from nightlab.types import Idea, NightlabError, Parameters, Wish, one_line

_TICK = 0.3
_NOT_OURS = ("program.md", ".gitignore")


def edits_of_checkout(study: Study) -> dict[str, tuple[str | None, str | None]]:
    """What the checkout has otherwise than its own HEAD: old and new texts by path.

    Raises NightlabError where nothing was edited, or something outside the surface.
    """
    surface = build_surface(study.settings.change)
    committed = study.repository.files(study.repository.head())
    edited = [path for path in study.repository.uncommitted() if path not in _NOT_OURS]
    outside = [path for path in edited if path in committed and not surface.owns(path)]
    if outside:
        raise NightlabError(
            f"{', '.join(outside[:3])} was edited, and is outside what may change; take it back"
            f" (`git checkout {outside[0]}`), or widen `change` in program.md"
        )
    ours = [path for path in edited if surface.owns(path)]
    if not ours:
        may = ", ".join(study.rooms.surface)
        raise NightlabError(f"nothing to try: edit {may} first, and leave it uncommitted")
    return {path: (_committed(committed, path), _checked_out(study, path)) for path in ours}


def wish_of_checkout(study: Study, text: str, hypothesis: str, emitter: str) -> Wish:
    """What the checkout has otherwise than its own HEAD, as an idea to be queued.

    Where a file may be changed through its parameters alone, the values that were edited are what
    is tried. Raises NightlabError where nothing was edited, or something that may not be.
    """
    edits = edits_of_checkout(study)
    whole = FilesSurface(study.settings.change.files)
    bound = {path: new for path, (_, new) in edits.items() if not whole.owns(path)}
    parameters = _values_of(study, bound) if bound else {}
    rest = {path: texts for path, texts in edits.items() if path not in bound}
    moved, rest = _values_among(study, rest)
    return Wish(0, text, hypothesis, emitter, {**parameters, **moved}, edits=rest)


def _values_among(study: Study, edits: Mapping[str, Pair]) -> tuple[Parameters, dict[str, Pair]]:
    """Parameters that edits of whole files move, and what else there is in those.

    Values stand line by line: merged as text, two of them would be in each other's way.
    """
    space, builder = study.settings.change.free(), study.rooms.builder(study.repository.head())
    files, surface = builder.baseline, builder.surface
    new = {path: None if text is None else text.encode() for path, (_, text) in edits.items()}
    try:
        before, after = surface.read(files), surface.read(Overlay(files, new))
        moved = {n: v for n, v in after.items() if n in space and n in before and before[n] != v}
        if not moved or space.out_of_range(moved):
            return {}, dict(edits)
        back = Idea("back", parameters={name: before[name] for name in moved})
        undone = surface.apply(back, Overlay(files, new))
    except (NightlabError, Refused):  # whoever builds the change says what is wrong
        return {}, dict(edits)
    rest = dict(edits)
    for path, content in undone.items():
        old, _ = rest.pop(path, (None, None))
        if content != files.get(path):
            rest[path] = (old, None if content is None else content.decode("utf-8"))
    return moved, rest


def _values_of(study: Study, moved: Mapping[str, str | None]) -> Parameters:
    """The values that were edited, where nothing else was."""
    builder = study.rooms.builder(study.repository.head())
    files, surface = builder.baseline, builder.surface
    edits = {path: None if text is None else text.encode() for path, text in moved.items()}
    before, after = surface.read(files), surface.read(Overlay(files, edits))
    values = {name: value for name, value in after.items() if before.get(name) != value}
    check_values(values, study.settings.change.free(), ", ".join(moved))
    try:
        written = surface.apply(Idea("values", parameters=values), files)
        more = [path for path, new in edits.items() if not _same(path, written.get(path), new)]
    except Refused as refused:
        raise NightlabError(str(refused)) from None
    if more:
        raise NightlabError(
            f"{more[0]} may only be changed through its parameters, and more was edited; name it"
            " in change.files to allow that"
        )
    return values


def _same(path: str, one: bytes | None, other: bytes | None) -> bool:
    """Whether two versions of a file say the same, whatever their layout."""
    if one is None or other is None:
        return one is other
    if path.endswith((".yaml", ".yml", ".json")):
        return load_mapping(path, one) == load_mapping(path, other)
    return normal_form(path, one) == normal_form(path, other)


def _committed(files: Mapping[str, bytes], path: str) -> str | None:
    return files[path].decode("utf-8", "replace") if path in files else None


def _checked_out(study: Study, path: str) -> str | None:
    place = study.folder / path
    if place.is_symlink():
        raise NightlabError(f"{path} is a link, and an edit is text")
    try:
        return place.read_bytes().decode("utf-8") if place.exists() else None
    except UnicodeDecodeError:
        raise NightlabError(f"{path} is no text in UTF-8") from None


def carry_out(
    study: Study, wish: Wish, tag: str | None, waiting: Callable[[str], None], **session: Any
) -> Fate:
    """Queue an idea and see it through: in a session of our own, or in the one that is running.

    `waiting` is told why it takes its time; `session` is for `Study.run`. Where it was not begun,
    whatever the reason, the idea is taken back.
    """
    ledger = study.ledger()
    wishes = Wishes(ledger)
    number, why = wishes.add(wish), "it was not begun"
    try:
        while not _is_over(study, fate := wishes.fates()[number]):
            try:
                _, why = study.run(tag=fate.campaign or tag, wish=number, **session)
                break
            except Busy as busy:
                waiting(f"{busy.who} is at work: it tries this next")
                time.sleep(_TICK)
            except NightlabError as error:
                why = one_line(str(error))
                raise
    finally:
        if wishes.fates()[number].waits:
            wishes.drop(number, why)
        fate = wishes.fates()[number]
        ledger.close()
    return fate


def _is_over(study: Study, fate: Fate) -> bool:
    """Whether it has a verdict, or was given up."""
    if not fate.trial:
        return bool(fate.why)
    campaign = study.campaign(fate.campaign)
    try:
        return campaign.state.trial(fate.trial).verdict is not None
    finally:
        campaign.ledger.close()
