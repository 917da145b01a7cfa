"""Nothing leaves the machine: experimental branches stay here until the human takes them."""

from __future__ import annotations

from nightlab.agents.hooks.guard import Guard
from nightlab.agents.hooks.rules import Call
from nightlab.agents.hooks.rules.git import git_call


def refuse_publishing(call: Call, guard: Guard) -> str:
    """Refuse pushes and pull requests."""
    what = ""
    git = git_call(call)
    if git and git.verb in ("push", "send-email"):
        what = f"git {git.verb}"
    operands = [word.text for word in call.operands]
    if call.name in ("gh", "hub") and {"pr", "pull-request"} & {*operands[:1]}:
        what = f"{call.name} {operands[0]}"
    if call.name == "glab" and operands[:1] == ["mr"]:
        what = "glab mr"
    why = "experiments stay on this machine; the human brings the best home with `nightlab merge`"
    return f"`{what}` publishes: {why}" if what else ""
