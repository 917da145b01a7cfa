"""Programs that are coding agents on the outside: the same words, the same output, a real edit.

Each takes the words that its agent takes and no others, finds the prompt where its agent does, and
plays a part: Python that is run in its folder, and says what its last message is.
"""

from __future__ import annotations

import sys
from pathlib import Path

USAGE = {
    "claude": (1200 + 300 + 4500, 250, 0.0421),
    "codex": (24763, 122, None),
    "pi": (2 * (900 + 50 + 10), 2 * 70, 2 * 0.0034),
    "opencode": (2 * (800 + 200 + 40), 2 * (60 + 15), 2 * 0.0029),
    "qwen": (3100, 95, None),
    "gemini": (24939 + 7, 20 + 154, None),
    "aider": (2100 + 12000, 135 + 88, 0.01 + 0.0085),
    "mini-swe-agent": (1500 + 1700, 80 + 45, 0.0117),
}
"""What each says that it has read, written and cost: tokens, tokens, USD."""

PROGRAMS = {"mini-swe-agent": "mini"}

_PROGRAM = Path(__file__).with_name("fake_agent_program.py")
_LINE = 'AGENT, PART = "claude", "said = prompt"'


def lay_agent(folder: Path, agent: str, part: str) -> Path:
    """A program that looks like an agent, in a folder for the PATH. Returns where it lies.

    `part` finds `prompt`, `brief` and `trial`, edits files, and sets `said`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / PROGRAMS.get(agent, agent)
    text = _PROGRAM.read_text().replace(_LINE, f"AGENT, PART = {agent!r}, {part!r}")
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)
    return path


THREE = """\
text = pathlib.Path("train.py").read_text()
if trial == 1:
    pathlib.Path("train.py").write_text(text.replace("X = 0.5", "X = 1.0"))
    said = "I set X.\\nsummary: X to 1\\nhypothesis: the bowl's bottom is there"
elif trial == 2:
    pathlib.Path("train.py").write_text(text.replace("X = 1.0", "X = 3.0"))
    said = "**Summary:** X to 3"
elif not brief["refused"]:
    pathlib.Path("other.py").write_text("print('loss: 0')")
    said = "summary: a helper beside it"
else:
    pathlib.Path("train.py").write_text(text.replace("X = 1.0", "X = 2.0"))
    said = "X to 2, then\\n\\nThat is all."
"""
"""A good edit, a bad one, one outside the surface, and another bad one."""
