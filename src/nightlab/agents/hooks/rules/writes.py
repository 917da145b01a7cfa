"""No writes to the harness, program.md, Nightlab's records: by redirection or by a program."""

from __future__ import annotations

from collections.abc import Iterator

from nightlab.agents.hooks.edits import patched_files
from nightlab.agents.hooks.guard import Guard
from nightlab.agents.hooks.quoting import Word
from nightlab.agents.hooks.rules import Call

_ALL = frozenset({"truncate", "touch", "chmod", "chown", "chgrp", "setfacl", "ed", "ex", "patch"})
_LAST = frozenset({"cp", "mv", "ln", "install", "rsync", "scp"})
_IN_PLACE = frozenset({"sed", "perl", "ruby", "gsed", "yq"})


def refuse_writes(call: Call, guard: Guard) -> str:
    """Refuse where a file that is written may not be."""
    for word in written(call, guard):
        if why := guard.refuses(word):
            return why
    if call.name == "mv":
        return next((why for word in call.operands[:-1] if (why := guard.refuses_tree(word))), "")
    return ""


def refuse_redirects(call: Call, guard: Guard) -> str:
    """Refuse where standard output or error leads to a file that may not be written."""
    targets = [r.target for r in call.command.redirects if r.writes]
    return next((why for target in targets if (why := guard.refuses(target))), "")


def written(call: Call, guard: Guard) -> Iterator[Word]:
    """The files that a program writes, as far as its arguments tell."""
    name, operands = call.name, call.operands
    if name in _ALL:
        yield from operands
    elif name in _LAST and operands:
        yield from _into(call, operands, guard)
    elif name in _IN_PLACE and _in_place(call):
        yield from operands
    elif name == "dd":
        yield from (Word(t[3:]) for t in call.texts if t.startswith("of="))
    elif name in ("apply_patch", "applypatch"):
        text = call.code or "\n".join(call.texts)
        yield from (Word(path, bare=False) for path in patched_files(text))
    elif name in ("curl", "wget"):
        yield from _after(call, ("-o", "-O", "--output", "--output-document"))
    elif name == "sort":
        yield from _after(call, ("-o", "--output"))
    elif name.startswith(("python", "pypy")):
        yield from (Word(path, bare=False) for path in _by_python(call))


def _into(call: Call, operands: tuple[Word, ...], guard: Guard) -> Iterator[Word]:
    """The last operand, or what lands in it where it is a folder."""
    given = [*_after(call, ("-t", "--target-directory"))]
    given += [Word(t.split("=", 1)[1]) for t in call.texts if t.startswith("--target-directory=")]
    into = given[0] if given else operands[-1]
    sources = operands if given else operands[:-1]
    yield into
    if given or guard.path(into.text).is_dir():
        for source in sources:
            last = source.text.rstrip("/").rpartition("/")[2]
            yield Word(f"{into.text.rstrip('/') or '/'}/{last}", source.bare)


def _in_place(call: Call) -> bool:
    return call.has("i", "--in-place", "--inplace")


def _after(call: Call, options: tuple[str, ...]) -> Iterator[Word]:
    """The words that follow one of these options."""
    pairs = zip(call.args, call.args[1:], strict=False)
    return (word for option, word in pairs if option.text in options)


def _by_python(call: Call) -> list[str]:
    """What the code that is given to a Python interpreter in the command itself writes."""
    code = call.code
    if "-c" in call.texts:
        code = "".join(call.texts[call.texts.index("-c") + 1 :][:1])
    elif call.module or any(word.text != "-" for word in call.operands):
        return []
    if not code:
        return []
    from nightlab.agents.hooks.rules.python_code import written_by

    return written_by(code)
