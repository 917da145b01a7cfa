"""Where labels go: beside their points, and not on one another nor on the line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from nightlab.report.charts.marks import Point

if TYPE_CHECKING:
    from matplotlib.transforms import Bbox

_EVER = 1e6
_REACHES = (10.0, 14.0)


def behind(corners: Sequence[Point], better: int, reach: float = 3.0) -> list[Bbox]:
    """What lies under a stair that gets better upwards (+1), or over one that does downwards (-1).

    The stair is given by its corners; the boxes cover it too.
    """
    from matplotlib.transforms import Bbox

    return [
        Bbox.from_extents(left - reach, -_EVER, right + reach, max(y, end) + reach)
        if better > 0
        else Bbox.from_extents(left - reach, min(y, end) - reach, right + reach, _EVER)
        for (left, y), (right, end) in pairwise(corners)
    ]


def free(point: Point, size: Point, room: Bbox, better: int, taken: Sequence[Bbox]) -> Bbox | None:
    """A free place for a label of this width and height, on the better side of its point.

    There few trials have been. Nothing there may be `taken`.
    """
    for box in _places(point, size, better):
        if _within(box, room) and not box.count_overlaps(taken):
            return box
    return None


def _places(point: Point, size: Point, better: int) -> Iterator[Bbox]:
    from matplotlib.transforms import Bbox

    for reach in _REACHES:
        bottom = point[1] + better * reach - size[1] / 2
        for left in (point[0] - 3 - size[0], point[0] + 3):
            yield Bbox.from_bounds(left, bottom, *size)


def _within(box: Bbox, room: Bbox) -> bool:
    across = room.containsx(box.x0) and room.containsx(box.x1)
    return across and room.containsy(box.y0) and room.containsy(box.y1)
