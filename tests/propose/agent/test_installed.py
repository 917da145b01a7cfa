"""Programs where people have them: below a home folder, in a real sandbox that hides it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes import COMMAND_PROGRAM, command_study
from run.sandbox.cell import cell_of

from nightlab.propose.agent.installed import find_program, parts_of
from nightlab.propose.conformance import sample_history

EDIT = "printf 'X = 1.0\\n' > train.py"
SECRETS = (".ssh/id", ".local/share/keyrings/login", ".npmrc", ".nvm/secret", "src/other/secret")


def script(path: Path, first: str, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{first}\n{text}\n")
    path.chmod(0o755)
    return path


def shell_at(path: Path) -> Path:
    """An interpreter that only this home folder has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy("/bin/sh", path)
    return path


def link(path: Path, to: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(to)
    return path


def by_nvm(home: Path) -> Path:
    """A package and its dependency, of a node that a version manager has."""
    top = home / ".nvm/versions/node/v20"
    shell_at(top / "bin/node")
    modules = top / "lib/node_modules"
    script(
        modules / "@maker/mine/cli.js", "#!/usr/bin/env node", '. "$(dirname "$0")/../../x/x.js"'
    )
    modules.joinpath("x").mkdir()
    modules.joinpath("x/x.js").write_text(EDIT)
    script(modules / "@maker/mine/cli.js", "#!/usr/bin/env node", f". {modules}/x/x.js")
    return link(top / "bin/mine", "../lib/node_modules/@maker/mine/cli.js").parent


def by_an_installer(home: Path) -> Path:
    """One file in a folder of versions."""
    share = home / ".local/share/mine"
    script(share / "versions/2.1.0", "#!/bin/sh", EDIT)
    link(share / "current", "versions/2.1.0")
    return link(home / ".local/bin/mine", "../share/mine/current").parent


def by_a_python(home: Path) -> Path:
    """A virtual environment of a tool's own, made from a python that was downloaded."""
    base = home / ".local/share/uv/python/cpython-3.12"
    shell_at(base / "bin/python3.12")
    (base / "lib").mkdir()
    (base / "lib/standard.sh").write_text(EDIT)
    tool = home / ".local/share/uv/tools/mine"
    link(tool / "bin/python", str(base / "bin/python3.12"))
    (tool / "pyvenv.cfg").write_text(f"home = {base}/bin\nversion = 3.12\n")
    (tool / "lib").mkdir()
    (tool / "lib/mine.sh").write_text(f". {base}/lib/standard.sh")
    script(tool / "bin/mine", f"#!{tool}/bin/python", f". {tool}/lib/mine.sh")
    return link(home / ".local/bin/mine", str(tool / "bin/mine")).parent


def by_a_python_with_a_long_name(home: Path) -> Path:
    """As installers write it where a path is too long for a first line."""
    folder = by_a_python(home)
    tool = home / ".local/share/uv/tools/mine"
    again = f"'''exec' {tool}/bin/python \"$0\" \"$@\"\n' '''"
    script(tool / "bin/mine", "#!/bin/sh", again)
    shutil.move(tool / "bin/python", tool / "bin/real")
    script(tool / "bin/python", f"#!{tool}/bin/real", f". {tool}/lib/mine.sh")
    return folder


def by_a_link_to_a_checkout(home: Path) -> Path:
    """`npm link`: a package that is being worked on, elsewhere in the home folder."""
    top = home / "src/mine"
    script(top / "dist/cli.js", "#!/bin/sh", f". {top}/lib/edit.js")
    (top / "package.json").write_text("{}")
    (top / "lib").mkdir()
    (top / "lib/edit.js").write_text(EDIT)
    modules = home / ".nvm/versions/node/v20/lib/node_modules"
    link(modules / "mine", str(top))
    return link(home / ".nvm/versions/node/v20/bin/mine", str(modules / "mine/dist/cli.js")).parent


KINDS = [
    by_nvm,
    by_an_installer,
    by_a_python,
    by_a_python_with_a_long_name,
    by_a_link_to_a_checkout,
]


@pytest.mark.parametrize("isolation", ["bubblewrap", "landlock"])
@pytest.mark.parametrize("lay", KINDS, ids=lambda lay: lay.__name__)
def test_it_starts_in_the_sandbox_and_nothing_else_is_shown(
    lay: Callable[[Path], Path],
    isolation: str,
    tmp_path: Path,
    own_home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cell_of(isolation, tmp_path / "cell")
    monkeypatch.setenv("NIGHTLAB_WORK", str(tmp_path / "work"))
    for name in SECRETS:
        (own_home / name).parent.mkdir(parents=True, exist_ok=True)
        (own_home / name).write_text("secret")
    folder = lay(own_home)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    look = " ".join(f'"{own_home}/{name}"' for name in SECRETS)
    command = f"[sh, -c, 'mine; cat {look} >> train.py 2>/dev/null; true']"
    program = COMMAND_PROGRAM.replace("{with: random}", "{agent: ./mine.yaml, time: 20 s}")
    program = program.replace("seeds: [1, 2]", f"seeds: [1, 2]\n  isolation: {isolation}")
    study = command_study(tmp_path / "s", program)
    preset = f"program: mine\ncommand: {command}\nnetwork: false\n"
    (study.folder / "mine.yaml").write_text(preset)
    programs = study.rooms.programs()
    try:
        history = sample_history(parameters={"X": 0.5})
        object.__setattr__(history.incumbent, "commit", study.repository.head())
        idea = study.rooms.proposer(programs=programs).propose(history)
    finally:
        programs.close()
    assert idea.files == {"train.py": "X = 1.0\n"}, idea


def test_a_home_folder_is_never_opened_as_a_whole(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own_home / "package.json").write_text("{}")
    (own_home / "pyvenv.cfg").write_text("home = /usr/bin\n")
    for name in ("mine", "bin/mine", "node_modules.js"):
        program = script(own_home / name, "#!/bin/sh", "true")
        found = parts_of(program)
        assert program in found
        assert not [path for path in found if path in (own_home, *own_home.parents)], found


def test_links_in_a_circle_and_scripts_of_scripts_have_an_end(own_home: Path) -> None:
    script(own_home / "a", f"#!{own_home}/b", "")
    script(own_home / "b", f"#!{own_home}/a", "")
    assert {own_home / "a", own_home / "b"} <= set(parts_of(own_home / "a"))
    link(own_home / "c", "d")
    link(own_home / "d", "c")
    assert parts_of(own_home / "c")
    (own_home / "e").write_bytes(b"\x7fELF\x00\xff")
    assert parts_of(own_home / "e") == [own_home / "e"]
    (own_home / "f").write_text("#!\n")
    assert parts_of(own_home / "f") == [own_home / "f"]


def test_a_program_by_its_path(own_home: Path) -> None:
    program = script(own_home / "tools/mine", "#!/bin/sh", "true")
    assert find_program(str(program)) == find_program("~/tools/mine") == program
    assert find_program("no-such-program") is None
    assert find_program(Path(sys.executable).name) is not None
