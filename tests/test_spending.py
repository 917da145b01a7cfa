"""What models cost: in the ledger at once, capped before each call, told to people."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes import TRAIN, command_study
from pydantic import ValidationError

from nightlab.campaign.account import Account
from nightlab.propose import NothingToPropose, Purse
from nightlab.report.cost import cost_data, usage_text
from nightlab.report.status import status, status_lines
from nightlab.stop import StopSettings
from nightlab.study import Study, open_study
from nightlab.types import History, Idea, Usage


class PaidProposer:
    """Each idea costs the same; it asks its purse first, as it must."""

    def __init__(self, purse: Purse, usage: Usage) -> None:
        self.purse, self.usage = purse, usage
        self.calls = 0

    def propose(self, history: History) -> Idea:
        if why := self.purse.empty():
            raise NothingToPropose(why)
        self.calls += 1
        self.purse.pay("model", self.usage)
        text = TRAIN.replace("X = 0.5", f"X = {0.5 + self.calls / 50}")
        return Idea(f"step {self.calls}", emitter="model", files={"train.py": text})

    def refused(self, idea: Idea, reason: str) -> None:
        raise AssertionError(reason)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return command_study(tmp_path / "s")


def spend(study: Study, stop: str, usage: Usage) -> tuple[Study, str, PaidProposer]:
    """Run until the purse is empty."""
    program = study.folder / "program.md"
    program.write_text(program.read_text().replace("stop: {trials: 4}", f"stop: {stop}"))
    study = open_study(study.folder)
    made: list[PaidProposer] = []

    def proposer(purse: Account, *_: object) -> PaidProposer:
        made.append(PaidProposer(purse, usage))
        return made[0]

    study.rooms.proposer = proposer  # type: ignore[assignment,method-assign]
    _, why = study.run()
    return study, why, made[0]


def test_money_ends_a_session_before_the_call_that_would_be_too_much(study: Study) -> None:
    study, why, proposer = spend(study, "{cost: 1 USD}", Usage(1000, 200, 0.3))
    assert why == "1.20 of 1.00 USD are spent" and proposer.calls == 4
    campaign = study.campaign(study.pick())
    assert campaign.state.spent == Usage(4000, 800, pytest.approx(1.2), 4)
    assert campaign.state.usage[2] == Usage(1000, 200, 0.3)
    told = status(study, campaign)
    assert told["cost"]["tokens"] == 4800 and told["cost"]["usd"] == pytest.approx(1.2)
    assert "models and agents: 4 calls, 4,800 tokens, 1.20 USD" in status_lines(
        told, campaign.history
    )


def test_tokens_end_one_too(study: Study) -> None:
    _, why, proposer = spend(study, "{tokens: 3k}", Usage(1000, 200))
    assert why == "3,600 of 3,000 tokens are used" and proposer.calls == 3


def test_a_price_that_is_not_known_is_no_price_of_zero(study: Study) -> None:
    _, why, proposer = spend(study, "{cost: 1 USD}", Usage(1000, 200))
    assert "the price is not known" in why and proposer.calls == 1


def test_a_price_of_zero_is_one(study: Study) -> None:
    _, why, proposer = spend(study, "{cost: 1 USD, trials: 3}", Usage(1000, 200, 0.0))
    assert why == "3 trials are done" and proposer.calls == 3


def test_calls_without_a_price_are_taken_for_average_ones() -> None:
    total = Usage(10, 10, 0.5) + Usage(10, 10) + Usage(10, 10, 0.1)
    assert (total.calls, total.unpriced, total.usd) == (3, 1, pytest.approx(0.6))
    assert total.likely_usd == pytest.approx(0.9)
    assert Usage().likely_usd is None and Usage(calls=0).likely_usd is None
    assert usage_text(cost_data(total)) == (
        "3 calls, 60 tokens, 0.60 USD without 1 whose price is not known"
    )
    assert usage_text(cost_data(Usage(5, 6))) == "1 call, 11 tokens, price not known"


def test_no_model_costs_nothing() -> None:
    told = cost_data(Usage(calls=0))
    assert (told["tokens"], told["usd"], told["calls"]) == (0, 0.0, 0)
    json.dumps(told)


@pytest.mark.parametrize("tokens", ["5M", "200k", 3000, "5_000_000", "1M tokens"])
def test_numbers_of_tokens_as_people_write_them(tokens: object) -> None:
    assert StopSettings.model_validate({"tokens": tokens}).tokens in (
        5_000_000, 200_000, 3000, 1_000_000,
    )  # fmt: skip


@pytest.mark.parametrize("wrong", [{"tokens": "many"}, {"tokens": 0}, {"cost": "20"}])
def test_amounts_that_say_nothing_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        StopSettings.model_validate(wrong)
