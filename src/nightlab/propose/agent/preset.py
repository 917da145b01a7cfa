"""A preset: how one coding agent is started, what it needs, and how its output is read."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, field_validator

from nightlab.program.document import Block
from nightlab.program.problem import did_you_mean
from nightlab.program.settings import Section, read_settings
from nightlab.propose.agent.braces import known_words
from nightlab.types import NightlabError

PRESETS = Path(__file__).with_name("presets")
Scalar: TypeAlias = bool | int | float | str


def _inside(path: str) -> str:
    parts = PurePosixPath(path)
    if not path or parts.is_absolute() or ".." in parts.parts:
        raise ValueError(f"{path!r} must lie in the home folder, as `.config/agent.json`")
    return path


Text = Annotated[str, AfterValidator(known_words)]
"""Text with words in braces, as `{model}`."""

Inside = Annotated[str, AfterValidator(_inside)]
"""A path relative to the home folder."""


class Parts(Section):
    """What is added to a start."""

    command: tuple[Text, ...] = ()
    """Further words of the command."""

    variables: dict[str, Text] = Field(default_factory=dict)
    """Variables with fixed values."""

    home: dict[Inside, Text] = Field(default_factory=dict)
    """Files laid into its home folder, by path."""


class Message(Section):
    """Where the agent's last message stands in its output."""

    text: tuple[str, ...]
    """Dotted paths; the first that holds a text counts. `*` is every one of a list."""

    where: dict[str, Scalar] = Field(default_factory=dict)
    """Of which events: what stands at which dotted path."""


class Count(Section):
    """Where tokens and cost stand in its output."""

    where: dict[str, Scalar] = Field(default_factory=dict)
    """Of which events: what stands at which dotted path."""

    input: tuple[str, ...] = ()
    """Dotted paths of what the model read; they are added up."""

    output: tuple[str, ...] = ()
    """Of what it wrote."""

    usd: tuple[str, ...] = ()
    """Of what it cost."""

    take: Literal["sum", "last"] = "sum"
    """Whether events are added up, or the last one tells it all."""

    once: str | None = None
    """The path of an id: events of one id are one, as it was told last."""


class Output(Section):
    """How what it prints is read."""

    form: Literal["text", "json", "jsonl"] = "text"
    """`jsonl` is an object a line, `json` one document, or several."""

    message: Message | None = None
    error: tuple[str, ...] = ()
    """Dotted paths of what went wrong."""

    usage: tuple[Count, ...] = ()
    """Ways to count; the first that finds anything counts."""

    pattern: str | None = None
    """Of `text`: a regular expression with groups `input`, `output` and `usd`."""

    @field_validator("pattern")
    @classmethod
    def _is_an_expression(cls, pattern: str | None) -> str | None:
        try:
            known = set(re.compile(pattern or "").groupindex)
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from None
        if pattern and not known <= {"input", "output", "usd"}:
            raise ValueError("its groups are input, output and usd")
        return pattern


class Preset(Section):
    """One coding agent, as data."""

    version: str = ""
    """Of the agent: which one the preset was written for."""

    program: str
    """What must be installed: a name on the PATH, or a path."""

    install: str = ""
    """How, as `npm install -g …`."""

    login: str = ""
    """How to log in, or which key to set."""

    command: tuple[Text, ...] = Field(min_length=1)
    """What is started. The prompt goes in place of `{prompt}`, or into the file at `{prompt_file}`;
    where neither is there, to its standard input.
    """

    model: Parts = Parts()
    """What is added where a model is named."""

    server: Parts | None = None
    """What is added in place of `model` where it is pointed at a server, if it can be."""

    variables: dict[str, Text] = Field(default_factory=dict)
    """Variables with fixed values."""

    keys: tuple[str, ...] = ()
    """Variables that hold a key, the usual one first. They are passed on."""

    passes: tuple[str, ...] = ()
    """Further variables that are passed on."""

    credentials: tuple[Inside, ...] = ()
    """Files of the real home folder that are copied into the throwaway one, where they are there.
    """

    home: dict[Inside, Text] = Field(default_factory=dict)
    """Files laid into its home folder, by path."""

    network: bool = True
    """Whether it needs the network."""

    leaves: tuple[str, ...] = ()
    """What it leaves in the folder for itself, and is no edit, as `.aider*`."""

    output: Output = Output()


def load_preset(name: str, study: Path) -> tuple[str, Preset]:
    """The name of an agent and its preset: one of those that there are, or a file of one's own.

    Raises NightlabError with every mistake at once.
    """
    own = "/" in name or name.endswith((".yaml", ".yml"))
    path = study / Path(name).expanduser() if own else PRESETS / f"{name}.yaml"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        known = did_you_mean(name, preset_names())
        why = f": {getattr(error, 'strerror', None) or error}" if own else known
        more = "" if own else " A preset of your own is named by its file, as `agents/mine.yaml`"
        raise NightlabError(f"propose.agent: no preset {name!r}{why}{more}") from None
    file = name if own else path.name
    return path.stem, read_settings(Block("yaml", text, 1), Preset, file)


def preset_names() -> list[str]:
    """The agents that need no preset of one's own."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))
