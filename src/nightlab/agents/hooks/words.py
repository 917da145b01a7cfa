"""The policy by words: what a command line says that it would do.

A courtesy, no more: it saves an agent from what it would regret, and it can be talked round (a
variable, a script, another language). What counts is the effect: `effect` compares the protected
files and refs after each tool, and Nightlab measures pristine harness files whatever lies in the
checkout. So a rule here would rather let a doubtful line pass than refuse a harmless one.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from nightlab.agents.hooks.guard import Guard
from nightlab.agents.hooks.quoting import Word
from nightlab.agents.hooks.rules import Call, Rule
from nightlab.agents.hooks.rules.git import refuse_git
from nightlab.agents.hooks.rules.installs import refuse_installs
from nightlab.agents.hooks.rules.own import refuse_own
from nightlab.agents.hooks.rules.publishing import refuse_publishing
from nightlab.agents.hooks.rules.removal import refuse_removal
from nightlab.agents.hooks.rules.training import refuse_tee, refuse_training
from nightlab.agents.hooks.rules.writes import refuse_redirects, refuse_writes
from nightlab.agents.hooks.shell import Command, parse

RULES: tuple[Rule, ...] = (
    refuse_removal,
    refuse_installs,
    refuse_publishing,
    refuse_git,
    refuse_own,
    refuse_tee,
    refuse_training,
    refuse_writes,
    refuse_redirects,
)

_DEEPEST = 6
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_WRAPPERS = {
    "sudo": "ugpCTh",
    "doas": "u",
    "env": "uCS",
    "nohup": "",
    "nice": "n",
    "ionice": "cnp",
    "timeout": "sk",
    "gtimeout": "sk",
    "stdbuf": "ioe",
    "setsid": "",
    "command": "",
    "exec": "a",
    "builtin": "",
    "time": "fo",
    "xargs": "nILPsdEa",
    "caffeinate": "tw",
}
"""Programs that start another, with the letters of their options that take a value."""

_RUNNERS = {"uv", "poetry", "pdm", "pipenv", "hatch", "rye", "conda"}
"""Programs whose `run` starts another."""

_SHELLS = frozenset({"bash", "sh", "zsh", "dash", "ksh", "fish"})


def refusal(line: str, guard: Guard) -> str:
    """Why a command line is refused, "" where it is not."""
    for call, there in calls(line, guard):
        for rule in RULES:
            if why := rule(call, there):
                return why
    return ""


def calls(line: str, guard: Guard, depth: int = 0) -> Iterator[tuple[Call, Guard]]:
    """Every call of a program in a command line, with the folder that it is made in."""
    for command in parse(line) if depth < _DEEPEST else ():
        call = _peeled(command)
        yield call, guard
        for inner in _inner(call):
            for found, there in calls(inner, guard, depth + 1):
                yield _inheriting(found, command), there
        if call.name in ("cd", "pushd") and call.operands:
            guard = guard.at(call.operands[0].text)


def _inheriting(call: Call, outer: Command) -> Call:
    """The output of a shell's commands goes where the shell's own goes."""
    redirects = (*outer.redirects, *call.command.redirects)
    command = Command(call.command.words, redirects, call.command.stdin)
    return Call(call.name, call.args, command, call.module)


def _inner(call: Call) -> list[str]:
    """Command lines that are handed to another shell."""
    if call.name == "eval":
        return [" ".join(call.texts)]
    if call.name == "find":
        return _found(call)
    if call.name not in _SHELLS:
        return []
    for at, text in enumerate(call.texts):
        if text.startswith("-") and not text.startswith("--") and "c" in text:
            return list(call.texts[at + 1 : at + 2])
    return [call.code] if not call.operands else []


def _found(call: Call) -> list[str]:
    """What `find -exec` starts."""
    texts = list(call.texts)
    for at, text in enumerate(texts):
        if text in ("-exec", "-execdir", "-ok", "-okdir"):
            ends = [i for i, word in enumerate(texts) if i > at and word in (";", "+")]
            return [shlex.join(texts[at + 1 : ends[0] if ends else None])]
    return []


def _peeled(command: Command) -> Call:
    """The program that a command really starts, with its arguments."""
    words = list(command.words)
    while words:
        name = words[0].text.rpartition("/")[2]
        if _ASSIGNMENT.match(words[0].text) and words[0].text[:1] != "-":
            words = words[1:]
        elif name in _WRAPPERS:
            words = _after_options(words[1:], _WRAPPERS[name])
            words = words[1:] if name.endswith("timeout") else words
        elif name in _RUNNERS and (rest := _run_by(words[1:])):
            words = rest
        else:
            break
    if not words:
        return Call("", (), command)
    plain = Command(tuple(words), command.redirects, command.stdin)
    return _module(Call(words[0].text.rpartition("/")[2], tuple(words[1:]), plain))


def _after_options(words: list[Word], with_value: str) -> list[Word]:
    while words and words[0].text.startswith("-") and words[0].text != "-":
        option, words = words[0].text, words[1:]
        if option == "--":
            break
        if len(option) == 2 and option[1] in with_value:
            words = words[1:]
    return words


def _run_by(words: list[Word]) -> list[Word]:
    """What follows `run` and its options, [] where there is no `run`."""
    texts = [word.text for word in words]
    if "run" not in texts[:3]:
        return []
    rest = words[texts.index("run") + 1 :]
    while rest and rest[0].text.startswith("-"):
        valued = rest[0].text in ("--with", "--python", "-p", "-n", "--extra", "--group", "--env")
        rest = rest[2:] if valued else rest[1:]
    if rest and rest[0].text.endswith(".py"):
        return [Word("python"), *rest]
    return rest


def _module(call: Call) -> Call:
    """`python -m pip install` as a call with its module; its arguments are those of the module."""
    if not call.name.startswith(("python", "pypy")):
        return call
    for at, text in enumerate(call.texts):
        if text == "-m" and at + 1 < len(call.args):
            return Call(call.name, call.args[at + 2 :], call.command, call.texts[at + 1])
        if not text.startswith("-"):
            break
    return call
