"""From the settings to a proposer: a short name, a dotted path, or a list of them."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import PurePath

from nightlab.program.problem import did_you_mean
from nightlab.propose import Proposer, Setting
from nightlab.propose.settings import ProposeSettings
from nightlab.propose.sharing import SharingProposer
from nightlab.types import NightlabError

PROPOSERS = {
    "search": "nightlab.propose.search:SearchProposer",
    "sparse": "nightlab.propose.sparse:SparseProposer",
    "random": "nightlab.propose.random:RandomProposer",
    "command": "nightlab.propose.command:CommandProposer",
    "model": "nightlab.propose.model:ModelProposer",
    "agent": "nightlab.propose.agent:AgentProposer",
    "emitters": "nightlab.propose.emitters.proposer:EmittersProposer",
}


def build_proposer(settings: Sequence[ProposeSettings], setting: Setting) -> Proposer:
    """The proposer that the settings name. Raises NightlabError listing what there is."""
    settings = distinct(settings)
    parts = [find_proposer(each)(each, setting) for each in settings]
    return parts[0] if len(parts) == 1 else SharingProposer(parts, settings, setting.before)


def distinct(settings: Sequence[ProposeSettings]) -> list[ProposeSettings]:
    """The same, but of two of a kind the second gets a `name`, so that their ideas are told apart.

    Raises NightlabError where two are given one name.
    """
    found: list[ProposeSettings] = []
    taken: set[str] = set()
    for each in settings:
        usual = each.name or PurePath(each.agent or each.with_).stem
        name, number = usual, 1
        while name in taken:
            number += 1
            name = f"{usual}-{number}"
        if each.name and name != usual:
            raise NightlabError(f"propose.name: two of the list are called {usual!r}")
        taken.add(name)
        found.append(each if name == usual else each.model_copy(update={"name": name}))
    return found


def find_proposer(settings: ProposeSettings):  # type: ignore[no-untyped-def]
    """The class that the settings name. Raises NightlabError listing what there is."""
    path = PROPOSERS.get(settings.with_, settings.with_)
    module, colon, name = path.partition(":")
    if not colon:
        known = did_you_mean(settings.with_, PROPOSERS)
        mend = f'{known} or give a class of your own as "package.module:Class"'
        raise NightlabError(f"propose.with: no proposer {settings.with_!r}{mend}")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise NightlabError(f"propose.with: cannot load {path}: {error}") from error
