"""Edits of a parameter file as text: what may be edited, and what can't count is refused."""

from __future__ import annotations

from typing import Any

import pytest

from nightlab.change import Refused
from nightlab.change.build import Builder
from nightlab.change.files import build_surface
from nightlab.change.repository import Repository, init_repository
from nightlab.change.scope import Bounds, rules_of
from nightlab.change.settings import ChangeSettings
from nightlab.types import Idea

MARKET = """\
name: quiet
rules:
  audit_enabled: false  # whether at all
  audit_rate: 0.1
  tax_rate: 0.2
  tax_cap: 5
  fine: 2.0
agents: 3
"""
SETTINGS: dict[str, Any] = {
    "files": ["market.yaml", "model.py"],
    "keys": "market.yaml",
    "within": ["rules"],
    "one_mechanism": True,
    "space": {
        "rules.audit_enabled": {"type": "bool", "tags": ["audit"]},
        "rules.audit_rate": {
            "type": "float", "low": 0, "high": 1, "tags": ["audit"],
            "when": {"rules.audit_enabled": True},
        },
        "rules.tax_rate": {"type": "float", "low": 0, "high": 0.6, "tags": ["tax"]},
        "rules.fine": {"type": "float", "low": 0, "high": 9, "tags": ["audit"]},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    folder = tmp_path_factory.mktemp("market")
    (folder / "market.yaml").write_text(MARKET)
    (folder / "model.py").write_text("SPEED = 1\nSIZE = 2\n\n\ndef go():\n    return SPEED\n")
    init_repository(folder, "study")
    return Repository(folder)


def build(repository: Repository, idea: Idea, **more: Any) -> dict[str, str | None]:
    change = ChangeSettings.model_validate({**SETTINGS, **more})
    files = repository.files(repository.head())
    bounds = Bounds.of(change)
    builder = Builder(build_surface(change), change.free(), files, repository.diff, bounds)
    made = builder.build(idea, files)
    return {path: new.decode() if new else None for path, new in made.files.items()}


def text(*moves: str) -> str:
    new = MARKET
    for old, by in zip(moves[::2], moves[1::2], strict=True):
        assert new.count(old) == 1
        new = new.replace(old, by)
    return new


ON = ("audit_enabled: false", "audit_enabled: true")


@pytest.mark.parametrize(
    "new",
    [
        text(*ON),
        text(*ON, "audit_rate: 0.1", "audit_rate: 0.5", "fine: 2.0", "fine: 3"),
        text("tax_rate: 0.2", "tax_rate: 0.3", "tax_cap: 5", "tax_cap: 4"),
        text("tax_rate: 0.2", "tax_rate: 0.2\n  tax_floor: 1"),
        text("  tax_cap: 5\n", ""),
        text(*ON, "name: quiet", "name: quiet  # as ever"),
    ],
)
def test_one_mechanism_of_the_section_may_change(repository: Repository, new: str) -> None:
    assert build(repository, Idea("x", files={"market.yaml": new})) == {"market.yaml": new}


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (text("agents: 3", "agents: 4"), "only rules may change in market.yaml, and this changes"),
        (text(*ON, "tax_rate: 0.2", "tax_rate: 0.3"),
         "one mechanism a change, and this mixes audit (rules.audit_enabled), tax (rules.tax_"),
        (text("tax_cap: 5", "tax_cap: 4", "fine: 2.0", "fine: 3.0"), "and this mixes audit"),
        (text("tax_cap: 5", "tax_cap: 5\n  bonus: 1", "tax_rate: 0.2", "tax_rate: 0.4"),
         "mixes bonus (rules.bonus), tax (rules.tax_rate)"),
        (text("tax_rate: 0.2", "tax_rate: 0.9"), "rules.tax_rate = 0.9 is outside float 0 to 0.6"),
        (text("tax_rate: 0.2", "tax_rate: .nan"), "rules.tax_rate = nan is outside"),
        (text("audit_rate: 0.1", "audit_rate: 0.4"),
         "rules.audit_rate has no effect while rules.audit_enabled is False"),
        (text("audit_rate: 0.1", "audit_rate: 0.1\n  audit_depth: 3"),
         "rules.audit_depth has no effect while rules.audit_enabled is False"),
        (text("  fine: 2.0\n", ""), "rules.fine is not set in market.yaml"),
        (text("name: quiet", "# so it is\nname: quiet"), "it changes comments or layout alone"),
        (MARKET, "it changes nothing"),
        (None, "market.yaml may not be deleted"),
        ("rules: [", "market.yaml is not valid"),
        ("rules: &r {audit_enabled: *r}\n", "nested too deeply"),
    ],
)  # fmt: skip
def test_anything_else_is_refused(repository: Repository, new: str | None, said: str) -> None:
    with pytest.raises(Refused) as caught:
        build(repository, Idea("x", files={"market.yaml": new}))
    assert said in str(caught.value)


def test_values_of_search_are_held_to_one_mechanism_too(repository: Repository) -> None:
    one = Idea("x", parameters={"rules.audit_enabled": True, "rules.audit_rate": 0.5})
    assert "audit_rate: 0.5" in str(build(repository, one)["market.yaml"])
    two = Idea("x", parameters={"rules.fine": 3.0, "rules.tax_rate": 0.5})
    with pytest.raises(Refused, match="one mechanism a change"):
        build(repository, two)
    assert build(repository, two, one_mechanism=False)
    off = Idea("x", parameters={"rules.audit_rate": 0.5})
    with pytest.raises(Refused, match=r"no effect while rules\.audit_enabled is False"):
        build(repository, off)


def test_constants_of_code_count_and_what_code_does_is_not_asked(repository: Repository) -> None:
    model = "SPEED = 2\nSIZE = 2\n\n\ndef go():\n    return 2 * SPEED\n"
    assert build(repository, Idea("x", files={"model.py": model}))
    both = {"model.py": model.replace("SIZE = 2", "SIZE = 3")}
    with pytest.raises(Refused, match=r"mixes size \(SIZE\), speed \(SPEED\)"):
        build(repository, Idea("x", files=both))
    with pytest.raises(Refused, match="mixes"):
        idea = Idea("x", parameters={"rules.tax_rate": 0.5}, files={"model.py": model})
        build(repository, idea)


def test_an_edit_of_code_may_go_with_what_is_switched_off(repository: Repository) -> None:
    new = {"market.yaml": text("audit_rate: 0.1", "audit_rate: 0.4"), "model.py": "SPEED = 1\n"}
    assert build(repository, Idea("x", files=new), one_mechanism=False)


def test_without_these_settings_any_edit_of_the_file_may_be_made(repository: Repository) -> None:
    free = {"within": [], "one_mechanism": False}
    new = text("agents: 3", "agents: 4", "tax_rate: 0.2", "tax_rate: 0.9", "fine: 2.0", "fine: 3.0")
    assert build(repository, Idea("x", files={"market.yaml": new}), **free)
    loop = Idea("x", files={"market.yaml": "rules: &r {audit_enabled: *r}\n"})
    with pytest.raises(Refused, match="nested too deeply"):
        build(repository, loop, **free)


def test_whoever_proposes_is_told_the_rules() -> None:
    told = rules_of(ChangeSettings.model_validate(SETTINGS))
    assert told[0].startswith("of market.yaml, only what is below rules")
    assert "audit: rules.audit_enabled, rules.audit_rate, rules.fine" in told
    assert "tax: rules.tax_rate" in told
    assert rules_of(ChangeSettings.model_validate({"files": ["a.py"]})) == ()
