"""What an agent's command lines may not say: one rule, one file.

A rule looks at one call of a program and says why it is refused, "" where it is not. The sentence
goes to the agent, so it says what to do instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from nightlab.agents.hooks.guard import Guard
from nightlab.agents.hooks.quoting import Word
from nightlab.agents.hooks.shell import Command


@dataclass(frozen=True)
class Call:
    """A program and its arguments, less what stood before it (`sudo`, `env X=1`, `timeout 60`).

    `module` is what `python -m` starts.
    """

    name: str
    args: tuple[Word, ...]
    command: Command
    module: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        """The arguments as plain text."""
        return tuple(word.text for word in self.args)

    @property
    def operands(self) -> tuple[Word, ...]:
        """The arguments that are no options; those after `--` are none."""
        found: list[Word] = []
        for at, word in enumerate(self.args):
            if word.text == "--":
                return (*found, *self.args[at + 1 :])
            if not word.text.startswith("-") or word.text == "-":
                found.append(word)
        return tuple(found)

    @property
    def code(self) -> str:
        """What is fed to the program as text: a heredoc, or `<<< text`."""
        here = [r.target.text for r in self.command.redirects if r.sign == "<<<"]
        return self.command.stdin or "\n".join(here)

    def has(self, short: str, *long: str) -> bool:
        """Whether an option is given, alone or among letters: `-r`, `-fr`, `--recursive`."""
        for text in self.texts:
            if text == "--":
                return False
            if text.split("=")[0] in long:
                return True
            letters = text[1:] if text.startswith("-") and not text.startswith("--") else ""
            if any(letter in letters for letter in short):
                return True
        return False


class Rule(Protocol):
    """One rule."""

    def __call__(self, call: Call, guard: Guard) -> str:
        """Why the call is refused, "" where it is not."""
        ...
