"""Which sandbox this machine has: each kind is tried, by a probe that tries to break out of it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from nightlab.run.sandbox import Sandbox, Tested
from nightlab.run.sandbox.bubblewrap import Bubblewrap
from nightlab.run.sandbox.landlock import Landlock
from nightlab.run.sandbox.surroundings import Private, Surroundings
from nightlab.types import NightlabError, one_line

_PROBE = Path(__file__).with_name("probe.py")
_FILES = ("read hidden files", "write elsewhere")
_NETWORK = "reach the network"
_PATIENCE = 30.0

KINDS: Mapping[str, Callable[[], tuple[Sandbox, ...]]] = {
    "bubblewrap": lambda: (Bubblewrap(),) if shutil.which("bwrap") else (),
    "landlock": lambda: (
        (Landlock(), Landlock(namespaces=False)) if sys.platform.startswith("linux") else ()
    ),
}
"""The best first. Of each kind, what is to be tried."""

MEND = "`apt install bubblewrap`, or the like, gives one"


def choose_sandbox(isolation: str, surroundings: Surroundings, scratch: Path) -> Tested:
    """The best sandbox that holds here, as `run.isolation` asks for it.

    Raises NightlabError where one is required and there is none.
    """
    if isolation == "none":
        return Tested()
    passed_over: list[str] = []
    for kind in [isolation] if isolation in KINDS else list(KINDS):
        tested = _best_of(kind, surroundings, scratch, passed_over)
        if tested:
            return tested
    if isolation == "auto":
        return Tested(passed_over=tuple(passed_over))
    raise NightlabError(
        f"run.isolation is {isolation}, and no such sandbox works here"
        f" ({'; '.join(passed_over)}): {MEND}; or write `isolation: auto`"
    )


def _best_of(
    kind: str, surroundings: Surroundings, scratch: Path, passed_over: list[str]
) -> Tested | None:
    candidates = KINDS[kind]()
    why = "is not installed" if kind == "bubblewrap" else "is not to be had on this system"
    for sandbox in candidates:
        could, why = try_sandbox(sandbox, surroundings, scratch)
        if could and could["works"] and not any(could[what] for what in _FILES):
            asked = {w: c for w, c in could.items() if w != "works"}
            if surroundings.network:
                asked.pop(_NETWORK)
            held = tuple(what for what, done in asked.items() if not done)
            still = tuple(what for what, done in asked.items() if done)
            return Tested(sandbox, held, still, tuple(passed_over))
    passed_over.append(f"{kind} {why}")
    return None


def try_sandbox(
    sandbox: Sandbox, surroundings: Surroundings, scratch: Path
) -> tuple[Mapping[str, bool], str]:
    """What a probe inside a sandbox could do, by name; {} and why where it did not even start."""
    scratch.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="probe-", dir=scratch))
    try:
        own, hidden, outside = (place / name for name in ("own", "hidden", "outside"))
        for folder in (own, hidden, outside):
            folder.mkdir()
        (hidden / "file").write_text("hidden")
        private = Private(place / "private").make()
        view = surroundings.view(private, writable=[own], hidden=[hidden])
        with _listening() as port:
            told = json.dumps(
                {
                    "own": str(own),
                    "hidden": str(hidden / "file"),
                    "outside": str(outside),
                    "port": port,
                    "pid": os.getpid(),
                }
            )
            argv = [str(surroundings.python), "-I", "-S", "-c", _probe(), told]
            return _said(sandbox.wrap(argv, view), own, private)
    except OSError as error:
        return {}, f"can't be tried: {error}"
    finally:
        shutil.rmtree(place, ignore_errors=True)
        with suppress(OSError):
            scratch.rmdir()


def _said(argv: list[str], folder: Path, private: Private) -> tuple[Mapping[str, bool], str]:
    environment = {"PATH": os.environ.get("PATH", os.defpath), **private.environment()}
    try:
        done = subprocess.run(
            argv,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
        )
        could: dict[str, bool] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return {}, f"does not answer within {_PATIENCE:g} s"
    except ValueError:
        return {}, f"does not work here: {one_line(done.stderr) or f'exit {done.returncode}'}"
    broken = [what for what in _FILES if could[what]]
    if not could["works"]:
        return could, "does not work here: a run could not write in its own folder"
    return could, f"does not hold here: a probe could {' and '.join(broken)}" if broken else ""


@contextmanager
def _listening() -> Iterator[int]:
    """A port that answers on this machine's own network."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@lru_cache(maxsize=1)
def _probe() -> str:
    return _PROBE.read_text()
