"""The policy language: every sentence form, its boundaries, its mistakes, and SWARM's form."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlab.program.policy import (
    Amount,
    Bound,
    Guardrail,
    Policy,
    Prefer,
    Require,
    exactly,
    parse_objective,
    parse_policy,
)
from nightlab.program.problem import ProgramError
from nightlab.types import Direction

metric_names = st.from_regex(r"\A[a-z][a-z0-9_./-]{0,12}\Z")
patterns = st.one_of(metric_names, metric_names.map(lambda name: f"{name}.*"))
sizes = st.floats(min_value=0, allow_infinity=False, allow_nan=False)
numbers = st.floats(allow_infinity=False, allow_nan=False)
amounts = st.builds(Amount, sizes, st.booleans())


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    requires = draw(
        st.lists(
            st.builds(Require, amounts, st.sampled_from(["incumbent", "baseline"])),
            unique_by=lambda require: require.over,
            max_size=2,
        )
    )
    directions = st.sampled_from(["increase", "decrease"])
    sides = st.sampled_from([">=", "<="])
    return Policy(
        metric=draw(metric_names),
        direction=draw(st.sampled_from(Direction)),
        requires=tuple(requires),
        guardrails=tuple(draw(st.lists(st.builds(Guardrail, patterns, directions, amounts)))),
        bounds=tuple(draw(st.lists(st.builds(Bound, patterns, sides, numbers)))),
        prefer=draw(st.none() | st.builds(Prefer, amounts)),
    )


def without_lines(policy: Policy) -> Policy:
    """The policy as if it stood nowhere: where a rule stands is no part of its meaning."""
    prefer = policy.prefer
    return Policy(
        policy.metric,
        policy.direction,
        tuple(Require(r.amount, r.over) for r in policy.requires),
        tuple(Guardrail(g.pattern, g.direction, g.amount) for g in policy.guardrails),
        tuple(Bound(b.pattern, b.side, b.value) for b in policy.bounds),
        Prefer(prefer.within) if prefer else None,
    )


def read(*lines: str) -> Policy:
    return without_lines(parse_policy("\n".join(lines)))


def problems(*lines: str, first_line: int = 1) -> list[str]:
    with pytest.raises(ProgramError) as caught:
        parse_policy("\n".join(lines), "program.md", first_line)
    return str(caught.value).splitlines()


@given(policies())
def test_the_sentences_of_a_policy_read_back_as_that_policy(policy: Policy) -> None:
    assert without_lines(parse_policy("\n".join(policy.sentences()))) == policy


@given(numbers)
def test_a_number_is_written_so_that_nothing_of_it_is_lost(number: float) -> None:
    assert float(exactly(number)) == number


@pytest.mark.parametrize(
    ("number", "written"), [(0.2, "0.2"), (5.0, "5"), (1234567.0, "1234567.0"), (1e-7, "1e-07")]
)
def test_a_number_is_written_as_people_write_it(number: float, written: str) -> None:
    assert exactly(number) == written


@pytest.mark.parametrize(
    ("sentence", "direction"),
    [
        ("PRIMARY: minimize loss", Direction.MINIMIZE),
        ("PRIMARY: maximise loss", Direction.MAXIMIZE),
        ("primary :  MAXIMIZE   loss   # the one that counts", Direction.MAXIMIZE),
    ],
)
def test_primary(sentence: str, direction: Direction) -> None:
    assert read(sentence) == Policy("loss", direction)


@pytest.mark.parametrize(
    ("sentence", "require"),
    [
        (">= 0.0005 absolute", Require(Amount(0.0005))),
        (">= 1e-3", Require(Amount(0.001))),
        ("≥ 5%", Require(Amount(5.0, True))),
        (">= 5 % over baseline", Require(Amount(5.0, True), "baseline")),
        (">= .5 absolute over the baseline", Require(Amount(0.5), "baseline")),
        (">= 1_000 absolute over the incumbent", Require(Amount(1000.0))),
        (">= 0 absolute", Require(Amount(0.0))),
    ],
)
def test_require(sentence: str, require: Require) -> None:
    policy = read("PRIMARY: minimize loss", f"REQUIRE: loss improves by {sentence}")
    assert policy.requires == (require,)


def test_one_requirement_over_the_incumbent_and_one_over_the_baseline() -> None:
    policy = read(
        "PRIMARY: minimize loss",
        "REQUIRE: loss improves by >= 0.1 absolute",
        "REQUIRE: loss improves by >= 1% over baseline",
    )
    assert policy.requires == (Require(Amount(0.1)), Require(Amount(1.0, True), "baseline"))


@pytest.mark.parametrize(
    ("sentence", "rule"),
    [
        ("m must not increase by > 20%", Guardrail("m", "increase", Amount(20.0, True))),
        ("m must not decrease by > 0.1", Guardrail("m", "decrease", Amount(0.1))),
        ("agent.* must not decrease by > 0", Guardrail("agent.*", "decrease", Amount(0.0))),
        ("m must not Increase by >2 absolute", Guardrail("m", "increase", Amount(2.0))),
        ("m must stay >= 0.7", Bound("m", ">=", 0.7)),
        ("m must stay <= -1.5e2", Bound("m", "<=", -150.0)),
        ("m must stay ≤ 3", Bound("m", "<=", 3.0)),
        ("m must stay ≥+3", Bound("m", ">=", 3.0)),
    ],
)
@pytest.mark.parametrize("bullet", ["-", "*", "  -", "•"])
def test_guardrails(sentence: str, rule: Guardrail | Bound, bullet: str) -> None:
    policy = read("PRIMARY: minimize loss", "GUARDRAILS:", "", f"{bullet} {sentence}  # why")
    assert [*policy.guardrails, *policy.bounds] == [rule]


def test_prefer() -> None:
    policy = read("PRIMARY: minimize loss", "PREFER: fewer lines when loss is within 2e-4")
    assert policy.prefer == Prefer(Amount(0.0002))


def test_rules_know_their_line_in_the_file() -> None:
    policy = parse_policy(
        "\nPRIMARY: minimize loss\nREQUIRE: loss improves by >= 1 absolute\nGUARDRAILS:\n"
        "- a must not increase by > 1\n\n- b must stay >= 2\n"
        "PREFER: fewer lines when loss is within 0",
        first_line=40,
    )
    rules = [*policy.requires, *policy.guardrails, *policy.bounds, policy.prefer]
    assert [rule.line for rule in rules if rule] == [42, 44, 46, 47]


def test_a_form_feed_or_a_line_separator_does_not_shift_lines() -> None:
    assert problems("PRIMARY: minimize loss # \x0c\u2028", "nonsense")[0].startswith(
        "program.md:2:"
    )


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["PRIMRY: minimize loss"], 'did you mean "PRIMARY"?'),
        (["Guardrail:"], 'did you mean "GUARDRAILS"?'),
        (["PRIMARY minimize loss"], "is not a rule"),
        (["PRIMARY: minimise"], "write PRIMARY: minimize val_bpb"),
        (["PRIMARY: lower loss"], "write PRIMARY: minimize val_bpb"),
        (["PRIMARY: minimize loss.*"], "one metric, not a pattern"),
        (["PRIMARY: minimize a", "PRIMARY: minimize a"], "given twice"),
        (["REQUIRE: loss improves by > 5%"], "improves by >= 0.001 absolute"),
        (["REQUIRE: loss improves by >= 5% absolute"], "is not understood"),
        (["REQUIRE: loss improves by >= -5%"], "negative"),
        (["REQUIRE: loss improves by >= 1e999 absolute"], "too large"),
        (["REQUIRE: other improves by >= 5%"], "the primary metric, loss, not other"),
        (["REQUIRE: loss improves by >= 5%"] * 2, "given twice over the incumbent"),
        (["GUARDRAILS: loss must stay >= 1"], "is not a rule"),
        (["- a must stay >= 1"], "outside GUARDRAILS:"),
        (["GUARDRAILS:", "- a must stay > 1"], "must stay >= 0.7"),
        (["GUARDRAILS:", "- a must stay >= 70%"], "is not understood"),
        (["GUARDRAILS:", "- a must stay >= nan"], "is not understood"),
        (["GUARDRAILS:", "- a must stay <= 1e999"], "too large"),
        (["GUARDRAILS:", "- a must not increase by 20%"], "must not increase by > 20%"),
        (["GUARDRAILS:", "- a must not increase by > -1"], "negative"),
        (["PREFER: fewer lines when other is within 1"], "the primary metric, loss, not other"),
        (["PREFER: fewer lines when loss is within 1"] * 2, "given twice"),
        (["PREFER: less code"], "write PREFER: fewer lines when val_bpb is within"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_how_to_mend_it(lines: list[str], said: str) -> None:
    primary = [] if lines[0].startswith(("PRIM", "Guard")) else ["PRIMARY: minimize loss"]
    wrong = [*primary, *lines]
    told = [p for p in problems(*wrong, first_line=10) if said in p]
    assert len(told) == 1
    at = 10 + len(wrong) - 1
    assert told[0].startswith(f"program.md:{at}: ")


def test_all_mistakes_are_told_at_once() -> None:
    told = problems("REQUIRE: more", "GUARDRAILS:", "- less", "- a must stay >= 1", "PREFFER: x")
    assert [t.split(": ")[0] for t in told] == [
        "program.md:1",
        "program.md:3",
        "program.md:5",
        "program.md",
    ]
    assert "PRIMARY: missing" in told[-1]


@given(st.text(max_size=60))
def test_any_text_is_a_policy_or_a_program_error(text: str) -> None:
    try:
        policy = parse_policy(f"PRIMARY: minimize loss\n{text}")
    except ProgramError as error:
        assert error.problems
    else:
        assert policy.metric == "loss"


def test_a_pattern_matches_names_and_itself() -> None:
    policy = Policy("loss", Direction.MINIMIZE)
    names = ["agent.b", "agent.a", "agents", "loss[0]"]
    assert policy.matching("agent.*", names) == ["agent.a", "agent.b"]
    assert policy.matching("loss[0]", names) == ["loss[0]"]
    assert policy.matching("Agents", names) == []


@pytest.mark.parametrize(
    ("amount", "reference", "size"),
    [(Amount(5.0), -3.0, 5.0), (Amount(50.0, True), -3.0, 1.5), (Amount(5.0, True), 0.0, 0.0)],
)
def test_a_percentage_is_of_the_size_of_the_reference(
    amount: Amount, reference: float, size: float
) -> None:
    assert amount.of(reference) == size


# -- SWARM's objective files ------------------------------------------------------------------

OBJECTIVE = {
    "primary_metric": "toxicity_rate",
    "primary_direction": "maximize",
    "min_improvement": 0.01,
    "guardrails": [
        {"metric": "welfare", "max_decrease": 0.05},
        {"metric": "quality_gap", "max_regression": 0.1},
        {"metric": "fees", "max_regression": 1, "max_decrease": "2%"},
        {"metric": "turnover"},
    ],
}
YAML = """\
primary_metric: toxicity_rate
primary_direction: maximize
min_improvement: 0.01   # one point
guardrails:
  - {metric: welfare, max_decrease: 0.05}
  - metric: quality_gap
    max_regression: 1e-1
  - {metric: fees, max_regression: 1, max_decrease: 2%}
  - metric: turnover
"""
POLICY = Policy(
    "toxicity_rate",
    Direction.MAXIMIZE,
    (Require(Amount(0.01)),),
    (
        Guardrail("welfare", "decrease", Amount(0.05)),
        Guardrail("quality_gap", "increase", Amount(0.1)),
        Guardrail("fees", "increase", Amount(1.0)),
        Guardrail("fees", "decrease", Amount(2.0, True)),
        Guardrail("turnover", "increase", Amount(0.0)),
    ),
)


def objective_problems(text: str) -> list[str]:
    with pytest.raises(ProgramError) as caught:
        parse_objective(text, "objective.md")
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    "text",
    [
        YAML,
        json.dumps(OBJECTIVE),
        json.dumps(OBJECTIVE, indent="\t"),
        f"# Objective\n\nLess harm: not at any price.\n\n```yaml\n{YAML}```\n",
        f"```yml\n{YAML}```\n\n```yaml\nprimary_metric: another\n```\n",
        f"# Objective\n```\n{YAML}```\n",
        f"# Objective\n```python title=a.py\nprimary_metric = 1\n```\n```yaml\n{YAML}```\n",
        f"# Objective\n```json\n{json.dumps(OBJECTIVE)}\n```\n",
    ],
)
def test_an_objective_in_each_of_its_forms(text: str) -> None:
    assert parse_objective(text) == POLICY


@pytest.mark.parametrize(
    "text",
    [
        "Lower the harm: always.\n\n- primary_metric: `harm`\n- primary_direction: maximize\n"
        "- min_improvement: 0.5\n",
        "# Objective\nJust this, said\n\nprimary_metric: 'harm'\nprimary_direction: maximize\n"
        "min_improvement: 0.5\n",
        "Words.\n\n* **primary_metric**: harm\n* **primary_direction:** maximize\n"
        "* **min_improvement**: 0.5\n",
    ],
)
def test_an_objective_in_prose_without_a_fence(text: str) -> None:
    policy = parse_objective(text)
    assert policy == Policy("harm", Direction.MAXIMIZE, (Require(Amount(0.5)),))


def test_the_defaults_of_an_objective() -> None:
    assert parse_objective("primary_metric: harm") == Policy("harm", Direction.MINIMIZE)


@pytest.mark.parametrize("limit", ["inf", ".inf", '"inf"'])
def test_an_infinite_cap_is_no_guardrail(limit: str) -> None:
    text = f"primary_metric: harm\nguardrails: [{{metric: fees, max_regression: {limit}}}]"
    assert parse_objective(text).guardrails == ()


def test_an_empty_cap_counts_as_not_given() -> None:
    text = "primary_metric: harm\nguardrails: [{metric: fees, max_regression: }]"
    assert parse_objective(text).guardrails == (Guardrail("fees", "increase", Amount(0.0)),)


def test_a_decrease_cap_of_zero_lets_increases_pass() -> None:
    text = "primary_metric: harm\nguardrails: [{metric: welfare, max_decrease: 0.0}]"
    assert parse_objective(text).guardrails == (Guardrail("welfare", "decrease", Amount(0.0)),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("primary_direction: minimize", "objective.md: Missing required key: primary_metric"),
        ("primary_metric:", "objective.md: Missing required key: primary_metric"),
        ("primary_metric: [harm]", "is not a metric's name"),
        ("primary_metric: harm.*", "is not a metric's name"),
        ("primary_metric: harm\nprimary_direction: lower", "'lower' must be minimize or maximize"),
        ("primary_metric: harm\nprimary_direction: [1]", "must be minimize or maximize"),
        ("primary_metric: harm\nmin_improvement: -1", "zero or more"),
        ("primary_metric: harm\nmin_improvement: .nan", "zero or more"),
        ("primary_metric: harm\nmin_improvement: .inf", "zero or more"),
        ("primary_metric: harm\nmin_improvement: true", "zero or more"),
        ("primary_metric: harm\nmin_improvment: 1", 'did you mean "min_improvement"?'),
        ("primary_metric: harm\nguardrails: {metric: a}", "must be a list of mappings"),
        ("primary_metric: harm\nguardrails: [fees]", "guardrails[0]: must be a mapping"),
        ("primary_metric: harm\nguardrails: [{max_decrease: 1}]", "guardrails[0]: must be a map"),
        ("primary_metric: harm\nguardrails: [{metric: }]", "guardrails[0]: must be a mapping"),
        ("primary_metric: h\nguardrails: [{metric: a, max_decrase: 1}]", '"max_decrease"?'),
        ("primary_metric: h\nguardrails: [{metric: a, max_decrease: x}]", "zero or more"),
        ("primary_metric: h\nguardrails: [{metric: a, max_regression: -1}]", "zero or more"),
        ('["primary_metric"]', "must be a mapping"),
        ("```json\n[1, 2]\n```\nprimary_metric: harm\n", "must be a mapping"),
        ("just words", "must be a mapping"),
        ("", "must be a mapping"),
        ("primary_metric: harm\nmin_improvement: 2001-13-45", "zero or more"),
    ],
)
def test_a_wrong_objective_is_explained(text: str, said: str) -> None:
    assert any(said in problem for problem in objective_problems(text))


@pytest.mark.parametrize("fence", ["", "```"])
def test_guardrails_are_never_lost_to_a_mistake_in_the_yaml(fence: str) -> None:
    broken = "primary_metric: harm\nguardrails:\n  - metric: fees\n   max_regression: 0\n"
    assert "not YAML or JSON" in objective_problems(f"{fence}\n{broken}{fence}\n")[0]


def test_all_mistakes_of_an_objective_are_told_at_once() -> None:
    text = "primary_direction: up\nmin_improvement: -1\nguardrails: [fees, {metric: a, b: 1}]"
    assert len(objective_problems(text)) == 5


def test_an_objective_can_be_said_in_the_policy_language() -> None:
    sentences = parse_objective(YAML).sentences()
    assert without_lines(parse_policy("\n".join(sentences))) == POLICY
