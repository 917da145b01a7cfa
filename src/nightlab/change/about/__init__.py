"""What a change of a file is about, by what differs in its text and never by the plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from nightlab.change.about.compare import Comparison
from nightlab.change.about.outline import Outline
from nightlab.change.about.part import Deed, Part
from nightlab.change.about.pieces import Source
from nightlab.change.about.values import keys_that_differ, lines_that_differ, names_that_differ
from nightlab.change.about.words import OTHER, Category
from nightlab.program.space import Parameter
from nightlab.types import NightlabError

Space = Mapping[str, Parameter]


def categories(
    path: str, old: bytes | None, new: bytes | None, space: Space
) -> dict[Category, int]:
    """How many parts of a change of a file are about what, the most frequent first.

    `space` gives constants and keys their tags. None stands for a file that is not there. Raises
    NightlabError where a Python file does not compile.
    """
    counts = Counter(c for part in find_parts(path, old, new, space) for c in part.categories)
    order = list(Category)
    return dict(sorted(counts.items(), key=lambda found: (-found[1], order.index(found[0]))))


def find_parts(path: str, old: bytes | None, new: bytes | None, space: Space) -> tuple[Part, ...]:
    """The parts of a file that differ; none where only comments, layout or words about it do.

    Raises NightlabError where a Python file does not compile.
    """
    deed = Deed.ADDS if old is None else Deed.REMOVES if new is None else Deed.CHANGES
    if path.endswith(".py"):
        parts = list(_python(path, old or b"", new or b"", space))
        if deed is not Deed.CHANGES:  # a file of nothing else is about that
            about = {part.categories for part in parts}
            whole = about.pop() if len(about) == 1 else OTHER
            parts.append(Part(path, path, None, deed, whole))
        return tuple(parts)
    found = (
        keys_that_differ(path, old, new, space)
        if path.endswith((".yaml", ".yml", ".json"))
        else None
    )
    if found is None:
        found = lines_that_differ(path, old, new, space)
    if found is not None:
        return tuple(found)
    return (Part(path, path, None, deed, OTHER, names=names_that_differ(path, old, new)),)


def _python(path: str, old: bytes, new: bytes, space: Space) -> Iterator[Part]:
    try:
        before, after = (Outline(Source(content), space) for content in (old, new))
        yield from Comparison(path, before, after).parts()
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NightlabError(f"{path} does not compile: {error}") from None


__all__ = ["Category", "Deed", "Part", "categories", "find_parts"]
