"""What a run is to improve: every wrapping of it, what it names, and what points the wrong way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlab.governance.objective import (
    Objective,
    check_metrics,
    floor_metric,
    read_objective,
    with_floor,
)
from nightlab.program.policy import Amount, Bound, Guardrail, Policy, Require, parse_policy
from nightlab.program.problem import ProgramError
from nightlab.types import Direction, NightlabError

SENTENCES = """\
PRIMARY: minimize quality_gap
REQUIRE: quality_gap improves by >= 0.02 absolute
GUARDRAILS:
- toxicity_rate must not increase by > 0.01
- total_welfare must not decrease by > 5%
"""
FORM = """\
primary_metric: quality_gap
primary_direction: minimize
min_improvement: 0.02
guardrails:
  - {metric: toxicity_rate, max_regression: 0.01}
  - {metric: total_welfare, max_decrease: 5%}
"""
AS_JSON = json.dumps(
    {
        "primary_metric": "quality_gap",
        "min_improvement": 0.02,
        "guardrails": [
            {"metric": "toxicity_rate", "max_regression": 0.01},
            {"metric": "total_welfare", "max_decrease": "5%"},
        ],
    }
)
SHELL = "```sh\nnightlab governance tune\n```\n"
SETTINGS = "```yaml\nrun: {call: simulate:evaluate}\n```\n"


def read(folder: Path, text: str, name: str = "objective.md", score: str = "last") -> Objective:
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return read_objective(folder / name, score)  # type: ignore[arg-type]


def rules(policy: Policy) -> list[str]:
    return policy.sentences()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("o.yaml", FORM),
        ("o.yml", "# comment\n" + FORM),
        ("o.json", AS_JSON),
        ("o.yaml", AS_JSON),
        ("o.md", f"# Objective\n\nWords: many.\n\n```yaml\n{FORM}```\n"),
        ("o.md", f"```yml\n{FORM}```\n"),
        ("o.md", f"```\n{FORM}```\n"),
        ("o.md", f"~~~json\n{AS_JSON}\n~~~\n"),
        ("o.md", f"{SHELL}```\nls\n```\n```yaml\n{FORM}```\n"),
        ("o.md", f"{SETTINGS}\n```yaml\n{FORM}```\n"),
        ("o.txt", SENTENCES),
        ("o.md", f"# Objective\n\nLess of a gap: at no price.\n\n{SENTENCES}"),
        ("o.md", f"```policy\n{SENTENCES}```\n"),
        ("o.md", f"```text\n{SENTENCES}```\n"),
        ("o.md", f"```\n{SENTENCES}```\n"),
        ("program.md", f"# Study\n{SETTINGS}\nWords.\n\n```policy\n{SENTENCES}```\n"),
        ("o.md", f"```yaml\nprimary_metric: other\n```\n```policy\n{SENTENCES}```\n"),
        ("o.md", f"```yaml\n{FORM}```\n\nPRIMARY: minimize other\n"),
        ("o.md", f"```\nPRIMARY: minimize other\n```\n```policy\n{SENTENCES}```\n"),
        ("o.yaml", f"\ufeff{FORM}"),
        ("o.txt", SENTENCES.replace("\n", "\r\n")),
    ],
)
def test_every_wrapping_of_an_objective(tmp_path: Path, name: str, text: str) -> None:
    objective = read(tmp_path, text, name)
    assert rules(objective.policy) == SENTENCES.splitlines()
    assert objective.source == tmp_path / name


def test_upstreams_fallback_of_plain_lines(tmp_path: Path) -> None:
    text = "My objective\n\nprimary_metric: harm\nprimary_direction: maximize\n"
    assert read(tmp_path, text).policy == Policy("harm", Direction.MAXIMIZE)


def test_a_direction_in_any_case(tmp_path: Path) -> None:
    for word in ("Maximize", " MAXIMISE "):
        text = f'primary_metric: " harm "\nprimary_direction: "{word}"\n'
        assert read(tmp_path, text).policy == Policy("harm", Direction.MAXIMIZE)


def test_the_spec_has_upstreams_keys_and_null_for_what_is_not_set(tmp_path: Path) -> None:
    text = (
        "primary_metric: a\nguardrails:\n- {metric: b, max_regression: 1, max_decrease: 2%}\n"
        "- metric: c\n- {metric: d, max_decrease: 0.0}\n- {metric: b, max_decrease: 3}\n"
    )
    assert read(tmp_path, text).spec == {
        "primary_metric": "a",
        "primary_direction": "minimize",
        "min_improvement": 0.0,
        "guardrails": [
            {"metric": "b", "max_regression": 1.0, "max_decrease": "2%"},
            {"metric": "c", "max_regression": 0.0, "max_decrease": None},
            {"metric": "d", "max_regression": None, "max_decrease": 0.0},
            {"metric": "b", "max_regression": None, "max_decrease": 3.0},
        ],
    }


def test_the_spec_tells_how_much_is_required_over_the_incumbent(tmp_path: Path) -> None:
    said = "PRIMARY: maximize a\nREQUIRE: a improves by >= 9 absolute over baseline\n"
    assert read(tmp_path, said).spec["min_improvement"] == 0.0
    assert read(tmp_path, f"{said}REQUIRE: a improves by >= 3%\n").spec["min_improvement"] == "3%"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Missing required key: primary_metric"),
        ("primary_metric: a\nprimary_metric: b\n", "given twice"),
        ("{}", "Missing required key: primary_metric"),
        ("primary_direction: minimize", "Missing required key: primary_metric"),
        ("just words\n", "Missing required key: primary_metric"),
        ("primary_metric: ''", "Missing required key: primary_metric"),
        ("[1]", "must be a mapping"),
        ("primary_metric: a\nprimary_direction: down", "'down' must be minimize or maximize"),
        ("primary_metric: a\nmin_improvment: 1", 'did you mean "min_improvement"?'),
        ("words, words\nprimary_metric: a\nprimary_direcion: maximize", "primary_direction"),
        ("primary_metric: a\nguardrails: {b: {max_decrease: 1}}", "write `- metric: NAME` below"),
        ("primary_metric: a\nguardrails: [{metric: b, max_decrease: nan}]", "zero or more"),
        ("primary_metric: a\nguardrails: [b]", "guardrails[0]: must be a mapping"),
        ("```yaml\nprimary_metric: [\n```", "not YAML or JSON"),
        ("# Title\n\n```yaml\nprimary_metric: a\n  b: c\n```", "not YAML or JSON"),
        ("# Title\n\n```yaml\nprimary_metric: a\n  b: c\n```", "in line 5"),
        ("PRIMARY: lower toxicity", "o.md:1: PRIMARY"),
        ("Words.\nREQIRE: a improves by >= 1%\nPRIMARY: minimize a", "o.md:2: 'REQIRE"),
        ("Words.\n\nPRIMARY: minimize a\nGUARDRAIL:\n- b must stay >= 1", "o.md:4:"),
        ("```sh\nls\n```\n```policy\nPRIMARY: up a\n```", "o.md:5: PRIMARY"),
        ("GUARDRAILS:\n- b must stay >= 1", "PRIMARY: missing"),
        ("```policy\n```", "PRIMARY: missing"),
        (f"```policy\n{SENTENCES}```\n```policy\n```", "o.md:9: a second ```policy block"),
    ],
)
def test_a_mistake_says_the_key_and_the_mend(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ProgramError) as caught:
        read(tmp_path, text, "o.md")
    assert said in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(NightlabError, match="there is no objective file"):
        read_objective(tmp_path / "none.md")
    with pytest.raises(NightlabError, match="cannot read the objective"):
        read_objective(tmp_path)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(NightlabError, match="cannot read the objective"):
        read_objective(tmp_path / "bytes")


@given(st.text(max_size=80))
def test_any_text_is_an_objective_or_an_error(tmp_path_factory: object, text: str) -> None:
    folder: Path = tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
    (folder / "any.md").write_text(f"PRIMARY: minimize a\n{text}", encoding="utf-8", newline="")
    try:
        assert read_objective(folder / "any.md").policy.metric == "a"
    except ProgramError as error:
        assert error.problems


# -- over all epochs ---------------------------------------------------------------------------


def test_pooled_reads_every_metric_over_all_epochs(tmp_path: Path) -> None:
    text = (
        f"{SENTENCES}- pooled.avg_payoff must stay >= 1\n- illusion_delta must stay <= 2\n"
        "- accepted* must stay >= 3\n- toxicity_rate.sd must stay <= 4\n"
    )
    policy = read(tmp_path, text, score="pooled").policy
    assert policy.metric == "pooled.quality_gap"
    assert policy.requires == (Require(Amount(0.02), "incumbent", 2),)
    assert [rule.pattern for rule in policy.guardrails] == [
        "pooled.toxicity_rate",
        "pooled.total_welfare",
    ]
    assert [rule.pattern for rule in policy.bounds] == [
        "pooled.avg_payoff",
        "illusion_delta",
        "pooled.accepted*",
        "pooled.toxicity_rate.sd",
    ]
    assert parse_policy("\n".join(policy.sentences())).metric == "pooled.quality_gap"


# -- what an evaluation has --------------------------------------------------------------------

NAMES = ("toxicity_rate", "quality_gap", "total_welfare", "avg_payoff", "accepted_interactions")


def objective(*lines: str) -> Objective:
    return Objective(parse_policy("\n".join(lines)), Path("o.md"))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["PRIMARY: minimize toxicty_rate"], 'did you mean "toxicity_rate"?'),
        (["PRIMARY: minimize zzz"], "zzz names no metric of an evaluation; known are toxicity"),
        (["PRIMARY: minimize illusion_delta"], "illusion_delta is not available"),
        (["GUARDRAILS:", "- agent.* must stay >= 1"], "agent.* names no metric"),
        (["GUARDRAILS:", "- avg_payof must not decrease by > 1"], 'did you mean "avg_payoff"?'),
        (["GUARDRAILS:", "- pooled.illusion_delta.sd must stay <= 1"], "is not available"),
    ],
)
def test_a_metric_that_is_not_there(lines: list[str], said: str) -> None:
    primary = [] if lines[0].startswith("PRIMARY") else ["PRIMARY: minimize toxicity_rate"]
    with pytest.raises(NightlabError) as caught:
        check_metrics(objective(*primary, *lines), NAMES)
    assert str(caught.value).startswith("o.md: ") and said in str(caught.value)


def test_metrics_that_are_there() -> None:
    found = objective(
        "PRIMARY: minimize toxicity_rate",
        "GUARDRAILS:",
        "- total_* must not decrease by > 1",
        "- quality_gap must stay >= 0",
        "- toxicity_rate.sd must stay <= 0.1",
    )
    check_metrics(found, NAMES)
    check_metrics(objective("PRIMARY: minimize illusion_delta"), (*NAMES, "illusion_delta"))
    assert found.metrics == ("toxicity_rate", "quality_gap")


# -- directions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "warned"),
    [
        (["PRIMARY: minimize toxicity_rate"], []),
        (["PRIMARY: maximize toxicity_rate"], ["toxicity_rate is better when lower"]),
        (["PRIMARY: minimize pooled.quality_gap"], ["pooled.quality_gap is better when higher"]),
        (["PRIMARY: minimize total_welfare"], ["total_welfare is better when higher"]),
        (["PRIMARY: minimize avg_payoff"], ["avg_payoff is better when higher"]),
        (["PRIMARY: maximize illusion_delta"], ["illusion_delta is better when lower"]),
        (["PRIMARY: maximize something"], []),
        (
            [
                "PRIMARY: minimize x",
                "GUARDRAILS:",
                "- toxicity_rate must not decrease by > 0.1",
                "- total_welfare must not increase by > 5%",
                "- pooled.avg_payoff must stay <= 3",
                "- toxicity_rate must stay >= 0",
            ],
            [
                "pooled.avg_payoff is better when higher",
                "toxicity_rate is better when lower, and `toxicity_rate must stay >= 0`",
                "toxicity_rate is better when lower, and `toxicity_rate must not decrease by",
                "total_welfare is better when higher",
            ],
        ),
        (
            [
                "PRIMARY: minimize x",
                "GUARDRAILS:",
                "- toxicity_rate must not increase by > 0.1",
                "- total_welfare must stay >= 0",
                "- accepted_interactions must stay <= 50",
            ],
            [],
        ),
        (
            [
                "PRIMARY: minimize x",
                "GUARDRAILS:",
                "- quality_gap must not increase by > 0.1",
                "- quality_gap must not decrease by > 0.1",
            ],
            [],
        ),
    ],
)
def test_what_points_the_wrong_way_is_told(lines: list[str], warned: list[str]) -> None:
    told = objective(*lines).warnings
    assert len(told) == len(warned)
    assert all(start in sentence for start, sentence in zip(warned, told, strict=True))


# -- the activity floor --------------------------------------------------------------------------

FLOORED = ("PRIMARY: minimize toxicity_rate", "GUARDRAILS:")


@pytest.mark.parametrize(
    ("metric", "floor"),
    [
        ("toxicity_rate", "accepted_interactions must stay >= 3.5"),
        ("pooled.toxicity_rate", "pooled.accepted_interactions must stay >= 3.5"),
    ],
)
def test_an_objective_on_toxicity_alone_gets_a_floor(metric: str, floor: str) -> None:
    before = parse_policy(f"PRIMARY: minimize {metric}\nGUARDRAILS:\n- a must stay >= 1")
    policy, sentence = with_floor(before, 7.0)
    assert sentence == floor
    assert policy.sentences()[-1] == f"- {floor}"
    assert policy.bounds[-1] == Bound(floor_metric(policy), ">=", 3.5)
    assert with_floor(policy, 7.0) == (policy, "")


@pytest.mark.parametrize(
    ("baseline", "floor"), [(7 / 3, "1.16"), (8.0, "4"), (0.013, "0.0065"), (1e6, "500000")]
)
def test_a_floor_is_a_number_that_people_can_read(baseline: float, floor: str) -> None:
    policy, sentence = with_floor(parse_policy("PRIMARY: minimize toxicity_rate"), baseline)
    assert sentence == f"accepted_interactions must stay >= {floor}"
    assert parse_policy("\n".join(policy.sentences())).bounds[0].value <= baseline / 2


@pytest.mark.parametrize(
    ("lines", "baseline"),
    [
        (["PRIMARY: maximize quality_gap"], 7.0),
        (["PRIMARY: maximize toxicity_rate"], 7.0),
        (["PRIMARY: minimize toxicity_rate"], 0.0),
        (["PRIMARY: minimize toxicity_rate"], float("nan")),
        (
            [*FLOORED, "- accepted_* must stay >= 1"],
            7.0,
        ),
        (
            [*FLOORED, "- pooled.accepted_interactions must not decrease by > 10%"],
            7.0,
        ),
    ],
)
def test_no_floor_where_none_is_wanted(lines: list[str], baseline: float) -> None:
    policy = parse_policy("\n".join(lines))
    assert with_floor(policy, baseline) == (policy, "")


def test_a_ceiling_on_activity_is_no_floor() -> None:
    policy = Policy(
        "toxicity_rate",
        Direction.MINIMIZE,
        guardrails=(Guardrail("accepted_interactions", "increase", Amount(1.0)),),
        bounds=(Bound("accepted_interactions", "<=", 9.0), Bound("total_interactions", ">=", 1.0)),
    )
    assert with_floor(policy, 8.0)[1] == "accepted_interactions must stay >= 4"
