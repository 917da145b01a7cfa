"""`nightlab memory`: what it tells, what it draws, and conjectures of a human's."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli.test_cli import error, nightlab
from fakes import call_study, loss_of, make_study, move, work
from PIL import Image

from nightlab.remember.lock import Lock
from nightlab.study import open_study

STEPS = [
    move("right", x=1.0),
    move("too far", x=5.0),
    move("down", y=-1.0),
    move("further right", x=2.0),
    move("left", x=-3.0),
    move("up", y=3.0),
    move("higher", y=4.0),
    move("highest", y=5.0),
    move("in between", y=4.5),
    move("a little", y=3.5),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with two campaigns, of which the later one is to be read only."""
    study = call_study(tmp_path_factory.mktemp("memory") / "s")
    work(study, STEPS, loss_of, tag="nov19")
    work(study, [move("right again", x=2.5), move("back", x=-4.0)], loss_of, tag="nov20")
    return study.folder


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A study of which no campaign has begun."""
    return call_study(tmp_path / "s").folder


def told(folder: Path, *words: str) -> dict[str, Any]:
    data = json.loads(nightlab(folder, "memory", *words, "--json").stdout, parse_constant=refuse)
    assert isinstance(data, dict)
    return data


def refuse(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


def numbers(data: Any) -> Iterator[float]:
    """Every number in a document."""
    if isinstance(data, dict):
        data = list(data.values())
    for each in data if isinstance(data, list) else []:
        yield from numbers(each)
    if isinstance(data, float):
        yield data


def test_it_remembers_all_campaigns(folder: Path) -> None:
    data = told(folder)
    assert (data["campaign"], data["metric"], data["settled"]) == ("nov20", "loss", 12)
    assert all(map(math.isfinite, numbers(data)))
    moved = {effect["name"]: effect for effect in data["effects"] if effect["of"] == "range"}
    assert moved["x"]["gain"] > 0 > moved["y"]["gain"]
    assert {"nov19/1", "1"} <= set(moved["x"]["lessons"])
    assert [record["attempts"] for record in data["emitters"]] == [12]
    earlier = told(folder, "--tag", "nov19")
    assert (earlier["campaign"], earlier["settled"]) == ("nov19", 10)


def test_it_is_short_and_with_all_it_is_whole(folder: Path) -> None:
    short = nightlab(folder, "memory").stdout
    assert "nov20: 2 settled trials, and 10 trials of 1 earlier campaign" in short
    assert "`--all` shows everything" in short
    whole = nightlab(folder, "memory", "--all").stdout
    assert " more" not in whole and whole.count("discard") > short.count("discard")
    data = told(folder)
    for claim in (each["claim"] for each in data["conjectures"]):
        assert claim in whole


def test_one_parameter_by_value(folder: Path) -> None:
    data = told(folder, "x")
    assert [each["value"] for each in data["tried"]] == sorted(
        each["value"] for each in data["tried"]
    )
    assert [each["lesson"] for each in data["tried"]] == [
        "2",
        "nov19/5",
        "nov19/1",
        "nov19/4",
        "1",
        "nov19/2",
    ]
    assert (data["range"], data["baseline"], data["incumbent"]) == ("float -5 to 5", 0.0, 2.5)
    said = nightlab(folder, "memory", "x").stdout.splitlines()
    assert said[0] == "x: float -5 to 5; baseline 0; incumbent 2.5"
    assert any(line.split()[0] == "-4" and "discard" in line for line in said if line.strip())


def test_a_chart_of_either_kind(folder: Path, tmp_path: Path) -> None:
    nightlab(folder, "memory", "--plot", str(tmp_path / "all.svg"))
    text = (tmp_path / "all.svg").read_text()
    assert ">x<" in text and ">y<" in text
    data = told(folder, "x", "--plot", str(tmp_path / "x.png"))
    assert data["plot"] == str(tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as image:
        assert image.size[0] > 1000
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["z"], "there is no parameter 'z'"),
        (["--tag", "nov18"], "there are: nov19, nov20"),
        (["--plot", "a.pdf"], ".png or .svg"),
        (["--plot", "nowhere/a.png"], "there is no folder nowhere"),
        (["--add", "x y z"], "higher NAME is better"),
        (["--add", "higher z is better"], "'z'"),
        (["--add", "x = 9 is better"], "outside float -5 to 5"),
        (["--add", "x" * 1000], "1,000 characters"),
        (["--add", "x", "--drop", "y"], "one at a time"),
        (["--drop", "higher x is better"], "none was added"),
    ],
)
def test_a_mistake_is_one_line(words: list[str], says: str, folder: Path) -> None:
    before = sorted(folder.iterdir())
    assert says in error(folder, "memory", *words)
    assert sorted(folder.iterdir()) == before


def test_what_is_pinned_is_no_way_to_go(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    work(study, [move(f"to {n}", x=-n / 2) for n in range(1, 10)], loss_of)
    assert told(study.folder)["stall"]["why"].endswith("not tried since: x up, y up, y down.")
    program = study.folder / "program.md"
    text = program.read_text()
    program.write_text(text.replace("change:", "change:\n  pinned: [y]"))
    why = told(study.folder)["stall"]["why"]
    assert "0 of 1 parameters" in why and why.endswith("not tried since: x up.")
    said = nightlab(study.folder, "memory", "y").stdout
    assert "but pinned, or out of scope" in said and said.endswith("no trial has moved it\n")
    assert told(study.folder, "y")["fixed"] and not told(study.folder, "x")["fixed"]


def test_before_the_first_campaign(fresh: Path) -> None:
    assert "no campaign yet" in error(fresh, "memory")
    nightlab(fresh, "run", "--trials", "0")
    said = nightlab(fresh, "memory").stdout
    assert "0 settled trials" in said and "conjectures" not in said
    assert told(fresh)["effects"] == [] and told(fresh, "x")["tried"] == []
    assert "no trial has moved it yet" in nightlab(fresh, "memory", "x").stdout
    nightlab(fresh, "memory", "--plot", "none.svg")
    assert "No trial has moved a parameter yet" in (fresh / "none.svg").read_text()


def test_a_claim_of_yours_is_tested(fresh: Path) -> None:
    said = nightlab(fresh, "memory", "--add", " Larger x helps. ").stdout
    assert "“higher x is better” is tested from now on" in said
    assert "already" in error(fresh, "memory", "--add", "higher x is better")
    nightlab(fresh, "memory", "--add", "higher y is better")
    study = open_study(fresh)
    work(study, STEPS, loss_of, tag="nov21")
    by_claim = {each["claim"]: each for each in told(fresh)["conjectures"] if each["source"]}
    right, wrong = by_claim["higher x is better"], by_claim["higher y is better"]
    assert right["strength"] > 0.5 > wrong["strength"] and wrong["standing"] == "dead"
    assert right["for"] and wrong["against"]
    assert told(fresh, "--drop", "larger x is better") == {"claims": ["higher y is better"]}
    left = {each["claim"] for each in told(fresh)["conjectures"] if each["source"]}
    assert left == {"higher y is better"}


def test_claims_are_made_while_a_session_runs(fresh: Path) -> None:
    nightlab(fresh, "run", "--trials", "1", "--tag", "busy")
    lock = Lock(open_study(fresh).home / "lock")
    lock.acquire("busy")
    try:
        nightlab(fresh, "memory", "--add", "y does not matter")
        assert "y does not matter [human]" in nightlab(fresh, "memory", "--all").stdout
    finally:
        lock.release()


def test_an_option_of_a_choice(tmp_path: Path) -> None:
    sim = "def evaluate(p, seed):\n    return {'loss': {'a': 1.0, 'b': 0.5, 'c': 2.0}[p['o']]}\n"
    program = """\
# Options

```yaml
change:
  keys: p.yaml
  space: {o: {type: choice, choices: [a, b, c]}}
propose: {with: random}
run: {call: sim:evaluate, seeds: [1, 2]}
```

```policy
PRIMARY: minimize loss
```
"""
    files = {"program.md": program, "sim.py": sim, "p.yaml": "o: a\n"}
    folder = make_study(tmp_path / "s", files)
    assert "o is no number" in error(folder, "memory", "--add", "higher o is better")
    nightlab(folder, "memory", "--add", "o = b is better")
    nightlab(folder, "run", "--trials", "2")
    data = told(folder, "o", "--plot", "o.svg")
    assert {each["value"] for each in data["tried"]} == {"b", "c"}
    assert ">b<" in (folder / "o.svg").read_text()
    assert "o = b is better [human]" in nightlab(folder, "memory", "--all").stdout


def test_status_tells_where_it_stands(folder: Path) -> None:
    data = json.loads(nightlab(folder, "status", "--json").stdout)
    memory = told(folder)
    assert (data["phase"], data["stall"]) == (memory["phase"], memory["stall"])
    assert ("plateau: " in nightlab(folder, "status").stdout) == bool(data["stall"]["plateau"])
