"""The commands, as a user meets them: in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import warm
from fakes import CALL_PROGRAM, COMMAND_PROGRAM, TRAIN, call_study, command_study, git, make_study

from nightlab.study import open_study


def nightlab(folder: Path, *words: str, code: int | None = 0) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, and expect this exit status."""
    done = warm.run(folder, *words)
    if code is not None:
        assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def error(folder: Path, *words: str) -> str:
    """The one line on standard error of a command that fails."""
    done = nightlab(folder, *words, code=1)
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("nightlab: "), done.stderr
    return lines[0]


def test_a_campaign_from_the_command_line(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s").folder
    said = nightlab(folder, "run", "--trials", "3").stdout
    assert said.count("\nbaseline seed") == 3
    assert "stopped: 3 trials are done" in said
    told = json.loads(nightlab(folder, "status", "--json").stdout)
    assert (told["trials"], told["state"]) == (3, "stopped")
    assert told["isolation"] == open_study(folder).rooms.sandbox.name
    shown = json.loads(nightlab(folder, "show", "1", "--json").stdout)
    assert shown["trial"] == 1 and shown["runs"][0]["seed"] in (1, 2, 3)
    for words in (["status"], ["show", "0"], ["show", "1"], ["check"], ["report"]):
        assert nightlab(folder, *words).stdout
    written = json.loads(nightlab(folder, "report", "--json").stdout)["files"]
    assert {Path(p).name for p in written} == {
        "autoresearch-summary.md",
        *(f"{chart}.{form}" for chart in CHARTS for form in ("svg", "png")),
    }
    assert nightlab(folder, "export", "tsv").stdout == (folder / "results.tsv").read_text()
    nightlab(folder, "export", "tsv", "-o", "copy.tsv")
    assert (folder / "copy.tsv").read_text() == (folder / "results.tsv").read_text()


def test_json_lines_of_a_run(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s").folder
    said = nightlab(folder, "run", "--trials", "1", "--json").stdout
    events = [json.loads(line)["event"] for line in said.splitlines()]
    assert events[0] == "session_began"
    assert events[-1] == "end"
    assert {"trial_opened", "run_started", "run_ended", "trial_settled"} <= set(events)
    assert nightlab(folder, "run", "--trials", "1", "--quiet").stdout == ""


def test_a_dry_run_touches_nothing(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s").folder
    said = nightlab(folder, "run", "--dry-run", "--trials", "7").stdout
    assert "would begin a new campaign" in said
    assert "would try 7 trials" in said
    assert not (folder / ".git" / "nightlab").exists()
    assert git(folder, "for-each-ref", "refs/heads").count("\n") == 0


def test_commands_work_from_a_folder_below_and_with_c(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s").folder
    (folder / "below").mkdir()
    nightlab(folder / "below", "run", "--trials", "0")
    told = json.loads(nightlab(tmp_path, "-C", "s", "status", "--json").stdout)
    assert told["study"] == str(folder)
    assert "there is no folder" in error(tmp_path, "-C", "nowhere", "status")


def test_campaigns_have_tags(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s").folder
    nightlab(folder, "run", "--tag", "mar8", "--trials", "1")
    nightlab(folder, "run", "--tag", "mar9", "--trials", "2")
    nightlab(folder, "run", "--trials", "1")
    assert json.loads(nightlab(folder, "status", "--json").stdout)["campaign"] == "mar9"
    first = json.loads(nightlab(folder, "status", "--json", "--tag", "mar8").stdout)
    assert first["trials"] == 1
    assert "mar8, mar9" in error(folder, "status", "--tag", "mar7")
    assert "exists" in error(folder, "run", "--new", "--tag", "mar8")
    nightlab(folder, "run", "--new", "--trials", "0")
    assert len(git(folder, "for-each-ref", "--format=%(refname)", "refs/heads").split()) == 4


CHARTS = ("history", "frontier", "effects")
PRETRAIN = ["init", "pretrain", "demo", "--yes", "--budget", "20 steps"]


def test_init_makes_a_study_of_its_own_and_commits_it(tmp_path: Path) -> None:
    said = nightlab(tmp_path, *PRETRAIN, "--parallel", "2", "--seeds", "1,2").stdout
    demo = tmp_path / "demo"
    rows = [line for line in said.splitlines() if line.startswith("| ")]
    assert [row.split("|")[1].strip() for row in rows] == [
        "Parameter",
        "Training script",
        "Read-only script",
        "Time budget / run",
        "Metric",
        "Max iterations",
        "Modification scope",
        "Branch",
        "Results file",
        "Platform",
    ]
    assert git(demo, "status", "--porcelain") == ""
    assert git(demo, "log", "--format=%s") == "study"
    text = (demo / "program.md").read_text()
    assert 'budget: "20 steps"' in text and "parallel: 2" in text and "seeds: [1, 2]" in text
    assert "# few at a time keep causes apart" in text, "comments survive"
    assert "is a study already" in error(tmp_path, *PRETRAIN)
    assert "nothing to do" in nightlab(tmp_path, *PRETRAIN, "--if-new").stdout


def test_init_refuses_to_guess(tmp_path: Path) -> None:
    said = error(tmp_path, "init", "pretrain", "demo", "--yes")
    assert "--budget is needed: How long should each training run be?" in said
    assert not (tmp_path / "demo").exists()
    assert "is not a budget" in error(tmp_path, "init", "pretrain", "demo", "--budget", "long")
    assert 'did you mean "tiny"' in error(tmp_path, "init", "pretrain", "demo", "--preset", "tinny")
    assert 'did you mean "pretrain"' in error(tmp_path, "init", "pretrian", "demo", "--yes")
    make_study(tmp_path / "own", {"train.py": TRAIN})
    base = ["init", "script", "own", "--yes", "--budget", "5 min"]
    assert "--metric is needed" in error(tmp_path, *base)
    assert "--minimize or --maximize is needed" in error(tmp_path, *base, "--metric", "loss")
    assert git(tmp_path / "own", "status", "--porcelain") == ""


def test_a_preset_sets_constants_space_and_budget(tmp_path: Path) -> None:
    said = nightlab(tmp_path, "init", "pretrain", "demo", "--preset", "h100").stdout
    assert said.startswith("preset h100 (as asked): one H100")
    assert "python prepare.py --data climbmix --vocab 8192" in said
    demo = tmp_path / "demo"
    train, program = (demo / "train.py").read_text(), (demo / "program.md").read_text()
    assert "DEPTH = 8  # transformer blocks" in train and 'WINDOW_PATTERN = "SSSL"' in train
    assert 'budget: "5 min"' in program
    assert "    DEPTH: {type: int, low: 4, high: 16, tags: [architecture]}\n" in program
    checked = nightlab(demo, "check", code=1).stdout
    assert "DEPTH = 8, may be int 4 to 16" in checked, "every constant lies in its range"
    assert "note: at the baseline" not in checked
    assert "NOT  input data is missing" in checked


def test_the_machine_picks_a_preset() -> None:
    from nightlab.cli.init import _LABS
    from nightlab.cli.presets import choose, load_presets
    from nightlab.run.platform import Platform

    presets = load_presets(_LABS / "pretrain")
    for device, memory, name in (
        ("cpu", 0.0, "tiny"),
        ("mps", 0.0, "small"),
        ("cuda", 8.0, "small"),
        ("cuda", 79.0, "h100"),
    ):
        platform = Platform("", "", 1, 1, "", "", device, "GPU", memory)
        assert choose(presets, None, lambda p=platform: p)[0] == name


def test_one_run_shows_what_is_measured(tmp_path: Path) -> None:
    folder = command_study(tmp_path / "s", train="print('# on a toaster')\n" + TRAIN).folder
    said = nightlab(folder, "check", "--run").stdout
    assert "ok   on a toaster" in said
    assert "measured loss 0.2" in said and "peak_memory_mb" in said
    assert "no campaign yet" in error(folder, "status")
    broken_metric = COMMAND_PROGRAM.replace("minimize loss", "minimize lost")
    (folder / "program.md").write_text(broken_metric)
    assert (
        "NOT  the baseline does not run (no_metric"
        in nightlab(folder, "check", "--run", code=1).stdout
    )


def test_init_of_ones_own_script(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "own", {"train.py": TRAIN, "prepare.py": "DATA = 1\n"})
    nightlab(
        tmp_path, "init", "script", "own", "--yes", "--budget", "5 s", "--metric", "loss",
        "--minimize", "--seeds", "1,2", "--trials", "2", "--scope", "all", "--results", "log.tsv",
    )  # fmt: skip
    assert git(folder, "status", "--porcelain") == "?? program.md"
    assert (
        "X: " in (folder / "program.md").read_text() or '"X"' in (folder / "program.md").read_text()
    )
    nightlab(folder, "check")
    nightlab(folder, "run")
    assert json.loads(nightlab(folder, "status", "--json").stdout)["trials"] == 2
    assert (folder / "log.tsv").read_text().startswith("commit\tloss\t")
    assert "self-reported" in (
        nightlab(folder, "report").stdout and (folder / "autoresearch-summary.md").read_text()
    )


def test_init_asks_on_a_terminal(tmp_path: Path) -> None:
    import pty

    make_study(tmp_path / "own", {"train.py": TRAIN})
    main, other = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "nightlab", "init", "script", "own"],
        cwd=tmp_path, stdin=other, stdout=other, stderr=other, close_fds=True,
    )  # fmt: skip
    os.close(other)
    said = b""
    for question, answer in [
        (b"Which metric", b"loss\n"),
        (b"minimize or maximize?", b"sideways\n"),
        (b"must be minimize or maximize", b""),
        (b"minimize or maximize?", b"min\n"),
        (b"How long should each training run be?", b"3 min\n"),
        (b"Shall it be made like this?", b"y\n"),
    ]:
        while question not in said:
            said += os.read(main, 4096)
        said = said.split(question, 1)[1]
        os.write(main, answer)
    assert process.wait(timeout=60) == 0
    os.close(main)
    text = (tmp_path / "own" / "program.md").read_text()
    assert "PRIMARY: minimize loss" in text and '"3 min"' in text


def broken(folder: Path, old: str, new: str, program: str = CALL_PROGRAM) -> Path:
    """A study whose program has one thing changed."""
    assert old in program
    files = {"program.md": program.replace(old, new), "sim.py": "", "p.yaml": "x: 0.0\ny: 0.0\n"}
    return make_study(folder, {**files, "train.py": TRAIN})


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "seeds: [1, 2, 3]",
            "sedes: [1, 2, 3]",
            'program.md:14: run.sedes: unknown key; did you mean "seeds"?',
        ),
        ("seeds: [1, 2, 3]", "seeds: [1, 1]", "a seed is given twice"),
        (
            "seeds: [1, 2, 3]",
            "seeds: [1]\njudge: {panel: fixed}",
            "two seeds or more",
        ),
        ("seeds: [1, 2, 3]", "budget: soon", "is not a budget"),
        ("PRIMARY: minimize loss", "PRIMARY: shrink loss", "program.md:19: PRIMARY"),
        ("keys: p.yaml", "keys: q.yaml", "q.yaml is not committed"),
        ("    x: {type", "    z: {type", "z is not set in p.yaml"),
        ("with: random", "with: randon", 'did you mean "random"'),
        ("call: sim:evaluate", "call: sim:evaluate\n  where: mars", "no runner 'mars'"),
        ("call: sim:evaluate", "call: sim:evaluate\n  isolation: gaol", "bubblewrap"),
        ("call: sim:evaluate", "call: sim:evaluate\n  inputs: [data]", "input data is missing"),
    ],
)
def test_mistakes_in_the_program_are_one_line_each(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert said in error(broken(tmp_path / "s", old, new), "run")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("python train.py", "pythno train.py", "run.train: there is no program pythno"),
        ("python train.py", "python trainn.py", "run.train: trainn.py is not committed"),
        ("with: random", "command: ./nope.sh", "propose.command: there is no program ./nope.sh"),
        (
            "    X: {type: float, low: -5, high: 5}\n",
            "    X: {type: bool}\n  pinned: [X]\n",
            "nothing to vary",
        ),
    ],
)
def test_check_finds_what_a_run_would_stumble_over(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in COMMAND_PROGRAM
    folder = command_study(tmp_path / "s", COMMAND_PROGRAM.replace(old, new)).folder
    assert f"NOT  {said}" in nightlab(folder, "check", code=1).stdout.replace(
        "propose: random has ", ""
    )


def test_check_says_whether_the_campaign_would_go_on(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s").folder
    nightlab(folder, "run", "--trials", "0", "--tag", "one")
    assert "would go on with campaign one" in nightlab(folder, "check").stdout
    (folder / "program.md").write_text(CALL_PROGRAM.replace("minimize", "maximize"))
    assert "changed since one began" in nightlab(folder, "check").stdout


def test_a_new_campaign_has_a_results_file_of_its_own(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s").folder
    nightlab(folder, "run", "--trials", "2")
    (folder / "program.md").write_text(CALL_PROGRAM.replace("minimize loss", "maximize cost"))
    nightlab(folder, "run", "--new", "--trials", "1")
    lines = (folder / "results.tsv").read_text().splitlines()
    assert lines[0].split("\t")[1] == "cost"
    assert [line.split("\t")[3] for line in lines[1:]] == ["keep", "discard"]
    assert nightlab(folder, "export", "tsv").stdout == (folder / "results.tsv").read_text()


def test_a_campaign_that_cannot_run_is_not_begun(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s").folder
    nightlab(folder, "run", "--trials", "0", "--tag", "one")
    (folder / "program.md").write_text(CALL_PROGRAM.replace("with: random", "with: nothing"))
    error(folder, "run", "--new")
    (folder / "program.md").write_text(CALL_PROGRAM)
    assert json.loads(nightlab(folder, "status", "--json").stdout)["campaign"] == "one"


def test_a_branch_that_was_deleted_is_told_with_the_mend(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s").folder
    nightlab(folder, "run", "--trials", "1", "--tag", "one")
    git(folder, "branch", "-D", "autoresearch/one")
    said = error(folder, "run")
    assert "branch autoresearch/one is gone" in said
    mend = said.split("`")[1]
    git(folder, *mend.split()[1:])
    nightlab(folder, "run", "--trials", "1")


def test_a_proposer_of_ones_own_that_fails_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text(
        "class Broken:\n"
        "    def __init__(self, *given): pass\n"
        "    def propose(self, history): return 1 / 0\n"
        "    def refused(self, idea, reason): pass\n"
    )
    program = CALL_PROGRAM.replace("with: random", 'with: "broken:Broken"')
    folder = call_study(tmp_path / "s", program).folder
    done = subprocess.run(
        [sys.executable, "-m", "nightlab", "run"], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "nightlab: the proposer failed: ZeroDivisionError: division by zero\n"


def test_what_a_proposer_says_cannot_move_the_cursor(tmp_path: Path) -> None:
    command = r"printf 'summary: \\033[2J\\033[31mred\\a\\n'; sed -i s/0.5/0.75/ train.py"
    program = COMMAND_PROGRAM.replace("{with: random}", '\n  command: "' + command + '"')
    folder = command_study(tmp_path / "s", program).folder
    said = nightlab(folder, "run", "--trials", "1").stdout
    nightlab(folder, "report")
    texts = [said, (folder / "results.tsv").read_text()]
    texts += [(folder / "autoresearch-summary.md").read_text(), git(folder, "log", "--all")]
    assert all("red" in text and "\x1b" not in text and "\a" not in text for text in texts)


def test_a_pipe_that_closes_ends_nothing(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s").folder
    command = f"{sys.executable} -m nightlab run --trials 3 | head -1"
    subprocess.run(["/bin/sh", "-c", command], cwd=folder, check=True, capture_output=True)
    deadline = time.monotonic() + 30
    while json.loads(nightlab(folder, "status", "--json").stdout)["state"] == "running":
        assert time.monotonic() < deadline
    told = json.loads(nightlab(folder, "status", "--json").stdout)
    assert (told["trials"], told["why"]) == (3, "3 trials are done")


def test_several_mistakes_are_told_at_once(tmp_path: Path) -> None:
    folder = broken(tmp_path / "s", "seeds: [1, 2, 3]", "sedes: [1]\n  timeout: never")
    lines = nightlab(folder, "run", code=1).stderr.splitlines()
    assert len(lines) == 2


def test_no_program_no_repository_no_commit_no_branch(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "nightlab init" in error(empty, "run")
    (empty / "program.md").write_text(CALL_PROGRAM)
    assert "not in a git repository" in error(empty, "run")
    git(empty, "init", "-q", "-b", "main")
    assert "no commit yet" in error(empty, "run")
    folder = call_study(tmp_path / "s").folder
    git(folder, "switch", "-q", "--detach")
    assert "HEAD is detached" in error(folder, "run")
    git(folder, "switch", "-q", "main")
    git(folder, "branch", "autoresearch/mine")
    assert "is not this ledger's" in error(folder, "run", "--tag", "mine")
    assert "no campaign yet" in error(folder, "status")


def test_a_branch_that_is_checked_out_is_not_moved(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s").folder
    nightlab(folder, "run", "--trials", "0", "--tag", "a")
    git(folder, "switch", "-q", "autoresearch/a")
    assert "is checked out" in error(folder, "run", "--trials", "1")


def test_no_git_program(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s").folder
    done = subprocess.run(
        [sys.executable, "-m", "nightlab", "run"], cwd=folder, capture_output=True, text=True,
        env={**os.environ, "PATH": str(tmp_path)},
    )  # fmt: skip
    assert (done.returncode, done.stderr.startswith("nightlab: git is not installed")) == (1, True)


def test_a_changed_policy_or_harness_needs_a_new_campaign_and_prose_does_not(
    tmp_path: Path,
) -> None:
    folder = call_study(tmp_path / "s").folder
    program = folder / "program.md"
    nightlab(folder, "run", "--trials", "1")
    program.write_text(
        CALL_PROGRAM.replace("Find x and y.", "Find them.").replace("trials: 5", "trials: 6")
    )
    nightlab(folder, "run", "--trials", "1")
    program.write_text(CALL_PROGRAM.replace("minimize loss", "minimize cost"))
    assert "--new" in error(folder, "run")
    program.write_text(CALL_PROGRAM)
    (folder / "sim.py").write_text("# another harness\n" + (folder / "sim.py").read_text())
    nightlab(folder, "run", "--trials", "1")
    git(folder, "commit", "-qam", "harness")
    assert "sim.py changed since" in error(folder, "run")
    assert json.loads(nightlab(folder, "status", "--json").stdout)["trials"] == 3


@pytest.mark.parametrize(
    ("train", "said"),
    [
        ("print('nothing')\nX = 1.0\n", "no_metric"),
        ("X = 1.0\nprint('loss: nan')\n", "not_finite: loss is nan"),
        ("X = 1.0\nimport nowhere_at_all\n", "ModuleNotFoundError"),
    ],
)
def test_a_baseline_that_does_not_run(tmp_path: Path, train: str, said: str) -> None:
    folder = command_study(tmp_path / "s", train=train).folder
    assert said in error(folder, "run")


def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    program = COMMAND_PROGRAM.replace("python train.py", "no-such-trainer train.py")
    folder = command_study(tmp_path / "s", program).folder
    assert "no-such-trainer" in error(folder, "run")


def test_zero_parameters_are_said(tmp_path: Path) -> None:
    start, end = COMMAND_PROGRAM.index("  space:"), COMMAND_PROGRAM.index("propose:")
    folder = command_study(tmp_path / "s", COMMAND_PROGRAM[:start] + COMMAND_PROGRAM[end:]).folder
    assert "change.space" in error(folder, "run")


READ_ONLY = """
mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" || exit 99
cd "$1" && exec "$2" -m nightlab run
"""


def test_a_read_only_study(tmp_path: Path) -> None:
    """A mount that can't be written, in a namespace of its own, so that root can't either."""
    folder = call_study(tmp_path / "s").folder
    done = subprocess.run(
        [
            "unshare",
            "--mount",
            "--map-root-user",
            "sh",
            "-c",
            READ_ONLY,
            "-",
            str(folder),
            sys.executable,
        ],
        capture_output=True,
        text=True,
    )
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip("no mount namespace to be had here")
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("nightlab: "), done.stderr
    assert "ead-only" in lines[0] or "cannot write" in lines[0]


def test_wrong_usage_is_exit_2(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s").folder
    for words in (["run", "--trials", "many"], ["nonsense"], ["run", "--until", "noon"], ["show"]):
        nightlab(folder, *words, code=2)
    assert "there is no trial 9" in (
        nightlab(folder, "run", "--trials", "0") and error(folder, "show", "9")
    )


def test_a_results_file_that_cannot_be_written_is_said_to_be_behind(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s").folder
    (folder / "results.tsv").mkdir()
    said = nightlab(folder, "run", "--trials", "1").stdout
    assert said.count("behind") == 1
    assert "\nresults.tsv is behind the ledger: Is a directory\n" in said
    (folder / "results.tsv").rmdir()
    nightlab(folder, "report")
    assert (folder / "results.tsv").read_text() == nightlab(folder, "export", "tsv").stdout


def test_the_noise_is_measured_before_anything_is_tried(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s").folder
    assert "noise: not measured yet; `nightlab check --noise` does" in (
        nightlab(folder, "check").stdout
    )
    said = nightlab(folder, "check", "--noise", "--repeats", "3").stdout
    assert "noise of loss in 5 runs of the baseline:" in said
    assert said.count("  seed 1 again ") == 2 and said.count("│") + said.count("|") > 10
    assert "the same seed repeats exactly, seeds differ" in said
    assert "16 seeds (judge.most_seeds): " in said
    assert not (folder / ".git" / "nightlab" / "ledger.db").exists(), "nothing is written down"
    told = json.loads(nightlab(folder, "check", "--noise", "--json").stdout)
    assert told["ok"] and told["noise"]["source"] == "check"
    assert [run["seed"] for run in told["noise"]["runs"]] == [1, 2, 3, 1]
    assert told["noise"].keys() >= {
        "spread", "standard_deviation", "deterministic", "sameness", "drift", "outliers", "step",
        "visible", "half", "seconds_a_run", "level", "false_keeps", "remarks",
    }  # fmt: skip
    assert json.loads(nightlab(folder, "check", "--json").stdout)["noise"] is None


def test_the_noise_of_a_campaign_is_not_measured_twice(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s").folder
    nightlab(folder, "run", "--trials", "0", "--tag", "one")
    said = nightlab(folder, "check", "--noise").stdout
    assert "noise of loss in 3 runs of the baseline, measured by campaign one:" in said
    assert "in 4 runs of the baseline:" in nightlab(folder, "check", "--noise", "--again").stdout
    (folder / "program.md").write_text(CALL_PROGRAM.replace("[1, 2, 3]", "[4, 5]"))
    told = json.loads(nightlab(folder, "check", "--noise", "--json").stdout)["noise"]
    assert told["source"] == "check", "another panel is another campaign"
    assert [run["seed"] for run in told["runs"]] == [4, 5, 4]


def test_the_noise_of_what_does_not_run_or_has_one_seed(tmp_path: Path) -> None:
    program = COMMAND_PROGRAM.replace("[1, 2]", "[1]").replace("stop:", "judge: {keep: any}\nstop:")
    folder = command_study(tmp_path / "s", program).folder
    told = json.loads(nightlab(folder, "check", "--noise", "--json").stdout)["noise"]
    assert len(told["runs"]) == 3 and told["runs"][0]["seed"] == told["runs"][2]["seed"] == 1
    (folder / "program.md").write_text(program.replace("minimize loss", "minimize lost"))
    done = nightlab(folder, "check", "--noise", code=1).stdout
    assert "NOT  the baseline does not run (no_metric" in done and "noise of" not in done


def test_a_plot_for_a_terminal_without_unicode(tmp_path: Path) -> None:
    folder = call_study(tmp_path / "s").folder
    done = subprocess.run(
        [sys.executable, "-m", "nightlab", "check", "--noise"],
        cwd=folder, capture_output=True, timeout=120, stdin=subprocess.DEVNULL,
        env={**os.environ, "LC_ALL": "C", "NO_COLOR": "1", "PYTHONUTF8": "0"},
    )  # fmt: skip
    assert done.returncode == 0 and done.stdout.isascii() and b"\x1b" not in done.stdout
    assert b"o|" in done.stdout
