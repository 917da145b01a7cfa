"""The same attacks on labloop, driven by its command line, where it is installed.

It knows one command and no halves, so a study's commands are run one after the other in its
checkout, as its documentation shows. Written to its documentation; nobody has run it here.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

from gauntlet.attack import Attack, Place, load_attack
from gauntlet.lay import lay_study
from gauntlet.leavings import alive, clear, end, git, strangers
from gauntlet.naive import command_of

_PATIENCE = 60.0
_PROPOSE = """import json, pathlib
for name, text in json.loads(pathlib.Path({change!r}).read_text()).items():
    path = pathlib.Path(name)
    path.unlink() if text is None else path.write_text(text)
"""


def why_not_labloop() -> str:
    """Why it can't be tried here, "" where it can."""
    missing = importlib.util.find_spec("labloop") is None
    return "labloop is not installed: pip install labloop==1.0.5" if missing else ""


def why_not_expressed(attack: Attack) -> str:
    """Why labloop can't be asked to meet an attack, "" where it can."""
    if attack.trials > 1:
        return "it takes two trials"
    return "it is about Nightlab's own parts" if not attack.bites else ""


def meet_labloop(name: str) -> str:
    """`kept`, `harm`, or labloop's own mark of the trial."""
    attack, token = load_attack(name), f"gauntlet-{secrets.token_hex(6)}"
    place = Place(Path(tempfile.mkdtemp(prefix=f"{token}-")), token)
    try:
        lay_study(attack, place, "naive")
        with (place.study / ".gitignore").open("a") as ignored:
            ignored.write("labloop.jsonl\n")
        git(place.study, "commit", "-qam", "ignore")
        change, propose = place.folder / "change.json", place.folder / "propose.py"
        change.write_text(json.dumps(attack.change(place)))
        propose.write_text(_PROPOSE.format(change=str(change)))
        _labloop(attack, place, "baseline")
        words = ["--propose", f"{sys.executable} {propose}", "--trials", "1", "--sandbox", "none"]
        said = _labloop(attack, place, "run", *words)
        left = alive(place)
        end(left)
        if "breached: 1" in said or left or strangers(place):
            return "harm"
        mark = re.search(r"^\[(.)\] trial +1\b", said, re.MULTILINE)
        return "kept" if mark and mark[1] == "+" else (mark[1] if mark else "no trial")
    finally:
        clear(place.folder)


def _labloop(attack: Attack, place: Place, command: str, *words: str) -> str:
    code = "import sys; from labloop.cli import main; sys.exit(main())"
    metric = "val_bpb" if attack.study == "language" else "loss"
    run = ["--run", f"sh -c '{command_of(attack)}'", "--metric", metric]
    done = subprocess.run(
        [sys.executable, "-c", code, command, *run, *words],
        cwd=place.study,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        env={**os.environ, "HOME": str(place.home), "NIGHTLAB_SEED": "1"},
    )
    return done.stdout + done.stderr
