"""Text that changes wrote or runs printed, so that it stands as data whatever it holds."""

from __future__ import annotations


def said(text: str) -> str:
    """In quotes that the text itself can't close."""
    return f"«{text.replace('«', '‹').replace('»', '›')}»"


def hunks(diff: str) -> str:
    """Without the lines that name blobs."""
    left_out = ("diff --git ", "index ")
    return "\n".join(line for line in diff.splitlines() if not line.startswith(left_out))


def indented(text: str) -> list[str]:
    """Lines that stand as a block of code whatever they hold."""
    return [f"    {line}" for line in text.splitlines()]
