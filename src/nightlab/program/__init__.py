"""program.md, read: the human's prose, settings and policy, as one typed Program."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from nightlab.program.document import parse_document
from nightlab.program.policy import Policy, parse_policy
from nightlab.program.problem import Problem, ProgramError
from nightlab.program.settings import read_settings
from nightlab.types import NightlabError

S = TypeVar("S", bound=BaseModel)


@dataclass(frozen=True)
class Program(Generic[S]):
    """What the human wrote: `settings` is the model that `read_program` was given."""

    title: str
    prose: str
    settings: S
    policy: Policy

    def hash_of(self, *sections: str) -> str:
        """Identity of the policy and of these settings: it changes when numbers would.

        Where a rule stands in the file does not matter, what it says does.
        """
        dumped: dict[str, Any] = self.settings.model_dump(mode="json", include=set(sections))
        said = json.dumps([dumped, sorted(self.policy.sentences())], sort_keys=True)
        return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()


def read_program(path: Path, model: type[S]) -> Program[S]:
    """Read program.md. Raises NightlabError where there is none, ProgramError for its mistakes."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        mend = "run `nightlab init` to make a study, or go to a folder that has one"
        raise NightlabError(f"no {path.name} in {path.parent}: {mend}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise NightlabError(f"cannot read {path}: {error}") from None
    document = parse_document(text)
    yaml_block, problems = document.only("yaml", path.name)
    policy_block, more = document.only("policy", path.name)
    problems += more
    settings, policy = None, None
    try:
        if yaml_block:
            settings = read_settings(yaml_block, model, path.name)
    except ProgramError as error:
        problems += error.problems
    try:
        if policy_block:
            policy = parse_policy(policy_block.text, path.name, policy_block.line)
    except ProgramError as error:
        problems += error.problems
    if problems or settings is None or policy is None:
        raise ProgramError(sorted(problems, key=lambda problem: problem.line))
    return Program(document.title, document.prose, settings, policy)


__all__ = ["Policy", "Problem", "Program", "ProgramError", "read_program"]
