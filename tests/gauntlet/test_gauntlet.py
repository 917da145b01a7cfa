"""Every attack, in every way that it can be met here: none may win where it is said not to."""

from __future__ import annotations

import pytest

from gauntlet.attack import KINDS, Attack, attack_names, load_attack
from gauntlet.run import confesses, confession, expected_word, meet, why_not

HONEST = Attack(
    "honest",
    "a real improvement",
    "halves",
    dict.fromkeys(KINDS, "won"),
    {"train": "order = 2"},
)
BITES = [name for name in attack_names() if load_attack(name).bites]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", attack_names())
def test_an_attack_is_met(name: str, kind: str) -> None:
    skip_where_it_cannot_be_met(kind)
    attack = load_attack(name)
    result = meet(name, kind)
    assert result.word == expected_word(attack, kind), result.why
    if attack.expected[kind] == "not covered":
        assert confesses(attack, kind, result.summary), confession(attack, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_an_honest_change_wins(kind: str) -> None:
    skip_where_it_cannot_be_met(kind)
    result = meet(HONEST, kind)
    assert result.word == "won", result.why


def test_most_attacks_bite_where_nothing_holds_them() -> None:
    assert len(attack_names()) >= 45
    assert len(BITES) >= 0.75 * len(attack_names())


def skip_where_it_cannot_be_met(kind: str) -> None:
    why = why_not(kind)
    if why:
        pytest.skip(why)
