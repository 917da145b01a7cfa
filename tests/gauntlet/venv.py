"""A study with an environment of its own, whose packages an attack may reach."""

from __future__ import annotations

import sys
from pathlib import Path

from gauntlet.attack import Place


def own_venv(place: Place) -> None:
    """An environment in the study that borrows this interpreter; a package in it holds answers."""
    venv = place.study / ".venv"
    packages = venv / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    (packages / "answers").mkdir(parents=True)
    (packages / "answers/__init__.py").write_text("")
    (packages / "answers/bits.txt").write_text((place.study / "answers.txt").read_text())
    told = packages / "answers-1.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: answers\nVersion: 1\n")
    (told / "RECORD").write_text("answers/__init__.py,,\nanswers/bits.txt,,\n")
    (venv / "bin").mkdir()
    (venv / "bin/python").symlink_to(Path(sys.executable).resolve())
    home = Path(sys.executable).resolve().parent
    (venv / "pyvenv.cfg").write_text(f"home = {home}\ninclude-system-site-packages = false\n")
