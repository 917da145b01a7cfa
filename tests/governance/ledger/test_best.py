"""best.yaml: the user's file with the levers in place, and the proof that its numbers are those."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from governance.tuning import lay_python
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from nightlab.governance.ledger.best import check_best, with_levers, write_best
from nightlab.governance.place import LAB
from nightlab.governance.simulation.simulator import Simulator
from nightlab.types import Metrics, NightlabError, Value

SCENARIO = """\
# A calm market.
name: calm   # short

governance:
  audit_enabled: false  # off for now
  audit_probability: 0.1

  # of what is dealt
  transaction_tax_rate: 0.05
agents:
- {type: honest, count: 3}
"""


def best_of(folder: Path, text: str, **levers: Value) -> str:
    """What is written for these levers, and the scenario as it was."""
    scenario, target = folder / "market.yaml", folder / "best.yaml"
    scenario.write_text(text, encoding="utf-8", newline="")
    write_best(scenario, levers, target)
    assert scenario.read_bytes() == text.encode("utf-8")
    return target.read_bytes().decode("utf-8")


def body(text: str) -> str:
    """Without the comment that tells where it comes from."""
    lines = text.splitlines(keepends=True)
    assert lines[0].startswith("# market.yaml ")
    first = next(i for i, line in enumerate(lines) if not line.startswith(("# market", "#   ")))
    return "".join(lines[first:])


def loaded(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def test_only_the_values_differ_and_a_head_says_which(tmp_path: Path) -> None:
    levers: dict[str, Value] = {
        "governance.audit_enabled": True,
        "governance.transaction_tax_rate": 0.05,
        "audit_probability": 1e-07,
        "governance.staking_enabled": True,
    }
    written = best_of(tmp_path, SCENARIO, **levers)
    assert written == (
        "# market.yaml with the best levers that a search found:\n"
        "#   audit_enabled: false -> true\n"
        "#   audit_probability: 0.1 -> 1.0e-07\n"
        "#   staking_enabled: not set -> true\n"
        "# A calm market.\n"
        "name: calm   # short\n"
        "\n"
        "governance:\n"
        "  audit_enabled: true  # off for now\n"
        "  audit_probability: 1.0e-07\n"
        "\n"
        "  # of what is dealt\n"
        "  transaction_tax_rate: 0.05\n"
        "  staking_enabled: true\n"
        "agents:\n"
        "- {type: honest, count: 3}\n"
    )


def test_where_nothing_is_better_the_file_is_as_it_was(tmp_path: Path) -> None:
    written = best_of(tmp_path, SCENARIO)
    assert written == f"# market.yaml as it is: a search found nothing better.\n{SCENARIO}"


def test_a_lever_of_another_section_and_the_text_without_a_head(tmp_path: Path) -> None:
    text = "payoff:\n  theta: 0.5 # half\ngovernance: {x: 1}\n"
    written = best_of(tmp_path, text, **{"payoff.theta": 0.25, "payoff.rho": 1, "rates.a": 2})
    assert body(written) == (
        "payoff:\n  theta: 0.25 # half\n  rho: 1\ngovernance: {x: 1}\nrates:\n  a: 2\n"
    )
    assert "#   payoff.theta: 0.5 -> 0.25\n" in written
    levers: dict[str, Value] = {"governance.x": 2, "payoff.theta": 0.5}
    assert with_levers(tmp_path / "market.yaml", levers) == text.replace("x: 1", "x: 2")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: a\n", "name: a\ngovernance:\n  x: 0.5\n  y: true\n"),
        ("name: a", "name: a\ngovernance:\n  x: 0.5\n  y: true\n"),
        ("sim:\n    n: 1\n", "sim:\n    n: 1\ngovernance:\n    x: 0.5\n    y: true\n"),
        ("governance:\n", "governance: {x: 0.5, y: true}\n"),
        ("governance: # none\nz: 1\n", "governance: {x: 0.5, y: true} # none\nz: 1\n"),
        ("governance: {}\nz: 1\n", "governance: {x: 0.5, y: true}\nz: 1\n"),
        ("governance: ~\n", "governance: {x: 0.5, y: true}\n"),
        ("governance: {x: 1}\n", "governance: {x: 0.5, y: true}\n"),
        ("governance: {a: 1,\n  b: 2}\n", "governance: {a: 1,\n  b: 2, x: 0.5, y: true}\n"),
        ("governance: {a: 1, }\n", "governance: {a: 1, x: 0.5, y: true, }\n"),
        ("governance:\n  x:\nz: 1\n", "governance:\n  x: 0.5\n  y: true\nz: 1\n"),
        ("governance:\n  x: null\n", "governance:\n  x: 0.5\n  y: true\n"),
        (
            "governance:\n  a:   # no\nz: 1\n",
            "governance:\n  a:   # no\n  x: 0.5\n  y: true\nz: 1\n",
        ),
        (
            "governance:\n  a: |\n    one\n\n# end\nz: 1\n",
            "governance:\n  a: |\n    one\n  x: 0.5\n  y: true\n\n# end\nz: 1\n",
        ),
        (
            "governance:\n    a:\n    - 1\n    - b: {c: 2} # d\nz: 1\n",
            "governance:\n    a:\n    - 1\n    - b: {c: 2} # d\n    x: 0.5\n    y: true\nz: 1\n",
        ),
        (
            "k: &k 1\ngovernance:\n  a: *k # k\nz: 1\n",
            "k: &k 1\ngovernance:\n  a: *k # k\n  x: 0.5\n  y: true\nz: 1\n",
        ),
        (
            "d: &d {x: 1}\ngovernance:\n  <<: *d\nz: 1\n",
            "d: &d {x: 1}\ngovernance:\n  <<: *d\n  x: 0.5\n  y: true\nz: 1\n",
        ),
        (
            "k: &k 1\ngovernance:\n  x: *k\nz: 1\n",
            "k: &k 1\ngovernance:\n  x: 0.5\n  y: true\nz: 1\n",
        ),
        ("---\ngovernance:\n  x: 1\n...\n", "---\ngovernance:\n  x: 0.5\n  y: true\n...\n"),
        (
            "governance:\r\n  x: 1 # a\r\nz: 1\r\n",
            "governance:\r\n  x: 0.5 # a\r\n  y: true\r\nz: 1\r\n",
        ),
        ('{"governance": {"a": 1}}', '{"governance": {"a": 1, "x": 0.5, "y": true}}'),
        ('{"a": []}', '{"a": [], "governance": {"x": 0.5, "y": true}}'),
        ("governance:\n  x: .nan\n  q: .nan\n", "governance:\n  x: 0.5\n  q: .nan\n  y: true\n"),
        ("governance: {x: 1, ä: ü}\n", "governance: {x: 0.5, ä: ü, y: true}\n"),
    ],
)
def test_every_form_of_a_section(tmp_path: Path, text: str, expected: str) -> None:
    assert body(best_of(tmp_path, text, x=0.5, y=True)) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("governance: &g {x: 1}\nother: *g\n", "cannot be moved alone"),
        ("governance:\n  x: &x 1\nother: *x\n", "cannot be moved alone"),
        ("g: &g {x: 1}\ngovernance: *g\n", "governance is an alias"),
        ("governance: [1]\n", "governance must be a mapping"),
        ("governance: high\n", "governance must be a mapping"),
        ("governance:\n  x: [1]\n", "governance.x must be one value"),
        ("- a\n", "must be a mapping"),
        ("a: [\n", "is not valid"),
        ("a: 1\n---\nb: 1\n", "is not valid"),
        ("", "must be a mapping"),
    ],
)
def test_a_file_that_has_no_place_for_it(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(NightlabError) as caught:
        best_of(tmp_path, text, x=0.5)
    assert said in str(caught.value) and "\n" not in str(caught.value)
    assert str(caught.value).startswith("market.yaml")
    assert not (tmp_path / "best.yaml").exists()


def test_files_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    with pytest.raises(NightlabError, match="cannot read the scenario"):
        write_best(tmp_path / "none.yaml", {}, tmp_path / "best.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"a: \xff")
    with pytest.raises(NightlabError, match="cannot read the scenario"):
        write_best(tmp_path / "bytes.yaml", {}, tmp_path / "best.yaml")
    (tmp_path / "a.yaml").write_text("a: 1\n")
    with pytest.raises(NightlabError, match="cannot write"):
        write_best(tmp_path / "a.yaml", {}, tmp_path / "nowhere" / "best.yaml")


def test_the_head_is_a_comment_whatever_the_file_says(tmp_path: Path) -> None:
    scenario = tmp_path / "a\nb: 1.yaml"
    scenario.write_text('governance: {x: "one\\ntwo", y: 1}\n')
    write_best(scenario, {"x": 0.5}, tmp_path / "best.yaml")
    text = (tmp_path / "best.yaml").read_text()
    assert loaded(text) == {"governance": {"x": 0.5, "y": 1}}
    assert text.startswith('# a b: 1.yaml with the best levers that a search found:\n#   x: "one')


names = st.sampled_from(["a", "b", "audit_probability", "tax", "long_name_of_a_lever", "on_off"])
words = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters=":"))
values = st.one_of(
    st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), words
)


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(names, values, max_size=4),
    st.dictionaries(names, values, min_size=1, max_size=4),
    st.booleans(),
)
def test_any_values_come_back_from_the_file(
    tmp_path_factory: pytest.TempPathFactory,
    before: Mapping[str, Value],
    moved: Mapping[str, Value],
    flow: bool,
) -> None:
    folder = tmp_path_factory.getbasetemp()
    yaml: Any = YAML(typ="safe", pure=True)
    yaml.default_flow_style = flow
    with (folder / "market.yaml").open("w", encoding="utf-8") as file:
        yaml.dump({"name": "a", "governance": dict(before), "agents": [{"n": 1}]}, file)
    write_best(folder / "market.yaml", moved, folder / "best.yaml")
    found = loaded((folder / "best.yaml").read_text(encoding="utf-8"))
    assert found == {"name": "a", "governance": {**before, **moved}, "agents": [{"n": 1}]}


# -- measured once more --------------------------------------------------------------------------


class Fake(Simulator):
    """A simulator whose numbers are a formula of the file's levers."""

    def __init__(self, slip: float = 0.0) -> None:
        super().__init__(Path("simulate.py"), "python")
        self.slip = slip
        self.asked: list[tuple[int, int, int]] = []

    def check(self, scenario: Path) -> Any:
        return loaded(scenario.read_text())

    def run(
        self, scenario: Path, epochs: int, steps: int, seed: int, settings: Any = None
    ) -> Metrics:
        self.asked.append((epochs, steps, seed))
        levers = loaded(scenario.read_text())["governance"]
        return {"toxicity_rate": levers["audit_probability"] / seed + self.slip, "other": 1.0}


def test_the_same_numbers_are_no_difference(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SCENARIO)
    write_best(tmp_path / "a.yaml", {"audit_probability": 0.3}, tmp_path / "best.yaml")
    simulator, expected = Fake(), {seed: {"toxicity_rate": 0.3 / seed} for seed in (7, 11)}
    assert check_best(simulator, tmp_path / "best.yaml", expected, 3, 5) == []
    assert sorted(simulator.asked) == [(3, 5, 7), (3, 5, 11)]
    assert check_best(simulator, tmp_path / "a.yaml", expected, 3, 5) == [
        f"seed {seed}: toxicity_rate is {0.1 / seed}, and was {0.3 / seed} in the loop"
        for seed in (7, 11)
    ]


def test_the_least_difference_counts_and_so_does_a_missing_metric(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SCENARIO)
    expected = {7: {"toxicity_rate": 0.1 / 7, "quality_gap": 1.0}}
    said = check_best(Fake(slip=1e-12), tmp_path / "a.yaml", expected, 3, 5)
    assert said[0].startswith("seed 7: toxicity_rate is 0.014285714")
    assert said[1] == "seed 7: quality_gap is missing, and was 1.0 in the loop"


def test_the_saved_file_gives_the_numbers_of_its_values_in_memory(tmp_path: Path) -> None:
    """By the lab's own harness: what the loop evaluates is a mapping, what is saved is a file."""
    scenario = tmp_path / "market.yaml"
    scenario.write_text(REAL)
    simulator = Simulator(LAB / "simulate.py", str(lay_python(tmp_path / "python")))
    world = loaded(REAL)
    world["governance"] = {"audit_enabled": True, "audit_probability": 0.35}
    expected = {seed: simulator.run(scenario, 3, 5, seed, world) for seed in (7, 11)}
    levers: dict[str, Value] = {"audit_enabled": True, "audit_probability": 0.35}
    write_best(scenario, levers, tmp_path / "best.yaml")
    assert check_best(simulator, tmp_path / "best.yaml", expected, 3, 5) == []
    write_best(scenario, {"audit_enabled": False}, tmp_path / "worse.yaml")
    assert check_best(simulator, tmp_path / "worse.yaml", expected, 3, 5)


REAL = """\
scenario_id: market
# levers
governance:
  audit_enabled: false
  audit_probability: 0.1
agents:
- {type: honest, count: 3}
- {type: opportunistic, count: 2}
simulation: {n_epochs: 3, steps_per_epoch: 5, seed: 7}
"""
