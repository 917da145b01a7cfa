"""The `propose:` section of program.md."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from nightlab.program.quantity import Seconds
from nightlab.program.settings import Section
from nightlab.types import Value

NAMED = {"command": "PROGRAM", "model": "NAME", "agent": "NAME"}
"""Proposers that a key of their own names."""


class Price(Section):
    """What a million tokens cost, in USD."""

    input: float = Field(ge=0)
    """Of what a model reads."""

    output: float = Field(ge=0)
    """Of what it writes."""


class ProposeSettings(Section):
    """Where ideas come from: one proposer, or a list of them that share the trials: who brings
    keeps for what it costs gets more of them.
    """

    with_: str = Field(default="search", alias="with")
    """A short name, or `package.module:Class` of your own."""

    command: str | None = None
    """Of `command`: the program that edits files, as `./propose.sh`; a shell starts it.

    Where `command`, `model` or `agent` is given, `with` may be left out.
    """

    model: str | None = None
    """Of `model`: the chat model's name as LiteLLM has it, as `anthropic/claude-sonnet-4-5` or
    `ollama/qwen3`; with `url`, as the server there has it. Of `agent`: the one that it is to use,
    as the agent has it.
    """

    url: str | None = None
    """Of `model`: a server that speaks OpenAI's chat completions, as `http://localhost:11434/v1`.
    Of `agent`: a server of models that it is pointed at; it then has no other credentials than
    `key`.
    """

    key: str | None = None
    """Of `model` and `agent`: the environment variable that holds the key, where that is not the
    usual one.
    """

    options: dict[str, Value] = Field(default_factory=dict)
    """Of `model`: passed on with each call, as `{temperature: 0.7, max_tokens: 8000}`."""

    price: Price | None = None
    """Of `model` and `agent`: what a million tokens cost, as `{input: 3, output: 15}` in USD, where
    that is not known by itself. `{input: 0, output: 0}` for a model of your own.
    """

    attempts: int = Field(default=3, ge=1)
    """Of `model`: how many answers it may give to one question. Each bad one gets the precise
    error; after the last it is asked afresh.
    """

    agent: str | None = None
    """Of `agent`: a coding agent by name, as `claude`, or the file of a preset of your own, as
    `agents/mine.yaml`.
    """

    brief: int = Field(default=12_000, ge=1000)
    """Of `model`, `agent` and `command`: about how many tokens the brief may have, the most useful
    first.
    """

    role: str = ""
    """Of `model` and `agent`: how to go about it, in a sentence or two, as `Simplify.`"""

    emitters: tuple[str, ...] = ()
    """Of `emitters`: which of the seven, as `[local_tuner, simplifier]`; all if not given."""

    floor: float = Field(default=0.05, ge=0.0, le=0.5)
    """Of `emitters`: the least share of the trials that each of them gets. In a list: the least
    share that this proposer gets. The rest goes to what has brought keeps for its cost.
    """

    decay: float = Field(default=1.0, gt=0.0, le=1.0)
    """Of `emitters`, and in a list: how much of what was learned about who brings keeps is still
    believed after each further trial. 1 forgets nothing.
    """

    name: str | None = None
    """What the ideas of this proposer are signed with, where a list has two of a kind."""

    at_once: int | None = Field(default=None, ge=1)
    """Of `search` and `sparse`: how many parameters one change moves at most; of `search` the
    largest moves first.

    Without it `search` may move them all, and `sparse` four; 1 keeps causes apart.
    """

    startup: int = Field(default=4, ge=0)
    """Of `search`: how many quasi-random points it tries before it asks its model."""

    seed: int = Field(default=0, ge=0)
    """Of `search`, `sparse`, `random` and `emitters`: makes the draws repeatable. The bandit of a
    list goes by the seed and the decay of its first entry.
    """

    time: Seconds = 600.0
    """Of `command`, `agent` and `model`: how long one idea may take. Then the program is killed,
    and what it has edited counts; the call of a model is given up.
    """

    network: bool = False
    """Of `command` and `agent`: whether the program may use the network. Agents whose model is
    elsewhere need it.
    """

    environment: tuple[str, ...] = ()
    """Of `command` and `agent`: names of variables that it finds besides the usual ones, as
    `[OPENAI_API_KEY]`.
    """

    @model_validator(mode="before")
    @classmethod
    def _what_is_given_names_itself(cls, data: Any) -> Any:
        if isinstance(data, dict) and "with" not in data:
            given = [name for name in NAMED if data.get(name)]
            if (
                data.get("emitters") and "with" not in data
            ):  # whoever is named besides writes code for them
                return {**data, "with": "emitters"}
            if given == ["model", "agent"]:
                given = ["agent"]
            if len(given) == 1:
                return {**data, "with": given[0]}
            if given:
                raise ValueError(f"{' and '.join(given)} are proposers of their own; make a list")
        return data

    @model_validator(mode="after")
    def _emitters_are_of_that_proposer(self) -> ProposeSettings:
        if self.emitters and self.with_ != "emitters":
            raise ValueError(f"`emitters` belongs to `with: emitters`, not to `{self.with_}`")
        return self

    @model_validator(mode="after")
    def _it_has_what_it_needs(self) -> ProposeSettings:
        for name in NAMED:
            if self.with_ == name and not getattr(self, name):
                raise ValueError(f"`with: {name}` needs `{name}: {NAMED[name]}`")
        return self


def one_or_more(value: Any) -> Any:
    """A single proposer as a list of one."""
    return [value] if isinstance(value, dict) else value
