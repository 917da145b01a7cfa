"""The house: imports go down only, heavy parts load late, the loop stays short."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import nightlab

ROOT = Path(nightlab.__file__).parent
FLOORS = [
    {"types", "disk"},
    {"program"},
    {"propose", "change", "run", "judge", "remember"},
    {"campaign"},
    {"stop"},
    {"loop"},
    {"settings"},
    {"rooms"},
    {"study"},
    {"report", "route", "adopt", "tryout"},
    {"agents", "governance"},
    {"api", "cli"},
]
LEVEL = {room: level for level, floor in enumerate(FLOORS) for room in floor}
HEAVY = ("torch", "optuna", "matplotlib", "scipy", "numpy", "pandas", "pygit2")


def imports(path: Path) -> set[tuple[str, bool]]:
    """Modules of nightlab that a file imports, and whether only for types."""
    tree = ast.parse(path.read_text())
    typing_only = {
        node
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    found = set()
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {(n, node in typing_only) for n in names if n.split(".")[0] == "nightlab"}
    return found


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def is_settings(module: str) -> bool:
    """Each room hands its settings model to the study, which stands below some of the rooms."""
    return module.split(".")[2:] == ["settings"]


def sources() -> list[Path]:
    return [p for p in sorted(ROOT.rglob("*.py")) if "labs" not in p.relative_to(ROOT).parts]


def test_imports_go_down_only() -> None:
    wrong = []
    for path in sources():
        here = path.relative_to(ROOT).with_suffix("").parts[0]
        for module, _ in imports(path):
            there = room(module)
            if not there or here in ("__init__", "__main__") or is_settings(module):
                continue
            if there != here and LEVEL[there] >= LEVEL[here]:
                wrong.append(f"{path.relative_to(ROOT)} imports {module}")
    assert wrong == []


def test_settings_rest_on_the_program_alone() -> None:
    for path in ROOT.glob("*/settings.py"):
        rooms = {room(module) for module, _ in imports(path)}
        assert rooms <= {"program", "types", path.parent.name}, path


def test_every_room_stands_in_the_plan() -> None:
    rooms = {p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith("__")}
    assert rooms - {"labs"} <= LEVEL.keys()


def test_labs_import_nothing_from_nightlab() -> None:
    assert [p for p in (ROOT / "labs").rglob("*.py") if imports(p)] == []


def test_scripts_that_run_alone_import_nothing_from_nightlab() -> None:
    assert not imports(ROOT / "run" / "warden.py")
    assert not imports(ROOT / "run" / "call_worker.py")


def test_the_loop_is_short_and_knows_no_domain() -> None:
    text = (ROOT / "loop.py").read_text()
    assert len(text.splitlines()) < 200
    assert not [word for word in ("gpu", "prompt", "toxicity", "torch") if word in text.lower()]


def test_the_command_line_loads_nothing_heavy() -> None:
    code = f"import sys, nightlab.cli; print([m for m in {HEAVY!r} if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_no_file_is_named_after_nothing() -> None:
    vague = {"utils", "util", "helpers", "manager", "core", "common", "misc", "base"}
    assert [p for p in sources() if p.stem in vague] == []
