"""Prints the table: every attack, met in every way that there is here.

    PYTHONPATH=tests python -m gauntlet [NAME ...] [--kinds naive,none] [--parallel 2] [--why]

Exits with 1 where a result is not as its attack's file says.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from gauntlet.attack import KINDS, attack_names, load_attack
from gauntlet.labloop import meet_labloop, why_not_expressed, why_not_labloop
from gauntlet.result import Result
from gauntlet.run import confesses, confession, expected_word, meet, why_not

_SHOWN = {"won": "**won**", "not covered": "not covered"}


def main() -> int:
    """Meet them all, print what came of it."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these attacks")
    parser.add_argument("--kinds", default=",".join(KINDS), help="only these ways to meet them")
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--why", action="store_true", help="say of each result why")
    asked = parser.parse_args()
    names = asked.names or attack_names()
    kinds = [kind for kind in KINDS if kind in asked.kinds.split(",")]
    for kind in list(kinds):
        if why := why_not(kind):
            kinds.remove(kind)
            print(f"{kind} is left out: {why}", file=sys.stderr)
    peer = not why_not_labloop()
    if not peer:
        print(f"the column of labloop is left out: {why_not_labloop()}", file=sys.stderr)
    where = f"{platform.system()} {platform.release()}, {os.cpu_count()} processors"
    print(f"{time.strftime('%Y-%m-%d')}, {where}, Python {platform.python_version()}\n")
    columns = ["attack", *kinds, *(["labloop 1.0.5"] if peer else [])]
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    wrong: list[str] = []
    for name, results in _met(names, kinds, asked.parallel):
        attack = load_attack(name)
        cells = [attack.title]
        for kind, result in zip(kinds, results, strict=True):
            cells.append(_cell(name, kind, result, wrong))
        if peer:
            cells.append(why_not_expressed(attack) or meet_labloop(name))
        print(f"| {' | '.join(cells)} |", flush=True)
        if asked.why:
            for kind, result in zip(kinds, results, strict=True):
                print(f"    {name}, {kind}: {result.word}: {result.why}", flush=True)
    print(f"\n{len(names)} attacks")
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


def _met(
    names: Sequence[str], kinds: Sequence[str], parallel: int
) -> Iterator[tuple[str, list[Result]]]:
    with ThreadPoolExecutor(parallel) as pool:
        jobs = {name: [pool.submit(meet, name, kind) for kind in kinds] for name in names}
        for name, futures in jobs.items():
            yield name, [future.result() for future in futures]


def _cell(name: str, kind: str, result: Result, wrong: list[str]) -> str:
    """What the table says; a note of what is not as expected."""
    attack = load_attack(name)
    if result.word != expected_word(attack, kind):
        wrong.append(f"{name}, {kind}: {result.word}, not {attack.expected[kind]}: {result.why}")
        return f"**{result.word}**"
    word = attack.expected[kind]
    if word == "not covered" and not confesses(attack, kind, result.summary):
        wrong.append(f"{name}, {kind}: the report does not say {confession(attack, kind)!r}")
    return _SHOWN.get(word, word)


if __name__ == "__main__":
    sys.exit(main())
