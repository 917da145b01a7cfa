"""Words and numbers on a chart."""

from __future__ import annotations

from unicodedata import east_asian_width

_NARROW = frozenset(" .,:;'|!ijlft()[]-/r")


def percent(gain: float, anchor: float | None) -> str:
    """` (1.20%)`: a gain in percent of the baseline, nothing where that says nothing."""
    share = 100 * (gain / abs(anchor)) if anchor else float("inf")
    if abs(share) == float("inf"):
        return ""
    return f" ({share:.2f}%)" if abs(share) < 1e5 else f" ({share:.3g}%)"


def width(text: str, size: float = 8.0) -> float:
    """About how wide the text is, in points, at a font size in points."""
    wide = sum(0.36 if sign in _NARROW else 0.63 for sign in text)
    return size * (wide + 0.37 * sum(east_asian_width(sign) in "WF" for sign in text))


def cut(text: str, room: float, size: float = 8.0) -> str:
    """The text, or as much of it as fits into about `room` points, with an ellipsis."""
    if width(text, size) <= room:
        return text
    while text and width(text + "…", size) > room:
        text = text[:-1]
    return text.rstrip(" .,") + "…"
