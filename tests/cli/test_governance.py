"""`nightlab governance …`: what is refused, in one line, and what the smaller commands print."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from governance.tuning import MARKET, OBJECTIVE, User, lay_python, only_line, strict

from nightlab.governance.hold import held
from nightlab.governance.place import Place


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay_python(tmp_path_factory.mktemp("python") / "v")


@pytest.fixture
def user(tmp_path: Path, fake: Path) -> User:
    return User.at(tmp_path, fake)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seeds", ""], "--seeds must provide at least one seed"),
        (["--seeds", ","], "--seeds must provide at least one seed"),
        (["--seeds", "7,x"], "--seeds: '7,x' must read as in 7,11,19"),
        (["--seeds", "7,7"], "--seeds: 7 is given twice"),
        (["--seeds", "7,-1"], "--seeds: seeds lie between 0 and"),
        (["--seeds", "7"], "evidence needs two seeds or more; or take --keep any"),
        (["--propose", "spares"], "--propose: there is no 'spares'; did you mean \"sparse\"?"),
        (["--objective", "nowhere.yaml"], "there is no file nowhere.yaml"),
        (["--scenario", "nowhere.yaml"], "there is no file nowhere.yaml"),
        (["--scenario", "market.yaml", "--scenario", "market.yaml"], "a file is given twice"),
        (["--export-root", "market.yaml"], "market.yaml is a file; name a folder"),
        (
            ["--export-root", "market.yaml/below"],
            "market.yaml is a file; name a folder with --export-root",
        ),
        (["--levers", "audit_probabilty"], 'did you mean "audit_probability"?'),
        (["--levers", ""], "--levers must name a lever at least, or be all or seed"),
        (["--pin", "audit"], "--pin: audit does nothing in market.yaml"),
        (["--levers", "transaction_tax_rate", "--pin", "transaction_tax_rate"], "may move"),
    ],
)
def test_options_that_make_no_sense(user: User, words: list[str], said: str) -> None:
    before = user.files()
    assert said in user.error(*words)
    assert user.files() == before and not user.root.exists()


@pytest.mark.parametrize(
    ("objective", "said"),
    [
        ("", "objective.yaml"),
        ("\0\x7fELF\0", "objective.yaml"),
        ("- toxicity_rate\n", "objective.yaml"),
        ("primary_direction: minimize\n", "primary_metric"),
        ("primary_metric: toxicity_rat\n", 'did you mean "toxicity_rate"?'),
        ("primary_metric: illusion_delta\n", "illusion_delta is not available"),
        (OBJECTIVE.replace("min_improvement", "min_improvment"), "min_improvement"),
        (OBJECTIVE.replace("minimize", "lower"), "primary_direction"),
        (OBJECTIVE.replace("40%", "lots"), "max_decrease"),
        (OBJECTIVE.replace("total_welfare", "wellfare"), "wellfare"),
        (OBJECTIVE.replace("0.005", ".nan"), "min_improvement"),
        (OBJECTIVE.replace("- metric", "  metric"), "guardrails: must be a list of mappings"),
    ],
)
def test_objectives_that_make_no_sense(user: User, objective: str, said: str) -> None:
    (user.folder / "objective.yaml").write_text(objective)
    before = user.files()
    assert said in user.error()
    assert user.files() == before and not user.root.exists()


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        ("", "market.yaml"),
        ("- a\n- list\n", "market.yaml"),
        ("a: [1\n", "market.yaml"),
        ("\0\x7fELF\0", "market.yaml"),
        ("scenario_id: nobody\nagents: []\n", "agents"),
        (MARKET.replace("honest", "llm"), "llm"),
        (MARKET.replace("audit_enabled", "audit_enable"), "audit_enable"),
        (MARKET + "  audit_probability: 7\n", "audit_probability"),
        (MARKET + "failure: {how: crash}\n", "the market fell apart"),
    ],
)
def test_scenarios_that_cannot_be_tuned(user: User, scenario: str, said: str) -> None:
    (user.folder / "market.yaml").write_text(scenario)
    assert said in user.error()
    assert not user.root.exists()


def test_an_export_root_with_other_files_keeps_them(user: User) -> None:
    user.root.mkdir()
    (user.root / "notes.txt").write_text("mine")
    (user.root / ".gitignore").write_text("mine too\n")
    user.tune("--iterations", "1")
    assert (user.root / "notes.txt").read_text() == "mine"
    assert (user.root / ".gitignore").read_text() == "mine too\n"


@pytest.mark.parametrize("name", ["best.yaml", "study/mine.txt"])
def test_files_that_would_be_written_over_are_none_of_ours(user: User, name: str) -> None:
    path = user.root / name
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    assert "is of no tuning that could go on" in user.error()
    assert path.read_text() == "mine"
    done = user.tune("--iterations", "0", "--new")
    assert "what was here lies in runs/before-1" in done.stderr
    assert (user.root / "before-1" / name).read_text() == "mine"


def test_nobody_else_tunes_meanwhile(user: User) -> None:
    told = "a tuning is at work in runs; wait for it, or end it first"
    with held(Place(user.root)):
        assert [user.error(), user.error("--new")] == [told, told]
    assert not user.root.exists()


def test_of_two_begun_at_once_one_is_told(user: User) -> None:
    both = [user.start("--iterations", "1"), user.start("--iterations", "1")]
    said = [each.communicate(timeout=120)[1] for each in both]
    assert sorted(each.returncode for each in both) == [0, 1], said
    lost = said[[each.returncode for each in both].index(1)]
    assert only_line(lost).startswith("a tuning is at work in runs")
    assert user.summary()["finished_at"]


@pytest.mark.parametrize("how", ["link", "file"])
def test_a_study_that_is_no_folder_is_told(user: User, how: str) -> None:
    user.root.mkdir()
    study = user.root / "study"
    study.symlink_to("nowhere") if how == "link" else study.write_text("mine")
    assert "runs/study is there already" in user.error()
    assert [path.name for path in user.root.iterdir()] == ["study"], "nothing else was left"
    user.tune("--iterations", "0", "--new")


@pytest.mark.parametrize("text", ["[]", "null", "{"])
def test_a_question_that_cannot_be_read_is_told(user: User, text: str) -> None:
    user.tune("--iterations", "0")
    (user.root / "study" / "question.json").write_text(text)
    assert "begin afresh with --new" in user.error("--iterations", "0")
    user.tune("--iterations", "0", "--new")


def test_a_metric_that_is_pointed_the_wrong_way_is_told(user: User) -> None:
    (user.folder / "objective.yaml").write_text("primary_metric: quality_gap\n")
    said = user.tune("--iterations", "0").stderr
    assert said == (
        "nightlab: quality_gap is better when higher, and the objective is to minimize it\n"
    )


def test_quiet_says_errors_alone(user: User) -> None:
    done = user.tune("--iterations", "1", "--quiet")
    assert done.stdout == ""
    assert len(user.summary()["iterations"]) == 1


def test_a_time_limit_ends_a_tuning_in_time(user: User) -> None:
    done = user.tune("--iterations", "100000", "--minutes", "0.1", "--parallel", "1")
    ledger = user.summary()
    assert len(ledger["iterations"]) < 100000
    assert ledger["finished_at"] and "[autoresearch] wrote" in done.stdout


def test_a_plateau_ends_a_tuning(user: User) -> None:
    taxes = ("--levers", "transaction_tax_rate", "--parallel", "1")
    user.tune("--iterations", "50", "--plateau", "4", *taxes)
    ledger = user.summary()
    assert len(ledger["iterations"]) == 4, "a tax does nothing for toxicity"
    assert not any(each["accepted"] for each in ledger["iterations"])


# -- run and levers ----------------------------------------------------------------------------


def test_a_run_is_shown_and_exported(user: User) -> None:
    words = ("run", "market.yaml", "--epochs", "3", "--steps", "5", "--seed", "7")
    shown = user.type(*words).stdout
    assert "market: 3 epochs x 5 steps, seed 7" in shown
    assert user.type(*words, "--export-json", "a.json", "--export-csv", "t", "-q").stdout == ""
    document = strict(user.folder / "a.json")
    assert document == json.loads(user.type(*words, "--json").stdout)
    (table,) = (user.folder / "t").glob("*.csv")
    rows = list(csv.DictReader(table.open()))
    last = {name: float(value) for name, value in rows[-1].items() if name != "epoch"}
    assert len(rows) == 3
    assert last.items() <= document["metrics"].items()


def test_a_run_makes_folders_and_one_bad_export_loses_nothing_else(user: User) -> None:
    words = ("run", "market.yaml", "--epochs", "2", "--steps", "3", "--seed", "7")
    user.type(*words, "--export-json", "new/er/a.json", "-q")
    document = strict(user.folder / "new" / "er" / "a.json")
    (user.folder / "file").write_text("mine")
    bad = ("--export-json", "file/a.json")
    done = user.type(*words, *bad, "--export-csv", "t", "--json", code=1)
    assert json.loads(done.stdout) == document and list((user.folder / "t").glob("*.csv"))
    said = only_line(done.stderr)
    assert said.startswith("--export-json: can't write file/a.json (") and "Errno" not in said
    assert said.endswith("name another place")


@pytest.mark.parametrize("seed", ["-1", "2147483648"])
def test_a_run_takes_the_seeds_that_a_tuning_does(user: User, seed: str) -> None:
    said = only_line(user.type("run", "market.yaml", "--seed", seed, code=1).stderr)
    assert said == "--seed: seeds lie between 0 and 2147483647"


@pytest.mark.parametrize(
    ("lever", "said"),
    [("audit_probabilty: 0.5", "did you mean audit_probability?"), ("audit_probability: 7", "")],
)
def test_what_the_simulator_refuses_is_told_with_file_and_key(
    user: User, lever: str, said: str
) -> None:
    (user.folder / "market.yaml").write_text(f"{MARKET}  {lever}\n")
    told = only_line(user.type("run", "market.yaml", code=1).stderr)
    assert told.startswith("market.yaml: ") and said in told
    assert lever.partition(":")[0] in told


def test_what_levers_do_something(user: User) -> None:
    found = json.loads(user.type("levers", "market.yaml", "--json").stdout)
    by_name = {lever["name"]: lever for lever in found}
    assert by_name["audit_probability"]["when"] == {"audit_enabled": True}
    assert not {"staking_enabled", "reputation_decay_rate"} & by_name.keys(), "they do nothing"
    shown = user.type("levers", "market.yaml").stdout
    assert "audit_probability" in shown and "audit_enabled is on" in shown
    for name in ("run", "levers"):
        said = only_line(user.type(name, "nowhere.yaml", code=1).stderr)
        assert "nowhere.yaml" in said
