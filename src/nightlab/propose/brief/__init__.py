"""The brief: what whoever proposes may know, as a page to read and as data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nightlab.propose import Setting
from nightlab.types import History, Trial

TOKENS = 12_000


@dataclass(frozen=True)
class Order:
    """What is asked for: the next idea, or what is said here.

    `wish` is a hypothesis of the human's to be carried out. `trial` crashed with `trace`, and is to
    be mended. `refusals` are ideas that were refused, each with the reason. `role` is how to go
    about it, `facts` what the role needs to know, a line each.
    """

    wish: str = ""
    trial: Trial | None = None
    trace: str = ""
    refusals: Sequence[str] = ()
    role: str = ""
    facts: Sequence[str] = ()


@dataclass(frozen=True)
class Brief:
    """What is known, as a page to read and as data."""

    page: str
    data: Mapping[str, Any] = field(repr=False)

    def write(self, folder: Path) -> Path:
        """Write brief.json and brief.md, read-only. Returns the first; the page lies beside it."""
        path = folder / "brief.json"
        told = json.dumps(self.data, indent=1, sort_keys=True, allow_nan=False)
        for each, text in ((path, told), (path.with_suffix(".md"), self.page)):
            each.write_text(text, encoding="utf-8")
            each.chmod(0o444)
        return path


def make_brief(
    setting: Setting, history: History, order: Order | None = None, tokens: int = TOKENS
) -> Brief:
    """The brief for one idea, of about so many tokens each way, the most useful first.

    The same history gives the same bytes.
    """
    from nightlab.propose.brief.facts import gather
    from nightlab.propose.brief.page import write_page

    data = gather(setting, history, order or Order(), tokens)
    return Brief(write_page(data, tokens), data)


__all__ = ["Brief", "Order", "make_brief"]
