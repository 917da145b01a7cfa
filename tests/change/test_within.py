"""An edit of a parameter file stays below the paths that may change, whatever it looks like."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlab.change import Refused
from nightlab.change.keys import flatten, load_mapping
from nightlab.change.within import check_counts, check_within, differences
from nightlab.program.space import FloatParameter, Parameter
from nightlab.types import NightlabError

TEXT = """\
# A quiet market.
name: quiet
answer: "yes"
governance:
  audit_enabled: false
  rate: 0.5       # of all
  rounds: 3
  names: [a, b]
  deep: {cap: 1.5}
  later: null
agents:
- type: honest
  count: 3
"""


def refusal(new: str | None, old: str = TEXT, *within: str, file: str = "p.yaml") -> str:
    """Why an edit is refused; "" where it is not."""
    try:
        content = None if new is None else new.encode()
        check_within(file, old.encode(), content, within or ("governance",))
    except Refused as error:
        return str(error)
    return ""


def edited(*moves: str) -> str:
    text = TEXT
    for old, new in zip(moves[::2], moves[1::2], strict=True):
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


REORDERED = """\
agents: [{count: 3, type: honest}]
governance: {rate: 0.7, audit_enabled: true, rounds: 3, names: [a, b], deep: {cap: 1.5}, later: 2}
answer: 'yes'
name: "quiet"
"""


@pytest.mark.parametrize(
    "new",
    [
        TEXT,
        edited("rate: 0.5", "rate: 0.25", "  rounds: 3\n", "  rounds: 4\n"),
        edited("# A quiet market.\n", "# Another word.\n\n"),
        edited("rate: 0.5", "rate: 1"),
        edited("rounds: 3", "rounds: 2.5"),
        edited("rate: 0.5", "rate: 1e-3"),
        edited("[a, b]", "[a, b, c]"),
        edited("cap: 1.5", "cap: 2.5, floor: 1"),
        edited("  rounds: 3\n", ""),
        edited("  rounds: 3\n", "  rounds: 3\n  tax_enabled: true\n  tax: {rate: 0.1}\n"),
        edited("later: null", "later: a word"),
        REORDERED,
    ],
)
def test_values_below_it_may_move_and_order_is_nothing(new: str) -> None:
    assert refusal(new) == ""


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (None, "p.yaml may not be deleted"),
        (edited("name: quiet", "name: loud"), "only governance may change in p.yaml, and this cha"),
        (edited("name: quiet", "name: loud"), "this changes name"),
        (edited("name: quiet\n", ""), "this removes name"),
        (TEXT + "seed: 3\n", "this adds seed"),
        (TEXT + "governance.rate: 0.9\n", "this adds governance.rate"),
        (TEXT + "governances: {rate: 0.9}\n", "this adds governances"),
        (edited("  rounds: 3\n", "  deep.cap: 9\n"), "this adds governance.deep.cap"),
        (edited("count: 3", "count: 4"), "this changes agents"),
        (edited("count: 3", "count: 3.0"), "this changes agents"),
        (edited('"yes"', "yes"), "this changes answer, as YAML 1.1 reads it"),
        (edited("name: quiet", "'name ': quiet"), "this adds name"),
        ("governance: {}\n", "this removes agents, removes answer, removes name"),
        (TEXT[: TEXT.index("governance:")] + TEXT[TEXT.index("agents:") :], "removes governance"),
        (edited("governance:", "policy:"), "this adds policy, removes governance"),
    ],
)
def test_everything_else_stays(new: str | None, said: str) -> None:
    assert said in refusal(new)
    assert "\n" not in refusal(new)


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (edited("rate: 0.5", "rate: high"), "governance.rate of p.yaml was a number, and this"),
        (edited("rate: 0.5", "rate: '0.5'"), "this makes it a text"),
        (edited("rate: 0.5", "rate: [0.5]"), "this makes it a list"),
        (edited("rate: 0.5", "rate: true"), "this makes it true or false"),
        (edited("rate: 0.5", "rate: {now: 0.5}"), "this makes it a section"),
        (edited("rate: 0.5", "rate:"), "this makes it nothing"),
        (edited("audit_enabled: false", "audit_enabled: 0"), "was true or false, and this makes"),
        (edited("audit_enabled: false", "audit_enabled: off"), "this makes it a text"),
        (edited("{cap: 1.5}", "1.5"), "governance.deep of p.yaml was a section"),
        (edited("[a, b]", "a"), "was a list, and this makes it a text"),
        ("governance: 3\n" + TEXT[: TEXT.index("governance:")] + TEXT[TEXT.index("agents:") :],
         "governance of p.yaml was a section, and this makes it a number"),
    ],
)  # fmt: skip
def test_a_value_stays_of_its_type(new: str, said: str) -> None:
    assert said in refusal(new)


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ("governance: [", "p.yaml is not valid"),
        ("", "must be a mapping"),
        ("- a\n", "must be a mapping"),
        (edited("  rounds: 3\n", "  rounds: 3\n  rounds: 4\n"), 'duplicate key "rounds"'),
        (TEXT + "---\nname: other\n", "found another document"),
        (edited("0.5", "!!python/object/apply:os.system [ls]"), "could not determine a constr"),
        ("%YAML 1.1\n---\n" + TEXT, "%directive may not come or go"),
        ("%TAG ! tag:x,1:\n---\n" + TEXT, "%directive may not come or go"),
        ("governance: " + "[" * 3000, "nested too deeply"),
        ("governance: " + "[" * 150 + "]" * 150, "nested too deeply"),
        ("governance: &g {rate: *g}\n", "nested too deeply"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_reason(new: str, said: str) -> None:
    assert said in refusal(new)
    assert "\n" not in refusal(new)


def test_what_is_far_too_much_is_counted_and_not_followed() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]" for n in range(1, 9)]
    began = time.monotonic()
    assert "more than 100,000 values" in refusal(TEXT + "\n".join(lines))
    assert time.monotonic() - began < 5
    assert "more than 1 MB" in refusal(TEXT + f"more: {'x' * 1_000_000}\n")
    loop = b"a: &a {b: 1, c: *a}\n"
    with pytest.raises(NightlabError, match="nested too deeply"):
        load_mapping("p.yaml", loop)


OLD = "market: {fee: &fee 0.1, cap: 5}\ngovernance: {rate: 0.2, base: &b {x: 1}, more: *b}\n"


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (OLD.replace("rate: 0.2", "rate: *fee"), "governance.rate of p.yaml is one value with"),
        (OLD.replace("more: *b", "more: {<<: *b, x: 2}"), ""),
        (OLD.replace("x: 1", "x: 3"), ""),
        (OLD.replace("fee: &fee 0.1", "fee: &fee 0.3"), "this changes market.fee"),
    ],
)
def test_no_value_is_shared_with_what_may_not_change(new: str, said: str) -> None:
    assert said in refusal(new, OLD) if said else refusal(new, OLD) == ""


def test_what_was_shared_already_may_stay() -> None:
    old = "market: {fee: &fee 0.1}\ngovernance: {rate: *fee, tax: 0.3}\n"
    assert refusal(old.replace("0.3", "0.4"), old) == ""
    assert "this changes market.fee" in refusal(old.replace("0.1", "0.2"), old)


def test_several_paths_leaves_among_them() -> None:
    within = ("governance.rate", "governance.deep")
    assert refusal(edited("rate: 0.5", "rate: 0.7", "cap: 1.5", "cap: 2"), TEXT, *within) == ""
    said = refusal(edited("rounds: 3", "rounds: 4"), TEXT, *within)
    assert said.startswith("only governance.rate and governance.deep may change")
    said = refusal(edited("  rate: 0.5       # of all\n", ""), TEXT, *within)
    assert "this removes governance.rate" in said


def test_json_too() -> None:
    data = {"market": {"fee": 1}, "governance": {"rate": 0.5}}
    old = json.dumps(data)
    assert refusal(old.replace("0.5", "0.6"), old, file="p.json") == ""
    assert refusal(old.replace("0.5", "1e-3"), old, file="p.json") == ""
    assert "market.fee" in refusal(old.replace(": 1", ": 2"), old, file="p.json")


def test_names_that_are_long_or_odd_stay_on_one_line() -> None:
    said = refusal(TEXT + '"a\\nb\\e[31m": 1\n' + f"{'x' * 500}: 1\n")
    assert "\n" not in said and "\x1b" not in said and len(said) < 300


NUMBERS = st.integers() | st.floats(allow_nan=False)
PLAIN = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text("ab", max_size=3),
    lambda inner: st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["a", "b"]), PLAIN), st.data())
def test_what_differs_is_what_flattened_scalars_say(old: dict[str, Any], data: Any) -> None:
    new = data.draw(st.dictionaries(st.sampled_from(["a", "b"]), PLAIN))
    assert not list(differences(old, json.loads(json.dumps(old))))
    moved = {each.name for each in differences(old, new)}
    before, after = flatten(old), flatten(new)
    for name in {*before, *after}:
        same = repr(before.get(name)) == repr(after.get(name))
        touched = any(name == m or name.startswith(f"{m}.") for m in moved)
        assert same or touched


SWITCHED = """\
governance:
  audit_enabled: false
  audit_rate: 0.1
  sybil_detection_enabled: false
  sybil_rate: 0.2
  tax_enabled: true
  tax_rate: 0.3
"""


@pytest.mark.parametrize(
    ("moves", "said"),
    [
        (
            ("rate: 0.1", "rate: 0.4"),
            "governance.audit_rate has no effect while governance.audit_e",
        ),
        (("  audit_rate: 0.1\n", ""), "governance.audit_rate has no effect"),
        (("rate: 0.1", "rate: 0.1\n  audit_depth: 3"), "governance.audit_depth has no effect"),
        (("rate: 0.1", "rate: 0.4", "rate: 0.2", "rate: 0.5"), ""),  # its toggle has another name
        (("rate: 0.1", "rate: 0.4", "audit_enabled: false", "audit_enabled: true"), ""),
        (("rate: 0.1", "rate: 0.4", "rate: 0.3", "rate: 0.5"), ""),  # one of them counts
        (("rate: 0.3", "rate: 0.5"), ""),
        (("tax_enabled: true", "tax_enabled: false"), ""),
    ],
)
def test_a_value_that_is_switched_off_by_its_name(moves: tuple[str, ...], said: str) -> None:
    text = SWITCHED
    for old, new in zip(moves[::2], moves[1::2], strict=True):
        assert text.count(old) == 1
        text = text.replace(old, new)
    assert refusal(text, SWITCHED) == ""
    assert said in off(text)
    assert bool(said) is bool(off(text))


def off(new: str, **space: Parameter) -> str:
    """Why an edit of what is switched off is refused; "" where it is not."""
    named = {f"governance.{name}": parameter for name, parameter in space.items()}
    try:
        check_counts("p.yaml", SWITCHED.encode(), new.encode(), named)
    except Refused as error:
        return str(error)
    return ""


def test_the_space_knows_better_than_names() -> None:
    new = SWITCHED.replace("rate: 0.1", "rate: 0.4")
    assert off(new, audit_rate=FloatParameter(type="float", low=0, high=1)) == ""
    when = FloatParameter(type="float", low=0, high=1, when={"governance.tax_enabled": False})
    said = "governance.audit_rate has no effect while governance.tax_enabled is True"
    assert off(new, audit_rate=when) == said
