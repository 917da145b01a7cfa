"""Tags: the names of campaigns, fit for a branch and for a folder."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

from nightlab.types import NightlabError


def checked_tag(tag: str) -> str:
    """The tag, fit for a branch and for a folder. Raises NightlabError for any other."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", tag) or ".." in tag:
        raise NightlabError(f"{tag!r} is not a tag; letters, digits, . _ and - make one")
    if tag.endswith((".lock", ".")):
        raise NightlabError(f"{tag!r} is not a tag that git takes; leave out the end")
    return tag


def free_tag(is_taken: Callable[[str], bool]) -> str:
    """Today as a tag, such as mar8; with -2, -3 … where that is taken."""
    today = date.today()
    first = f"{today:%b}{today.day}".lower()
    tag, number = first, 1
    while is_taken(tag):
        number += 1
        tag = f"{first}-{number}"
    return tag
