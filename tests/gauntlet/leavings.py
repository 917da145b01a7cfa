"""What an attack may leave behind or spoil: looked for after each, and cleared away."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
from contextlib import suppress
from hashlib import blake2b
from itertools import count
from pathlib import Path

from gauntlet.attack import Place

SHARED = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))
_VIEWS = ("results.tsv", "autoresearch-", "charts", "best", "analysis")
_GIT = ("hooks", "config", "HEAD", "info/attributes", "packed-refs", "refs/heads/main")


def snapshot(place: Place, checkout: bool) -> dict[str, str]:
    """What must not change: the study's files, its repository's settings, the home folder.

    Of a loop that works in the checkout (`checkout`), only the latter two.
    """
    found: dict[str, str] = {}
    tops = [place.home, *(place.study / ".git" / name for name in _GIT)]
    if not checkout:
        tops += [p for p in place.study.iterdir() if not p.name.startswith((".git", *_VIEWS))]
    for top in tops:
        for path in (top, *sorted(top.rglob("*"))):
            with suppress(FileNotFoundError):
                status = path.lstat()
                seen = f"{stat.filemode(status.st_mode)}"
                if stat.S_ISREG(status.st_mode):
                    seen += blake2b(path.read_bytes(), digest_size=8).hexdigest()
                found[str(path.relative_to(place.folder))] = seen
    return found


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """One line for each thing that changed."""
    names = sorted({*before, *after})
    return [f"{name} was changed" for name in names if before.get(name) != after.get(name)]


def strangers(place: Place) -> list[str]:
    """Files in folders that all share, by the attack's token; removed once they are seen."""
    found = []
    for folder in SHARED:
        for path in folder.glob(f"*{place.token}*"):
            if path != place.folder and path not in place.folder.parents:
                found.append(f"{path} was left behind")
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    return found


def alive(place: Place) -> list[int]:
    """Processes of the attack: by their arguments, or by the folder they are in."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):
                words = (entry / "cmdline").read_bytes().decode(errors="replace")
                inside = str((entry / "cwd").readlink()).startswith(f"{place.folder}/")
                if words and (place.token in words or inside):
                    found.append(int(entry.name))
    return found


def end(pids: list[int]) -> None:
    """End what an attack left running."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def clear(folder: Path) -> None:
    """Remove a folder of ours, however deep it is: what lies deep is brought up first."""
    assert folder.name.startswith("gauntlet-")
    for number in count():
        tops = (Path(top) for top, _, _ in os.walk(folder))
        deep = next((top for top in tops if len(top.parts) > len(folder.parts) + 100), None)
        if deep is None:
            break
        deep.rename(folder / f"deep-{number}")
    shutil.rmtree(folder, ignore_errors=True)


def git(folder: Path, *words: str) -> str:
    """Run git in a folder, without its hooks, and return what it says."""
    quiet = ["-c", "core.hooksPath=/dev/null", "-c", "user.name=t", "-c", "user.email=t@t"]
    done = subprocess.run(["git", *quiet, *words], cwd=folder, capture_output=True, text=True)
    return done.stdout.strip()
