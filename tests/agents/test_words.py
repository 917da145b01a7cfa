"""The policy by words: what is refused, what passes, and that no line is misread."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import make_study
from hypothesis import given
from hypothesis import strategies as st

from nightlab.agents.hooks.guard import Guard
from nightlab.agents.hooks.outline import outline_of
from nightlab.agents.hooks.place import find_place
from nightlab.agents.hooks.rules.python_code import written_by
from nightlab.agents.hooks.shell import parse
from nightlab.agents.hooks.words import refusal

PROGRAM = """\
# Toy

```yaml
change: {files: [train.py, "lib/*.py"]}
run: {train: uv run train.py, evaluate: python prepare.py evaluate}
```

```policy
PRIMARY: minimize loss
```
"""


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Guard:
    files = {
        "program.md": PROGRAM,
        "train.py": "print(1)\n",
        "prepare.py": "print(2)\n",
        "research/core.py": "pass\n",
        "lib/model.py": "pass\n",
        "pyproject.toml": "",
        ".codex/hooks.json": "{}",
    }
    folder = make_study(tmp_path_factory.mktemp("study") / "s", files)
    (folder / "build").mkdir()
    (folder / "link.py").symlink_to("prepare.py")
    place = find_place([str(folder)])
    assert place is not None
    return Guard(place, outline_of(place), place.study, lambda: ["mar8"])


DENIED = [
    # S2-81, and its kin
    ("python train.py | tee run.log", "nightlab try"),
    ("ls | tee log", "tee"),
    ("echo a | tee -a log", "tee"),
    ("pip install x", "pip install"),
    ("pip3 install x", "pip install"),
    ("pip3.11 install -U x", "pip install"),
    ("python -m pip install x", "pip install"),
    ("python3 -I -m pip install x", "pip install"),
    ("FOO=1 sudo -u me env BAR=2 pip install x", "pip install"),
    ("uv add x", "uv add"),
    ("uv --project . add x", "uv add"),
    ("uv pip install x", "uv pip install"),
    ("poetry add x", "poetry add"),
    ("conda install -y x", "conda install"),
    ("mamba install x", "conda install"),
    ("npm i x", "npm i"),
    ("pnpm add x", "npm add"),
    ("apt-get install -y x", "apt install"),
    ("ls && pip install x", "pip install"),
    ("ls; (cd /tmp && pip install x)", "pip install"),
    ('bash -lc "pip install x"', "pip install"),
    ("echo $(pip install x)", "pip install"),
    ("echo `pip install x`", "pip install"),
    ('echo "is $(pip install x)"', "pip install"),
    ("if true; then pip install x; fi", "pip install"),
    ("for p in a b; do pip install $p; done", "pip install"),
    ("timeout 60 pip install x", "pip install"),
    ("xargs -n 1 pip install < names", "pip install"),
    ("bash <<'EOF'\npip install x\nEOF", "pip install"),
    ("eval 'pip install x'", "pip install"),
    ("git push", "git push"),
    ("git -C . push -f origin main", "git push"),
    ("git -c a.b=c push", "git push"),
    ("gh pr create --fill", "gh pr"),
    # S2-82, as it is here: results come from `nightlab try`
    ("python train.py", "nightlab try"),
    ("python3 -u train.py", "nightlab try"),
    ("uv run train.py", "nightlab try"),
    ("uv run --with x python train.py", "nightlab try"),
    ("python ./train.py > run.log", "nightlab try"),
    ("python train.py 2>&1 | tail -5", "nightlab try"),
    ("CUDA_VISIBLE_DEVICES=0 nohup python train.py &", "nightlab try"),
    ("torchrun --nproc_per_node 2 train.py", "nightlab try"),
    ("python -m train", "nightlab try"),
    ("cd lib && python ../train.py", "nightlab try"),
    # S2-83, S2-84: files that may not be written
    ("echo x > prepare.py", "prepare.py"),
    ("echo x >> ./prepare.py", "prepare.py"),
    ("echo x >| prepare.py", "prepare.py"),
    ("echo x 2> prepare.py", "prepare.py"),
    ("echo x &> prepare.py", "prepare.py"),
    ("cat > prepare.py <<'EOF'\nprint(3)\nEOF", "prepare.py"),
    ("(echo x; echo y) > prepare.py", "prepare.py"),
    ("cd research && echo x > core.py", "research/core.py"),
    ("sed -i s/a/b/ prepare.py", "prepare.py"),
    ("sed --in-place=.bak s/a/b/ prepare.py", "prepare.py"),
    ("perl -pi -e s/a/b/ prepare.py", "prepare.py"),
    ("cp train.py prepare.py", "prepare.py"),
    ("cp /tmp/core.py research", "research/core.py"),
    ("cp -t research /tmp/core.py", "research/core.py"),
    ("mv prepare.py /tmp", "prepare.py"),
    ("mv research /tmp", "research/core.py"),
    ("rm prepare.py", "prepare.py"),
    ("rm -f *.py", "prepare.py"),
    ("git rm prepare.py", "prepare.py"),
    ("dd if=/dev/zero of=prepare.py", "prepare.py"),
    ("truncate -s 0 prepare.py", "prepare.py"),
    ("chmod +x prepare.py", "prepare.py"),
    ("ln -sf /tmp/x prepare.py", "prepare.py"),
    ("echo x > link.py", "prepare.py"),
    ("curl -o prepare.py file:///x", "prepare.py"),
    ("python - <<'EOF'\nopen('prepare.py', 'w').write('x')\nEOF", "prepare.py"),
    ("python3 <<EOF\nfrom pathlib import Path\nPath('prepare.py').write_text('x')\nEOF", "prepare"),
    ("python -c \"p = 'prepare.py'; open(p, mode='a')\"", "prepare.py"),
    ("python -c \"import os; os.remove('prepare.py')\"", "prepare.py"),
    ("python -c \"import shutil; shutil.copy('train.py', 'prepare.py')\"", "prepare.py"),
    ("apply_patch <<'EOF'\n*** Begin Patch\n*** Update File: prepare.py\nEOF", "prepare.py"),
    ("echo >> program.md", "program.md"),
    ("echo x >> results.tsv", "results.tsv"),
    ("sqlite3 x; echo > .git/nightlab/ledger.db", "ledger"),
    ("echo '{}' > .codex/hooks.json", "hooks"),
    ("echo '{}' > .claude/settings.json", "hooks"),
    ("nightlab agent hooks remove --for claude", "human's"),
    # S2-85, and Nightlab's branches
    ("git reset --hard", "autoresearch/*"),
    ("git reset --hard HEAD~1", "autoresearch/*"),
    ("git branch -f autoresearch/mar8 main", "Nightlab alone"),
    ("git branch -D autoresearch/mar8", "Nightlab alone"),
    ("git update-ref refs/heads/autoresearch/mar8 main", "Nightlab alone"),
    ("git update-ref -d refs/nightlab/mar8/1", "Nightlab alone"),
    ("git checkout autoresearch/mar8", "must not be checked out"),
    ("git switch autoresearch/mar8", "must not be checked out"),
    ("git worktree add ../x autoresearch/mar8", "must not be checked out"),
    ("git switch -C autoresearch/mar8 main", "Nightlab alone"),
    ("git commit -am 'exp: wider [emitter=contrarian]'", "`exp:` commits"),
    # S2-86
    ("rm -rf /", "the machine"),
    ("rm -fr /", "the machine"),
    ("rm -r -f /", "the machine"),
    ("rm --recursive --force /*", "the machine"),
    ("sudo rm -rf --no-preserve-root /", "the machine"),
    ("rm -rf ~", "home"),
    ("rm -rf ~/", "home"),
    ("rm -rf ~/*", "home"),
    ('rm -rf "$HOME"', "home"),
    ("rm -rf .", "the study"),
    ("rm -rf *", "study"),
    ("rm -rf ../s", "the study"),
    ("rm -rf .git", "git's own folder"),
    ("rm -rf research", "research/core.py"),
    ("find . -name x -exec rm -rf / ;", "the machine"),
]

ALLOWED = [
    # S2-87: refused wrongly by word lists
    "cat prepare.py > /tmp/x; cp a b",
    "grep foo research/core.py > /tmp/o",
    "python train.py &> run.log",
    "python train.py > run.log 2>&1",
    "python train.py >run.log 2>run.err &",
    "(python train.py; echo done) > run.log 2>&1",
    'bash -c "python train.py" > run.log 2>&1',
    "uv run train.py > run.log 2>&1; tail -5 run.log",
    "python train.py --help",
    "python -m py_compile train.py",
    "python prepare.py",
    "cat train.py | head -50",
    "echo 'git push' # pip install x",
    'grep "pip install" README.md',
    "grep '> prepare.py' notes",
    'echo ">" prepare.py',
    "echo steel committee",
    "pip list",
    "pip show install-helper",
    "uv run nightlab status",
    "npm test",
    "git status && git diff prepare.py",
    "git log --oneline autoresearch/mar8",
    "git checkout HEAD -- prepare.py",
    "git switch -c autoresearch/mar8-desk autoresearch/mar8",
    "git branch autoresearch/mar8-desk autoresearch/mar8",
    "git branch -D autoresearch/mar8-desk",
    "git worktree add -b autoresearch/mar8-desk ../x autoresearch/mar8",
    "git checkout autoresearch/mar8 -- train.py",
    "git commit -m 'notes on exp: no'",
    "git reset HEAD train.py",
    "gh auth status",
    "cp prepare.py /tmp/copy.py",
    "cp prepare.py build",
    "sed -n 1,20p prepare.py",
    "sed -i s/a/b/ train.py lib/model.py",
    "echo x > notes.md",
    "echo x > train.py",
    "rm -rf build",
    "rm -rf /tmp/some-folder build/*",
    "rm -f build/*.py notes.md",
    "mv notes.md build/",
    "cd build && rm -rf *",
    "python -c \"print(open('prepare.py').read())\"",
    "python - <<'E'\ns = open('prepare.py').read()\nopen('/tmp/o', 'w').write(s.strip('a'))\nE",
    "python -c \"s = open('prepare.py').read().replace('a', 'b')\"",
    "find . -name '*.py' -exec grep -l loss {} +",
    'nightlab try -m "set > prepare.py; pip install" --json',
    "nightlab run --trials 0 --tag mar8",
    "nightlab agent skill",
    "2>&1 true",
    "",
]


@pytest.mark.parametrize(("line", "why"), DENIED)
def test_it_is_refused_and_says_why(guard: Guard, line: str, why: str) -> None:
    said = refusal(line, guard)
    assert why in said and "\n" not in said


@pytest.mark.parametrize("line", ALLOWED)
def test_it_passes(guard: Guard, line: str) -> None:
    assert refusal(line, guard) == ""


def test_a_command_that_is_no_script_is_known_too(tmp_path: Path) -> None:
    program = PROGRAM.replace("uv run train.py", "make  train")
    folder = make_study(tmp_path / "s", {"program.md": program, "train.py": "", "Makefile": ""})
    place = find_place([str(folder)])
    assert place is not None
    there = Guard(place, outline_of(place), place.study)
    assert "nightlab try" in refusal("make train", there)
    assert refusal("make train > run.log 2>&1; make tests", there) == ""


def test_a_reset_is_for_the_desk(guard: Guard) -> None:
    head = guard.place.git / "HEAD"
    before = head.read_text()
    try:
        head.write_text("ref: refs/heads/autoresearch/mar8-desk\n")
        assert refusal("git reset --hard autoresearch/mar8", guard) == ""
        head.write_text("ref: refs/heads/autoresearch/mar8\n")
        assert "desk" in refusal("git reset --hard main", guard)
        head.write_text("0" * 40 + "\n")
        assert "no branch" in refusal("git reset --hard main", guard)
    finally:
        head.write_text(before)


def test_another_repository_is_another_matter(guard: Guard, tmp_path: Path) -> None:
    other = make_study(tmp_path / "other", {"prepare.py": ""})
    assert refusal(f"git -C {other} reset --hard", guard) == ""
    assert refusal(f"cd {other} && git reset --hard && echo x > prepare.py", guard) == ""
    assert refusal(f"git -C {other} push", guard), "nothing is published from here at all"


def test_a_redirection_belongs_to_its_command() -> None:
    first, second = parse("a 2>&1 > x | b 'c > d' >> y")
    assert first.is_quiet and first.texts == ("a",)
    assert not second.is_quiet and second.texts == ("b", "c > d")
    assert [r.target.text for r in second.redirects] == ["y"]


def test_a_heredoc_is_no_command() -> None:
    cat, after = parse("cat > x <<-END && echo y\n\tgit push\n\tEND\n")
    assert (cat.stdin, after.texts) == ("\tgit push", ("echo", "y"))


@given(st.text(alphabet="abc \n\t'\"`$(){}<>|&;#\\~*/-=1", max_size=60))
def test_no_line_is_too_strange(text: str) -> None:
    for command in parse(text):
        assert isinstance(command.is_quiet, bool)
    written_by(text)


@given(st.lists(st.text(alphabet="ab '\"$`\\>|;&()#", min_size=1, max_size=8), max_size=4))
def test_quoted_words_come_back_as_they_were(words: list[str]) -> None:
    import shlex

    (command,) = parse(" ".join(["run", *map(shlex.quote, words)]))
    assert command.texts == ("run", *words)
    assert command.redirects == ()
