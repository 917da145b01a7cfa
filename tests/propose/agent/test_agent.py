"""Coding agents, by their presets: real campaigns with programs that look like them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from fake_agents import THREE, USAGE, lay_agent
from fakes import COMMAND_PROGRAM, TRAIN, command_study, git
from run.sandbox.cell import cell_of

from nightlab.propose import FullPurse, NothingToPropose, Purse
from nightlab.propose.agent import AgentProposer
from nightlab.propose.conformance import sample_history, sample_trial
from nightlab.remember.events import ChangeRefused, Event
from nightlab.study import Study, open_study
from nightlab.types import Decision, History, Idea, NightlabError

Ask = Callable[..., Idea]

KEYS = {
    "claude": "ANTHROPIC_API_KEY",
    "codex": "CODEX_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "qwen": "OPENAI_API_KEY",
}
EDIT = 'pathlib.Path("train.py").write_text("X = 1.0")\n'


def key_of(agent: str) -> str:
    return KEYS.get(agent, "ANTHROPIC_API_KEY")


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder at the head of the PATH, and no keys at all."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("NIGHTLAB_WORK", str(tmp_path / "work"))
    for name in list(os.environ):
        if name.endswith(("_API_KEY", "_AUTH_TOKEN", "_OAUTH_TOKEN")):
            monkeypatch.delenv(name)
    return folder


def study_of(top: Path, propose: str, isolation: str = "bubblewrap") -> Study:
    """A study in a real sandbox; skips where there is none."""
    if isolation != "none":
        cell_of(isolation, top / "cell")
    program = COMMAND_PROGRAM.replace("{with: random}", propose)
    program = program.replace("seeds: [1, 2]", f"seeds: [1, 2]\n  isolation: {isolation}")
    return command_study(top / "s", program)


def history_of(study: Study) -> History:
    base = sample_history(parameters={"X": 0.5})
    trial = replace(base.baseline, commit=study.repository.head())
    return replace(base, baseline=trial, incumbent=trial)


@contextmanager
def proposing(study: Study, purse: Purse | None = None) -> Iterator[AgentProposer]:
    """The proposer that a study names, with what starts its programs."""
    programs = study.rooms.programs()
    try:
        proposer = study.rooms.proposer(purse or FullPurse(), programs)
        assert isinstance(proposer, AgentProposer)
        yield proposer
    finally:
        programs.close()


def idea_of(study: Study, purse: Purse | None = None) -> Idea:
    with proposing(study, purse) as proposer:
        return proposer.propose(history_of(study))


@pytest.fixture
def claude(tmp_path: Path, bin_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Asks a program that looks like claude, and plays a part, for one idea."""

    def ask(part: str, more: str = "", purse: Purse | None = None) -> Idea:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
        lay_agent(bin_folder, "claude", part)
        study = study_of(tmp_path, f"{{agent: claude, network: true, {more or 'time: 60 s'}}}")
        return idea_of(study, purse)

    return ask


@pytest.mark.parametrize("agent", sorted(USAGE))
def test_a_campaign_of_three_trials(
    agent: str, tmp_path: Path, bin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A good edit is kept, a bad one discarded, and one outside the surface refused."""
    lay_agent(bin_folder, agent, THREE)
    monkeypatch.setenv(key_of(agent), "secret")
    study = study_of(tmp_path, f"{{agent: {agent}, network: true, time: 60 s}}")
    purse, events = FullPurse(), list[Event]()
    programs = study.rooms.programs()
    try:
        proposer = study.rooms.proposer(purse, programs)
        campaign, _ = study.run(proposer=proposer, trials=3, on_event=events.append)
    finally:
        programs.close()
    first, second, third = campaign.history.trials
    assert (first.summary, first.hypothesis) == ("X to 1", "the bowl's bottom is there")
    assert second.summary == "X to 3"
    assert [t.verdict.decision.value for t in (first, second, third) if t.verdict] == [
        "keep",
        "discard",
        "discard",
    ]
    assert {t.emitter for t in campaign.history.trials} == {agent}
    (refused,) = (e for e in events if isinstance(e, ChangeRefused))
    assert "outside the surface: other.py" in refused.reason
    read, written, usd = USAGE[agent]
    assert [name for name, _ in purse.paid] == [agent] * 4
    for _, paid in purse.paid:
        assert (paid.input_tokens, paid.output_tokens, paid.calls) == (read, written, 1)
        assert paid.usd == (None if usd is None else pytest.approx(usd))
        assert paid.seconds > 0


def test_what_it_costs_is_written_down_and_ends_the_session(
    tmp_path: Path, bin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_agent(bin_folder, "claude", THREE)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    study = study_of(tmp_path, "{agent: claude, network: true}")
    program = study.folder / "program.md"
    program.write_text(program.read_text().replace("{trials: 4}", "{tokens: 12000}"))
    words = [sys.executable, "-m", "nightlab"]
    run = {"cwd": study.folder, "capture_output": True, "text": True, "timeout": 120}
    done = subprocess.run([*words, "run"], check=False, **run)
    assert done.returncode == 0 and "12,000 tokens" in done.stdout, done.stdout + done.stderr
    told = json.loads(subprocess.run([*words, "status", "--json"], check=True, **run).stdout)
    assert told["trials"] == 2
    assert told["cost"]["tokens"] == 2 * 6250
    assert told["cost"]["usd"] == pytest.approx(2 * 0.0421)


# -- how it may end ------------------------------------------------------------------------------


def test_the_diff_counts_and_not_the_exit_code(claude: Ask) -> None:
    idea = claude(EDIT + "sys.exit(3)")
    assert (idea.files, idea.unusable) == ({"train.py": "X = 1.0"}, "")
    assert idea.summary == "edit train.py"


def test_one_that_ends_well_and_has_written_nothing_is_of_no_use(claude: Ask) -> None:
    idea = claude("said = 'I have made the change.\\nsummary: better'")
    assert (idea.files, idea.unusable) == ({}, "it edited nothing")
    assert idea.summary.startswith("no edit (exit 0), last words: I have made the change.")


def test_one_that_hangs_is_killed_and_what_it_edited_counts(claude: Ask) -> None:
    purse = FullPurse()
    spent = '{"type": "assistant", "message": {"id": "m", "usage": {"input_tokens": %d}}}'
    part = EDIT + f"print('{spent % 7}'); print('{spent % 9}', flush=True); time.sleep(600)"
    began = time.monotonic()
    idea = claude(part, "time: 2 s", purse)
    assert time.monotonic() - began < 30
    assert idea.files == {"train.py": "X = 1.0"}
    ((_, paid),) = purse.paid
    assert (paid.input_tokens, paid.usd) == (9, None), "an id counts once"


def test_one_that_hangs_and_edits_nothing(claude: Ask) -> None:
    purse = FullPurse()
    assert claude("time.sleep(600)", "time: 1 s", purse).summary == "no edit (killed after 1 s)"
    assert [paid.calls for _, paid in purse.paid] == [1]


def test_one_that_is_killed(claude: Ask) -> None:
    idea = claude(EDIT + "os.kill(os.getpid(), 9)")
    assert idea.files == {"train.py": "X = 1.0"}


def test_one_that_prints_garbage(claude: Ask) -> None:
    purse = FullPurse()
    noise = (
        "os.write(1, bytes(range(256)) * 400 + b'\\n{\\n[[[[\\n' + b'[' * 100000 + b'\\n')\n"
        "show({'type': 'result', 'result': ['x'], 'total_cost_usd': 'NaN',"
        " 'usage': {'input_tokens': -5, 'output_tokens': 1e300}}, 5, None, [3])\nsys.exit()"
    )
    idea = claude(EDIT + noise, purse=purse)
    assert idea.files == {"train.py": "X = 1.0"}
    assert idea.summary == "edit train.py"
    ((_, paid),) = purse.paid
    assert (paid.tokens, paid.usd) == (0, None)


@pytest.mark.parametrize("line", ["x" * 999_999, ""], ids=["lines", "one line"])
def test_one_that_prints_a_hundred_megabytes(claude: Ask, line: str) -> None:
    purse = FullPurse()
    end = repr("\n" if line else "")
    part = f"for _ in range(100): print('x' * 999_999, end={end})"
    idea = claude(EDIT + part + "\nprint()\nsaid = 'summary: loud'", purse=purse)
    assert idea.summary == "loud"
    assert purse.paid[0][1].usd == 0.0421


def test_one_that_leaves_processes_has_none_left(claude: Ask) -> None:
    mark = f"600{os.getpid()}"
    part = "import subprocess\nfor _ in range(3): subprocess.Popen(['sleep', '%s'], "
    claude(part % mark + "start_new_session=True)")
    left = [p for p in Path("/proc").glob("[0-9]*/cmdline") if mark in _read(p)]
    assert left == []


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def test_what_lies_in_its_folder_and_is_no_edit_is_said(claude: Ask) -> None:
    idea = claude("os.truncate(os.open('big', os.O_CREAT | os.O_RDWR), 17_000_000)")
    assert idea.unusable == "big has more than 16 MB"
    assert idea.files == {}


# -- what it sees --------------------------------------------------------------------------------


def test_it_has_the_brief_and_a_home_of_its_own(
    claude: Ask, own_home: Path, tmp_path: Path
) -> None:
    for name in (".claude/.credentials.json", ".claude/history.jsonl", ".ssh/id"):
        (own_home / name).parent.mkdir(exist_ok=True)
        (own_home / name).write_text(f"real {name}")
    part = """
home, real = pathlib.Path.home(), pathlib.Path({real!r})
found = dict(
    home=sorted(str(p.relative_to(home)) for p in home.rglob("*") if p.is_file()),
    credentials=(home / ".claude/.credentials.json").read_text(),
    mode=oct((home / ".claude/.credentials.json").stat().st_mode & 0o777),
    real=[str(p) for p in real.rglob("id")],
    study=[str(p) for p in pathlib.Path({study!r}).rglob("*") if p.is_file()],
    key=os.environ.get("ANTHROPIC_API_KEY"), other=os.environ.get("OTHER_SECRET"),
    here=os.getcwd() in prompt, names=sorted(os.listdir(".")),
    page="train.py" in prompt and "hypothesis:" in prompt,
)
try:
    open(os.environ["NIGHTLAB_BRIEF"], "w")
except OSError:
    found["read_only"] = True
pathlib.Path("train.py").write_text(json.dumps(found))
"""
    os.environ["OTHER_SECRET"] = "x"
    try:
        idea = claude(part.format(real=str(own_home), study=str(tmp_path / "s")))
    finally:
        del os.environ["OTHER_SECRET"]
    found = json.loads(idea.files["train.py"] or "")
    assert found == {
        "home": [".claude/.credentials.json"],
        "credentials": "real .claude/.credentials.json",
        "mode": "0o600",
        "real": [],
        "study": [],
        "key": "secret",
        "other": None,
        "here": True,
        "names": [".git", "program.md", "train.py"],
        "page": True,
        "read_only": True,
    }
    assert (own_home / ".claude/.credentials.json").read_text().startswith("real")


def test_pointed_at_a_server_it_has_no_key_of_another(claude: Ask, own_home: Path) -> None:
    (own_home / ".claude").mkdir()
    (own_home / ".claude/.credentials.json").write_text("real")
    part = """
pathlib.Path("train.py").write_text(json.dumps([
    {name: os.environ.get(name) for name in ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY")},
    sys.argv[-2:], [str(p) for p in pathlib.Path.home().rglob("*.json")],
]))
"""
    purse = FullPurse()
    more = "url: 'http://127.0.0.1:9/v1', model: 'm\"1', price: {input: 3, output: 15}"
    idea = claude(part, more, purse)
    variables, words, files = json.loads(idea.files["train.py"] or "")
    assert variables == {"ANTHROPIC_BASE_URL": "http://127.0.0.1:9", "ANTHROPIC_API_KEY": "none"}
    assert words == ["--model", 'm"1']
    assert files == []
    assert purse.paid[0][1].usd == pytest.approx((6000 * 3 + 250 * 15) / 1e6), "not the agent's"


def test_a_key_of_ones_own_is_handed_over(claude: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", "my key")
    part = "pathlib.Path('train.py').write_text(os.environ['ANTHROPIC_API_KEY'])"
    assert claude(part, "key: MINE").files == {"train.py": "my key"}


@pytest.mark.parametrize(
    ("agent", "file"),
    [
        ("codex", ".codex/config.toml"),
        ("pi", ".pi/agent/models.json"),
        ("opencode", ".config/opencode/opencode.json"),
    ],
)
def test_files_that_point_at_a_server_can_be_read(
    agent: str, file: str, tmp_path: Path, bin_folder: Path
) -> None:
    """Whatever stands in a model's name."""
    part = f"pathlib.Path('train.py').write_text((pathlib.Path.home() / {file!r}).read_text())"
    lay_agent(bin_folder, agent, part)
    given = "url: 'http://localhost:9/v1/', model: 'a\"b{key}'"
    study = study_of(tmp_path, f"{{agent: {agent}, network: true, {given}}}")
    text = idea_of(study).files["train.py"] or ""
    if file.endswith(".json"):
        told = json.loads(text)
    else:
        told = pytest.importorskip("tomllib").loads(text)
    assert "http://localhost:9/v1" in str(told) and 'a"b{key}' in str(told)


def test_a_brief_too_long_for_an_argument_is_read_from_its_file(
    tmp_path: Path, bin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = """
(file,) = [word[:-1] for word in prompt.split() if word.endswith("prompt.md.")]
whole = pathlib.Path(file).read_text()
pathlib.Path("train.py").write_text(f"X = {len(prompt.encode()) < 130_000 < len(whole.encode())}")
"""
    lay_agent(bin_folder, "pi", part)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    study = study_of(tmp_path, "{agent: pi, network: true, brief: 400000}")
    program = study.folder / "program.md"
    program.write_text(program.read_text().replace("# Toy", "# Toy\n\n" + "go on " * 40_000, 1))
    idea = idea_of(open_study(study.folder))
    assert idea.files == {"train.py": "X = True"}


def test_it_drafts_a_wish_and_mends_a_trial_at_its_own_commit(
    tmp_path: Path, bin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = """
text = pathlib.Path("train.py").read_text()
pathlib.Path("train.py").write_text(text + "\\n# " + str("warm-up of 7" in prompt) + str(
    "NameError: oops" in prompt))
"""
    lay_agent(bin_folder, "claude", part)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    study = study_of(tmp_path, "{agent: claude, network: true}")
    (study.folder / "train.py").write_text("broken")
    git(study.folder, "commit", "-qam", "a trial")
    crashed = replace(
        sample_trial(1, {"X": 0.5}, None, Decision.CRASH), commit=study.repository.head()
    )
    with proposing(study) as proposer:
        base = history_of(study)
        incumbent = replace(base.incumbent, commit=git(study.folder, "rev-parse", "HEAD~1"))
        history = replace(base, baseline=incumbent, incumbent=incumbent)
        drafted = proposer.draft(history, "a warm-up of 7")
        mended = proposer.fix(history, crashed, "NameError: oops")
    assert (drafted.files["train.py"] or "").startswith(TRAIN)
    assert (mended.files["train.py"] or "").startswith("broken")


# -- what stops it -------------------------------------------------------------------------------


class EmptyPurse(FullPurse):
    def empty(self) -> str:
        return "stop.cost is reached"


def test_nothing_is_asked_of_it_where_nothing_may_be_spent(claude: Ask) -> None:
    purse = EmptyPurse()
    with pytest.raises(NothingToPropose, match=r"stop\.cost"):
        claude(EDIT, purse=purse)
    assert purse.paid == []


DENIED = "said = 'Invalid API key · Please run /login' + chr(27) + '[2J' + 'x' * 5000"


def test_a_wrong_key_ends_it_at_the_third_time(
    tmp_path: Path, bin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_agent(bin_folder, "claude", DENIED)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "wrong")
    study, purse = study_of(tmp_path, "{agent: claude, network: true}"), FullPurse()
    with proposing(study, purse) as proposer, pytest.raises(NightlabError) as raised:
        study.run(proposer=proposer, trials=3)
    said = str(raised.value)
    assert "denied access 3 times in a row: 'Invalid API key" in said
    assert "set ANTHROPIC_API_KEY" in said
    assert len(said) < 600 and "\n" not in said and "\x1b" not in said
    assert len(purse.paid) == 3


def test_no_key_is_told_or_written_down(
    tmp_path: Path, bin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent may print what it was given; nobody else reads it."""
    key = "0123abcd-not-like-any-known-key"
    lay_agent(
        bin_folder,
        "claude",
        "said = 'summary: authentication of ' + os.environ['ANTHROPIC_API_KEY'] + ' failed'",
    )
    monkeypatch.setenv("ANTHROPIC_API_KEY", key)
    study = study_of(tmp_path, "{agent: claude, network: true}")
    with proposing(study) as proposer, pytest.raises(NightlabError) as raised:
        study.run(proposer=proposer, trials=3)
    assert "denied access" in str(raised.value) and key not in str(raised.value)
    for path in (study.home, study.folder):
        for file in path.rglob("*"):
            assert not file.is_file() or key.encode() not in file.read_bytes(), file


def test_an_edit_in_between_counts_the_denials_anew(
    tmp_path: Path, bin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "x")
    study = study_of(tmp_path, "{agent: claude, network: true}")
    lay_agent(bin_folder, "claude", "")
    with proposing(study) as proposer:
        for part in (DENIED, DENIED, EDIT + DENIED, DENIED, "said = 'hm'", DENIED, DENIED):
            lay_agent(bin_folder, "claude", part)
            proposer.propose(history_of(study))
        assert proposer.denials == 2


@pytest.mark.parametrize(
    ("agent", "part"),
    [
        ("codex", "show({'type': 'turn.failed', 'error': {'message': 'unexpected status 401'}})"),
        ("pi", "show({'type': 'message_end', 'message': {'role': 'assistant', 'content': [],"
         " 'stopReason': 'error', 'errorMessage': '401 invalid x-api-key'}})"),
        ("opencode", "show({'type': 'error', 'error': {'name': 'APIError',"
         " 'data': {'message': 'Incorrect API key provided: x'}}})"),
        ("gemini", "print(json.dumps({'error': {'type': 'Error',"
         " 'message': 'API key not valid. Please pass a valid API key.'}}, indent=2))"),
        ("aider", "print('litellm.AuthenticationError: OpenAIException - Incorrect API key')"),
    ],
)  # fmt: skip
def test_how_each_says_that_it_was_denied(
    agent: str, part: str, tmp_path: Path, bin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_agent(bin_folder, agent, f"{part}\nsys.exit(1)")
    monkeypatch.setenv(key_of(agent), "wrong")
    study = study_of(tmp_path, f"{{agent: {agent}, network: true}}")
    with proposing(study) as proposer:
        idea = proposer.propose(history_of(study))
        assert proposer.denials == 1
    assert re.search(r"no edit \(exit [01]\), last words: .*(401|API key)", idea.summary)


@pytest.mark.parametrize(
    ("propose", "said"),
    [
        ("{agent: claude}", "claude needs the network; grant it: `network: true`"),
        ("{agent: claude, network: true}", "no key or credentials for claude; set ANTHROPIC"),
        ("{agent: codex, network: true}", "codex is not installed; install it: npm install"),
        ("{agent: clod, network: true}", 'no preset .clod.; did you mean "codex"'),
        ("{agent: agents/no.yaml}", "no preset .agents/no.yaml.: No such file"),
        ("{agent: claude, network: true, key: NO_KEY}", "the variable NO_KEY is not set"),
        ("{agent: gemini, network: true, url: 'http://x/'}", "gemini can't be pointed at a server"),
        ("{agent: claude, network: true, url: 'http://x/'}", "name the model that claude is to"),
        ("{agent: claude, network: true, url: 'x', model: m}", "must begin with http"),
        ("{agent: agents/mine.yaml, model: m}", "the preset of mine has no place for a model"),
    ],
)
def test_what_it_lacks_is_said_at_once(
    propose: str, said: str, tmp_path: Path, bin_folder: Path
) -> None:
    lay_agent(bin_folder, "claude", "")
    lay_agent(bin_folder, "gemini", "")
    study = study_of(tmp_path, propose, isolation="none")
    (study.folder / "agents").mkdir()
    mine = "program: sh\ncommand: [sh, -c, 'true']\nnetwork: false\n"
    (study.folder / "agents/mine.yaml").write_text(mine)
    with pytest.raises(NightlabError, match=said) as raised:
        study.rooms.proposer()
    assert "\n" not in str(raised.value)
