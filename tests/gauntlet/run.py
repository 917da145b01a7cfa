"""Meets an attack: lays the study, tries the change, says what came of it."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import secrets
import socket
import sqlite3
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path

from fakes import ScriptedProposer

from gauntlet.attack import Attack, Place, load_attack
from gauntlet.lay import lay_study
from gauntlet.leavings import alive, clear, differences, end, git, snapshot, strangers
from gauntlet.naive import run_naively
from gauntlet.result import Result, Seen, judged
from nightlab.campaign import Campaign
from nightlab.remember.events import Event, RunEnded
from nightlab.report.confirmed import confirmed_data
from nightlab.report.summary import Summary
from nightlab.run.sandbox.choose import choose_sandbox
from nightlab.run.sandbox.surroundings import Surroundings
from nightlab.study import open_study
from nightlab.types import Decision, Idea, NightlabError, Outcome

TESTS = Path(__file__).parents[1]
SECRET = "GAUNTLET_API_KEY"
BREACHED = "breached: 1"
"""What an attack prints when it got what it wanted, where that is no better metric."""


@cache
def why_not(kind: str) -> str:
    """Why attacks can't be met in this way here, "" where they can."""
    if kind == "naive":
        return ""
    with tempfile.TemporaryDirectory() as folder:
        try:
            choose_sandbox(kind, Surroundings(Path(folder)), Path(folder) / "probes")
        except NightlabError as error:
            return str(error)
    return ""


def expected_word(attack: Attack, kind: str) -> str:
    """The word that the result must have: what is not covered wins."""
    word = attack.expected[kind]
    return "won" if word == "not covered" else word


def confesses(attack: Attack, kind: str, summary: str) -> bool:
    """Whether the report says what it must where an attack is not covered, if there is one."""
    return not summary or confession(attack, kind) in summary


def confession(attack: Attack, kind: str) -> str:
    """What the report must say where an attack is not covered."""
    if attack.says is not None:
        return attack.says
    if attack.study in ("script", "call"):
        return "self-reported"
    return "not sandboxed" if kind == "none" else kind.capitalize()


def meet(attack: Attack | str, kind: str) -> Result:
    """Try an attack, in a process and a folder of its own."""
    patience = (load_attack(attack) if isinstance(attack, str) else attack).patience
    context = _ready()
    token = f"gauntlet-{secrets.token_hex(6)}"
    place = Place(Path(tempfile.mkdtemp(prefix=f"{token}-")), token)
    try:
        child = context.Process(target=_meet_here, args=(attack, kind, place))
        child.start()
        child.join(patience)
        hangs = child.is_alive()
        child.kill()
        child.join()
        return judged(_looked_at(place, hangs))
    finally:
        clear(place.folder)


@cache
def _ready() -> ForkServerContext:
    """Where processes are forked off one that has imported all of this.

    It finds this package by PYTHONPATH alone, and puts that back: see gauntlet.ready.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["gauntlet.ready"])
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(TESTS), before]))
    try:
        forkserver.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
    return context


def _looked_at(place: Place, hangs: bool) -> Seen:
    """What the process wrote down, and what can be seen now that it is gone."""
    told = place.folder / "seen.json"
    seen = Seen(**json.loads(told.read_text())) if told.exists() else Seen()
    if not told.exists():
        seen.harm.append("Nightlab hangs" if hangs else "Nightlab died")
    left = alive(place)
    end(left)
    seen.harm += [f"{len(left)} processes went on"] if left else []
    seen.harm += strangers(place)
    return seen


def _meet_here(attack: Attack | str, kind: str, place: Place) -> None:
    """The same in this process, which is spent on it; what was seen is written down."""
    os.setsid()
    output = os.open(place.folder / "output.txt", os.O_WRONLY | os.O_CREAT)
    os.dup2(output, 1)
    os.dup2(output, 2)
    attack = load_attack(attack) if isinstance(attack, str) else attack
    _own_environment(place)
    with _listening(place) as (place, heard):
        seen = Seen()
        lay_study(attack, place, kind)
        os.chdir(place.study)
        before = snapshot(place, checkout=kind == "naive")
        try:
            seen = run_naively(attack, place) if kind == "naive" else _run_nightlab(attack, place)
        except NightlabError as error:
            seen.outcome, seen.detail = "error", str(error)
            if "inputs changed" not in str(error):
                seen.harm.append(f"the session ended: {error}")
        except BaseException:
            seen.harm.append(f"Nightlab crashed: {traceback.format_exc().splitlines()[-1]}")
        seen.harm += heard()
    seen.harm += differences(before, snapshot(place, checkout=kind == "naive"))
    if list(place.work.glob("*/run-*")):
        seen.harm.append("the scratch folder was not cleared")
    if after := attack.aftermath(place):
        seen.harm.append(after)
    (place.folder / "seen.json").write_text(json.dumps(asdict(seen)))


def _own_environment(place: Place) -> None:
    """A home of its own, and a secret that no run needs."""
    os.environ.update(
        HOME=str(place.home),
        XDG_CACHE_HOME=str(place.folder / "cache"),
        NIGHTLAB_WORK=str(place.work),
        GIT_CONFIG_GLOBAL="/dev/null",
        GIT_CONFIG_NOSYSTEM="1",
        OMP_NUM_THREADS="1",
        MPLCONFIGDIR=str(place.folder / "cache"),
    )
    os.environ[SECRET] = place.token


@contextmanager
def _listening(place: Place) -> Iterator[tuple[Place, Callable[[], list[str]]]]:
    """Ears on this machine that a run has no business with, and what they heard."""
    ears = {
        "tcp": socket.socket(socket.AF_INET, socket.SOCK_STREAM),
        "udp": socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        "abstract": socket.socket(socket.AF_UNIX, socket.SOCK_STREAM),
        "unix": socket.socket(socket.AF_UNIX, socket.SOCK_STREAM),
    }
    ears["tcp"].bind(("127.0.0.1", 0))
    port = ears["tcp"].getsockname()[1]
    with suppress(OSError):
        ears["udp"].bind(("127.0.0.1", port))
    ears["abstract"].bind(f"\0{place.token}")
    ears["unix"].bind(str(place.folder / "socket"))
    screen, terminal = os.openpty()
    os.set_blocking(screen, False)
    for name, ear in ears.items():
        ear.setblocking(False)
        if name != "udp":
            ear.listen(8)

    def heard() -> list[str]:
        found = []
        for name, ear in ears.items():
            with suppress(OSError):
                ear.recv(100) if name == "udp" else ear.accept()
                found.append(f"something came through the {name} socket")
        with suppress(OSError):
            os.read(screen, 100)
            found.append("something was written on the terminal")
        return found

    try:
        yield Place(place.folder, place.token, port, os.ttyname(terminal), os.getpid()), heard
    finally:
        for ear in ears.values():
            ear.close()
        os.close(screen)
        os.close(terminal)


def _run_nightlab(attack: Attack, place: Place) -> Seen:
    """A campaign: the baseline and the change."""
    study = open_study(place.study)
    ideas = [
        Idea(attack.summary if n == 1 else f"again, {n}", files=attack.change(place, n))
        for n in range(1, attack.trials + 1)
    ]
    proposer = ScriptedProposer(ideas)
    told: dict[int, float] = {}

    def on_event(event: Event) -> None:
        if isinstance(event, RunEnded) and study.program.policy.metric in event.metrics:
            told[event.run] = event.metrics[study.program.policy.metric]

    study.run(tag="gauntlet", trials=attack.trials, proposer=proposer, on_event=on_event)
    again = study.campaign("gauntlet")
    seen = _seen(again)
    seen.refused = proposer.refusals[0][1] if proposer.refusals else ""
    seen.summary = next(
        path.read_text() for path in Summary().write(study, again) if path.suffix == ".md"
    )
    logs = [path for path in (study.home / "logs").rglob("*") if path.is_file()]
    said = [path.read_bytes()[: 1 << 20].decode(errors="replace") for path in logs]
    if any(BREACHED in each for each in said):
        seen.harm.append("it got what it wanted")
    failed = [found[0] for each in said if (found := re.search("failed: .*", each))]
    seen.failed = failed[-1] if failed else ""
    kept = {run.number: run for trial in again.history.trials for run in trial.runs}
    kept |= {run.number: run for run in again.history.baseline.runs}
    metric = study.program.policy.metric
    if any(kept[number].metrics[metric] != value for number, value in told.items()):
        seen.harm.append("the ledger was edited")
    tip = git(place.study, "rev-parse", "refs/heads/autoresearch/gauntlet")
    if tip != again.history.incumbent.commit:
        seen.harm.append("the branch was moved")
    rows = study.results.read_text().splitlines()
    if len(rows) != 2 + len(again.history.trials) or place.token in "".join(rows):
        seen.harm.append("results.tsv was edited")
    with sqlite3.connect(study.ledger_path) as ledger:
        if ledger.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            seen.harm.append("the ledger was damaged")
    return seen


def _seen(campaign: Campaign) -> Seen:
    """What the ledger says of the last trial."""
    history = campaign.history
    seen = Seen(baseline=history.baseline.mean(history.metric))
    if history.trials:
        trial = history.trials[-1]
        bad = trial.failed
        seen.value = trial.mean(history.metric)
        seen.outcome = bad.outcome.value if bad and bad.outcome else Outcome.OK.value
        seen.detail = bad.detail if bad else ""
        if trial.verdict:
            seen.kept = any(
                each.verdict and each.verdict.decision is Decision.KEEP for each in history.trials
            )
            confirmed = confirmed_data(history)
            seen.unconfirmed = bool(confirmed and not confirmed["improved"])
            seen.rule = trial.verdict.rule
            seen.detail = seen.detail or trial.verdict.reason
    return seen
