"""A shell's command line taken apart: simple commands with words, redirections and heredocs.

Not a shell: nothing is expanded. Quotes, pipes, lists, groups, substitutions and heredocs are told
apart, so that a word in a string is not taken for a command, nor a `>` in quotes for a redirection.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from nightlab.agents.hooks.quoting import Scanner, Word, substitutions

_LONGEST = 200_000
_DEEPEST = 8
_SIGNS = ("&>>", "<<<", "<<-", "&&", "||", ";;", "|&", "&>", ">>", ">|", ">&", "<<", "<&", "<>")
_REDIRECTING = frozenset({">", "<", "&>>", "<<<", "<<-", "&>", ">>", ">|", ">&", "<<", "<&", "<>"})
_GROUPS = {"{": "}", "do": "done", "then": "fi"}
_KEYWORDS = frozenset(
    ("if", "then", "elif", "else", "fi", "while", "until", "do", "done", "for", "case", "esac")
) | {"{", "}", "!", "time"}


@dataclass(frozen=True)
class Redirect:
    """A redirection: its sign, the descriptor before it (-1 for none), and where it leads."""

    sign: str
    descriptor: int
    target: Word

    @property
    def writes(self) -> bool:
        """Whether it writes to the file that it names."""
        names_file = bool(self.target.text.strip("0123456789-"))
        always = self.sign in (">", ">>", ">|", "&>", "&>>", "<>")
        return always or (self.sign == ">&" and names_file)


@dataclass(frozen=True)
class Command:
    """One simple command. `stdin` is its heredoc."""

    words: tuple[Word, ...] = ()
    redirects: tuple[Redirect, ...] = ()
    stdin: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        """Its words as plain text."""
        return tuple(word.text for word in self.words)

    @property
    def is_quiet(self) -> bool:
        """Whether both its standard output and its standard error go to a file."""
        to_files = [r for r in self.redirects if r.writes]
        both = any(r.sign in ("&>", "&>>", ">&") for r in to_files)
        out = any(r.descriptor in (-1, 1) for r in to_files)
        follows = any(
            (r.sign, r.descriptor, r.target.text) == (">&", 2, "1") for r in self.redirects
        )
        return both or (out and (follows or any(r.descriptor == 2 for r in to_files)))


def parse(text: str, depth: int = 0) -> list[Command]:
    """The simple commands of a line or a script, those inside substitutions too. Never raises."""
    return _Reader(text[:_LONGEST], depth).commands() if depth <= _DEEPEST else []


@dataclass
class _Heredoc:
    """One whose lines are still to come: of which command, up to which line."""

    command: int
    end: Word
    cut_tabs: bool


@dataclass
class _Reader:
    """Reads one text from its beginning to its end."""

    text: str
    depth: int
    found: list[Command] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    redirects: list[Redirect] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    closed: range = range(0)
    """The commands of a group that was closed just now: a redirection that follows is theirs."""

    heredocs: list[_Heredoc] = field(default_factory=list)

    def commands(self) -> list[Command]:
        self.scan = Scanner(self.text)
        while not self.scan.over:
            self._step()
        self._end()
        return self.found

    def _step(self) -> None:
        sign, scan = self._sign(), self.scan
        if sign in _REDIRECTING:
            scan.at += len(sign)
            self._redirect(sign, -1)
        elif sign:
            scan.at += len(sign)
            self._end()
            if sign == "(":
                self.groups.append(len(self.found))
            elif sign == ")":
                self._close()
            elif sign == "\n":
                self._read_heredocs()
        elif scan.ahead() in " \t\r":
            scan.at += 1
        elif scan.ahead(2) == "\\\n":
            scan.at += 2
        elif scan.ahead() == "#":
            scan.at = scan.until("\n")
        else:
            self._take_word()

    def _sign(self) -> str:
        ahead = self.scan.ahead(3)
        if ahead[:2] in ("<(", ">("):
            return ""
        single = ahead[0] if ahead[0] in ";&|()<>\n" else ""
        return next((sign for sign in _SIGNS if ahead.startswith(sign)), single)

    def _take_word(self) -> None:
        start, word = self.scan.at, self.scan.word()
        if self.scan.at == start:
            self.scan.at += 1
        elif word.bare and word.text.isdigit() and self.scan.ahead() in ("<", ">"):
            sign = self._sign()
            self.scan.at += len(sign)
            self._redirect(sign, int(word.text[:3]))
        elif word.bare and not self.words and word.text in _KEYWORDS:
            self._keyword(word.text)
        else:
            self.words.append(word)

    def _keyword(self, word: str) -> None:
        if word in _GROUPS:
            self.groups.append(len(self.found))
        elif word in _GROUPS.values():
            self._close()

    def _close(self) -> None:
        self.closed = range(self.groups.pop() if self.groups else 0, len(self.found))

    def _redirect(self, sign: str, descriptor: int) -> None:
        self.scan.skip_blanks()
        target = self.scan.word()
        if sign in ("<<", "<<-"):
            self.heredocs.append(_Heredoc(len(self.found), target, sign == "<<-"))
            return
        redirect = Redirect(sign, descriptor, target)
        if self.words or not self.closed:
            self.redirects.append(redirect)
            return
        for index in self.closed:
            command = self.found[index]
            self.found[index] = replace(command, redirects=(*command.redirects, redirect))

    def _end(self) -> None:
        if self.words or self.redirects:
            self.found.append(Command(tuple(self.words), tuple(self.redirects)))
        self.words, self.redirects, self.closed = [], [], range(0)
        inner, self.scan.inner = self.scan.inner, []
        for text in inner:
            self.found += parse(text, self.depth + 1)

    def _read_heredocs(self) -> None:
        for heredoc in self.heredocs:
            body = self._body(heredoc)
            if heredoc.command < len(self.found):
                self.found[heredoc.command] = replace(self.found[heredoc.command], stdin=body)
            for text in substitutions(body) if heredoc.end.bare else ():
                self.found += parse(text, self.depth + 1)
        self.heredocs = []

    def _body(self, heredoc: _Heredoc) -> str:
        lines = []
        while not self.scan.over:
            line = self.scan.line()
            if (line.lstrip("\t") if heredoc.cut_tabs else line) == heredoc.end.text:
                break
            lines.append(line)
        return "\n".join(lines)
