"""Words of a shell's command line: quotes taken off, substitutions told apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """One word, its quotes taken off. `bare` says that none of it was quoted."""

    text: str
    bare: bool = True


class Scanner:
    """Reads words from a text. What stands in substitutions gathers in `inner`."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.inner: list[str] = []

    @property
    def over(self) -> bool:
        """Whether all is read."""
        return self.at >= len(self.text)

    def ahead(self, count: int = 1) -> str:
        """The next signs, unread."""
        return self.text[self.at : self.at + count]

    def skip_blanks(self) -> None:
        """Go to the next sign that is no blank."""
        while self.ahead() in (" ", "\t"):
            self.at += 1

    def until(self, sign: str, start: int | None = None) -> int:
        """Where the sign stands next; the end where it does not."""
        found = self.text.find(sign, self.at if start is None else start)
        return len(self.text) if found < 0 else found

    def line(self) -> str:
        """The rest of this line, its end left out."""
        stop = self.until("\n")
        line = self.text[self.at : stop]
        self.at = stop + 1
        return line

    def word(self) -> Word:
        """The word that begins here; an empty one where none does."""
        parts: list[str] = []
        bare = True
        while not self.over:
            sign = self.ahead()
            process = self.ahead(2) in ("<(", ">(")
            if sign in " \t\r\n;&|()" or (sign in "<>" and not process):
                break
            bare = bare and sign not in "'\"\\"
            parts.append(self._part(sign))
        return Word("".join(parts), bare)

    def _part(self, sign: str) -> str:
        if sign == "'":
            return self._quoted_whole()
        if sign == '"':
            return self._quoted()
        if sign == "\\":
            self.at += 2
            escaped = self.text[self.at - 1 : self.at]
            return "" if escaped == "\n" else escaped
        if sign == "`" or self.ahead(2) in ("$(", "<(", ">("):
            return self._substitution()
        self.at += 1
        return sign

    def _quoted_whole(self) -> str:
        end = self.until("'", self.at + 1)
        text = self.text[self.at + 1 : end]
        self.at = end + 1
        return text

    def _quoted(self) -> str:
        self.at += 1
        parts: list[str] = []
        while not self.over and self.ahead() != '"':
            sign = self.ahead()
            if sign == "\\":
                following = self.text[self.at + 1 : self.at + 2]
                kept = "" if following in ('"', "\\", "$", "`", "\n") else "\\"
                parts.append(kept + ("" if following == "\n" else following))
                self.at += 2
            elif sign == "`" or self.ahead(2) == "$(":
                parts.append(self._substitution())
            else:
                parts.append(sign)
                self.at += 1
        self.at += 1
        return "".join(parts)

    def _substitution(self) -> str:
        """`$(…)`, `<(…)` or a backquoted part; what is inside is commands of its own."""
        start = self.at
        if self.ahead() == "`":
            end = self.until("`", start + 1)
            self.inner.append(self.text[start + 1 : end])
        else:
            end = closing(self.text, start + 1)
            self.inner.append(self.text[start + 2 : end])
        self.at = end + 1
        return self.text[start : self.at]


def closing(text: str, start: int) -> int:
    """Where the bracket at `start` is closed, quotes aside; the end where it is not."""
    depth, at = 0, start
    while at < len(text):
        sign = text[at]
        if sign in "'\"":
            end = text.find(sign, at + 1)
            at = len(text) if end < 0 else end
        elif sign == "\\":
            at += 1
        elif sign in "()":
            depth += 1 if sign == "(" else -1
            if depth == 0:
                return at
        at += 1
    return len(text)


def substitutions(text: str) -> Iterator[str]:
    """What stands in `$(…)` in a text that is no command itself: a heredoc."""
    at = text.find("$(")
    while at >= 0:
        end = closing(text, at + 1)
        yield text[at + 2 : end]
        at = text.find("$(", end)
