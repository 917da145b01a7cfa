"""What the baseline itself breaks of the policy: a repair may be meant, and a night may be lost."""

from __future__ import annotations

from nightlab.judge.limits import broken_rules
from nightlab.program.policy import Policy
from nightlab.types import History, one_line


def baseline_breaks(policy: Policy, history: History) -> str:
    """A sentence on the rules that the baseline breaks, "" where it keeps them all."""
    broken = broken_rules(policy, history, history.baseline)
    if not broken:
        return ""
    said = one_line(", and ".join(f"({finding.reason})" for finding in broken), 400)
    return (
        f"the baseline itself breaks the policy {said};"
        " every candidate that doesn't mend it is rejected"
    )
