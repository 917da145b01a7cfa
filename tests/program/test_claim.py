"""The language of claims: every form, the ways it may be put, and its mistakes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightlab.program.claim import LONGEST, Claim, Form, parse_claim
from nightlab.types import NightlabError, Value

NAMES = ("LR", "weight_decay", "DEPTH", "opt.name")
KINDS = ("attention", "simplification")

words = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_.-]{0,12}\Z")
numbers = st.one_of(
    st.integers(-(10**20), 10**20), st.floats(allow_nan=False, allow_infinity=False)
)
texts = st.text(st.characters(min_codepoint=33, max_codepoint=0x24F, exclude_characters="`"))
values = st.one_of(st.booleans(), numbers, texts.filter(lambda text: one_word(text)))


def one_word(text: str) -> bool:
    return text.isprintable() and len(text.split()) == 1 and len(text) < 40


@st.composite
def claims(draw: st.DrawFn) -> Claim:
    form = draw(st.sampled_from(Form))
    if form in (Form.CRASHES_ABOVE, Form.CRASHES_BELOW):
        return Claim(form, draw(st.sampled_from(NAMES)), draw(numbers))
    if form is Form.BEST:
        return Claim(form, draw(st.sampled_from(NAMES)), draw(values))
    return Claim(form, draw(st.sampled_from(KINDS if form in (Form.PAYS, Form.FAILS) else NAMES)))


def parse(text: str) -> Claim:
    return parse_claim(text, NAMES, KINDS)


def problem(text: str) -> str:
    with pytest.raises(NightlabError) as caught:
        parse(text)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@given(claims())
def test_a_claim_reads_back_as_itself(claim: Claim) -> None:
    again = parse(str(claim))
    assert again == claim and type(again.value) is type(claim.value)


@given(claims(), st.sampled_from(["", ".", " . ", "!"]))
def test_case_spaces_and_full_stops_do_not_matter(claim: Claim, end: str) -> None:
    if claim.value is None:
        assert parse(f"  {str(claim).upper().replace(' ', '  ')}{end}") == claim
        assert parse(f"{str(claim).lower()}{end}") == claim


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("A larger LR helps", "higher LR is better"),
        ("raising the `LR` improves", "higher LR is better"),
        ("increasing LR is worse", "lower LR is better"),
        ("reducing LR hurts", "higher LR is better"),
        ("less weight-decay is better", "lower weight_decay is better"),
        ("opt.name set to muon works best", "opt.name = muon is better"),
        ("opt.name is muon is best", "opt.name = muon is better"),
        ("opt.name='muon' helps", "opt.name = muon is better"),
        ("LR makes no difference", "LR does not matter"),
        ("depth doesn't matter", "DEPTH does not matter"),
        ("attention edits pay off", "attention changes pay"),
        ("Attention changes don't help", "attention changes do not pay"),
        ("LR > 0.1 diverges", "LR >= 0.1 crashes"),
        ("DEPTH at least 12 runs out of memory", "DEPTH >= 12 crashes"),
        ("LR below 1e-6 will crash", "LR <= 1e-06 crashes"),
    ],
)
def test_other_ways_to_put_it(text: str, meant: str) -> None:
    assert str(parse(text)) == meant


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.1", 0.1), ("3", 3), ("true", True), ("False", False), ('"3"', "3"), ("1e999", "1e999")],
)
def test_values_are_read_as_what_they_look_like(text: str, value: Value) -> None:
    found = parse(f"LR = {text} is better").value
    assert found == value and type(found) is type(value)


def test_a_mistake_names_what_is_near_and_what_there_is() -> None:
    assert "there is no parameter 'LRR'; did you mean \"LR\"?" in problem("higher LRR is better")
    assert "; known: attention, simplification" in problem("magic changes pay")
    assert 'did you mean "weight_decay"?' in problem("I think weigth_decay wants care")
    assert all(form.value in problem("the loss is cursed") for form in Form)
    assert "'much' is no number" in problem("LR >= much crashes")
    assert "say which value is better" in problem("opt.name = muon is worse")


def test_a_claim_may_not_be_long() -> None:
    assert str(LONGEST) in problem("higher LR is better" + " " * LONGEST)


@given(st.text(max_size=LONGEST + 5))
def test_any_text_is_a_claim_or_a_one_line_mistake(text: str) -> None:
    try:
        assert parse(str(parse(text))) == parse(text)
    except NightlabError as error:
        assert len(str(error).splitlines()) == 1
        assert str(error).isprintable()
