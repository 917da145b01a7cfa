"""Which parameters belong together."""

from __future__ import annotations

import pytest

from nightlab.program.mechanism import are_one, grouped, mechanisms, switched_off, told
from nightlab.program.space import BoolParameter, Parameter

SPACE: dict[str, Parameter] = {
    "g.audit_enabled": BoolParameter(type="bool", tags=("audit",)),
    "g.freeze": BoolParameter(type="bool", tags=("breaker", "audit")),
    "g.breaker_on": BoolParameter(type="bool", tags=("breaker",)),
    "g.tax_rate": BoolParameter(type="bool"),
}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("g.audit_enabled", {"audit"}),
        ("g.freeze", {"audit", "breaker"}),
        ("g.tax_rate", {"tax"}),
        ("g.Tax-cap", {"tax"}),
        ("TAX_FLOOR", {"tax"}),
        ("g._tax", {"tax"}),
        ("g.9", {"9"}),
        ("g.--", {"g.--"}),
    ],
)
def test_by_tags_else_by_the_first_word(name: str, said: set[str]) -> None:
    assert mechanisms(name, SPACE) == said


@pytest.mark.parametrize(
    ("names", "one"),
    [
        ((), True),
        (("g.tax_rate",), True),
        (("g.tax_rate", "g.tax_cap"), True),
        (("g.audit_enabled", "g.audit_rate"), True),  # one with a tag, one by its word
        (("g.audit_enabled", "g.freeze"), True),
        (("g.freeze", "g.breaker_on"), True),
        (("g.audit_enabled", "g.freeze", "g.breaker_on"), False),  # each two share, not all three
        (("g.audit_enabled", "g.tax_rate"), False),
    ],
)
def test_one_mechanism_is_what_all_have_in_common(names: tuple[str, ...], one: bool) -> None:
    assert are_one(names, SPACE) is one


def test_people_are_told_in_groups() -> None:
    assert grouped(SPACE, SPACE)["audit and breaker"] == ["g.freeze"]
    many = [*SPACE, "x.a", "x.b", "g.tax_a", "g.tax_b", "g.tax_c"]
    assert told(many[3:4] + many[6:], SPACE) == "tax (g.tax_rate, g.tax_a, g.tax_b)"
    assert told(many, SPACE).endswith(" and 3 more")


VALUES: dict[str, object] = {
    "g.audit_enabled": False,
    "g.audit_deep_enabled": True,
    "g.sybil_detection_enabled": False,
    "g.memory_gate_enabled": False,
    "g.memory_limit_enabled": True,
    "g.loop_enabled": "no",
    "g.deep.tax_enabled": False,
    "h.tax_enabled": False,
    "rent_enabled": False,
}


@pytest.mark.parametrize(
    ("name", "toggle"),
    [
        ("g.audit_rate", "g.audit_enabled"),
        ("g.audit_rate_of_all", "g.audit_enabled"),
        ("g.audit", "g.audit_enabled"),
        ("g.audit_deep_rate", ""),  # by the longest name, which is on
        ("g.auditor_rate", ""),
        ("g.sybil_rate", ""),  # of one word with a toggle, which may be about something else
        ("g.memory_gate_size", "g.memory_gate_enabled"),
        ("g.audit_enabled", ""),
        ("g.audit_wide_enabled", ""),
        ("g.loop_size", ""),  # its toggle is none
        ("g.tax_rate", ""),  # those are elsewhere
        ("h.tax_rate", "h.tax_enabled"),
        ("rent_rate", "rent_enabled"),
        ("g.*_rate", ""),
        ("", ""),
    ],
)
def test_a_toggle_that_is_off_by_its_name(name: str, toggle: str) -> None:
    assert switched_off(name, VALUES) == toggle
