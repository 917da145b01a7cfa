"""An objective file read into a policy: the sentences, or SWARM's form, in whatever wrapping."""

from __future__ import annotations

import re
from pathlib import Path

from nightlab.program.document import Block, parse_document
from nightlab.program.policy import Policy, parse_objective, parse_policy
from nightlab.program.problem import ProgramError
from nightlab.types import NightlabError

_KEYWORD = re.compile(r"^[ \t]*((?i:PRIMARY|REQUIRE|PREFER)|GUARDRAILS)\s*:")
_LIKE_A_RULE = re.compile(r"^[ \t]*[A-Z]{3,}\s*:")
_SENTENCE_TAGS = ("text", "txt", "")
_FORM_TAGS = ("yaml", "json", "")


def read_policy(path: Path) -> Policy:
    """The policy of a file: YAML, JSON, Markdown with a fence, bare sentences, or a program.md.

    A fence of sentences goes before a fence with `primary_metric`, and both before what stands
    outside fences. Raises NightlabError where there is no file, ProgramError for its mistakes.
    """
    return _policy_of(_read(path), path.name)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        mend = "give a file in --objective, YAML, JSON or Markdown"
        raise NightlabError(f"there is no objective file {path}; {mend}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise NightlabError(f"cannot read the objective {path}: {error}") from None


def _policy_of(text: str, file: str) -> Policy:
    document = parse_document(text)
    fences = document.blocks
    if any(block.tag == "policy" for block in fences):
        policy, problems = document.only("policy", file)
        if policy is None or problems:
            raise ProgramError(problems)
        return parse_policy(policy.text, file, policy.line)
    if said := next((b for b in fences if b.tag in _SENTENCE_TAGS and _is_said(b)), None):
        return parse_policy(said.text, file, said.line)
    is_form = any(b.tag in _FORM_TAGS and "primary_metric" in b.text for b in fences)
    if not is_form and any(_KEYWORD.match(line) for line in document.prose.splitlines()):
        return parse_policy(_without_preface(text), file)
    return parse_objective(text, file)


def _is_said(block: Block) -> bool:
    return re.search(r"^[ \t]*PRIMARY\s*:", block.text, re.IGNORECASE | re.MULTILINE) is not None


def _without_preface(text: str) -> str:
    """Bare sentences without the prose above them; a line that looks like a rule is no prose."""
    lines = text.split("\n")
    starts = (i for i, line in enumerate(lines) if _KEYWORD.match(line) or _LIKE_A_RULE.match(line))
    first = next(starts, 0)
    return "\n" * first + "\n".join(lines[first:])
