"""What a chat model has answered: its edits, its summary, and why, found wherever it put them.

The model is told `HOW_TO_ANSWER`. It may wrap that in prose, thoughts, fences or JSON, or fall back
on a unified diff: one form, one file.
"""

from __future__ import annotations

from nightlab.propose.model.answer.blocks import has_block, split_blocks
from nightlab.propose.model.answer.diff import diff_blocks
from nightlab.propose.model.answer.document import Answered, documents
from nightlab.propose.model.answer.prose import said_in, without_thoughts
from nightlab.propose.model.answer.whole import whole_files
from nightlab.propose.model.edits import BadEdit, Block
from nightlab.propose.said import Said

LARGEST = 1_000_000
"""Characters of an answer that are read at all."""

HOW_TO_ANSWER = """\
Answer in this form, with one block or more:

summary: raise the learning rate
hypothesis: the loss still falls steeply when the budget ends
predicted: improve

train.py
<<<<<<< SEARCH
RATE = 0.01
=======
RATE = 0.02
>>>>>>> REPLACE

The line before a block is the path of the file. SEARCH holds whole lines exactly as they stand in
the file now, enough of them to be found only once. REPLACE holds what stands there afterwards.
Blocks apply in order, all or none. A new file has an empty SEARCH part. Don't repeat what stays.
`predicted` is improve, flat, uncertain or risky. If you hold something to be so that other trials
can test, add a line such as `conjecture: higher RATE is better`: a parameter of the space, higher
or lower, or `RATE = 0.1 is better`."""


def read_answer(text: str) -> Answered:
    """Find the edits in an answer. Raises BadEdit where there is none, or one without its end."""
    text = without_thoughts(text[:LARGEST].replace("\r\n", "\n"))
    blocks, prose = split_blocks(text)
    said = said_in(prose)
    if not blocks:
        for document in documents(text):
            return document
        blocks = diff_blocks(text)
    blocks += whole_files(prose)
    if not blocks:
        raise BadEdit("the answer holds no edit: no SEARCH/REPLACE block was found in it")
    return Answered(tuple(blocks), Said.of(said))


__all__ = ["HOW_TO_ANSWER", "Answered", "BadEdit", "Block", "has_block", "read_answer"]
