"""The charts: what they draw, that nothing breaks them, and how they reach the disk."""

from __future__ import annotations

import gc
import io
import math
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from fakes import call_study, loss_of, move, work
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nightlab.report.charts import Charts, best, effects, frontier, history
from nightlab.report.charts.frontier import ROWS, steps
from nightlab.report.charts.gains import ENDS
from nightlab.report.charts.grid import PANELS
from nightlab.report.charts.labels import behind, free
from nightlab.report.charts.library import drawing, save
from nightlab.report.charts.limits import Limits, around, near_best
from nightlab.report.charts.marks import COLOURS, DRAWN, edge, thinned
from nightlab.report.charts.page import LEFT, WIDE, page, panel, scale
from nightlab.report.charts.parameter import place_values
from nightlab.report.charts.view import View
from nightlab.report.charts.wording import cut, percent, width
from nightlab.types import (
    Decision,
    Direction,
    History,
    Outcome,
    Purpose,
    Run,
    Trial,
    Value,
    Verdict,
    one_line,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

KEEP, DISCARD, CRASH = Decision.KEEP, Decision.DISCARD, Decision.CRASH
Chart = Callable[[View], "Figure"]
Row = tuple[Decision, float | None]


def a_trial(
    number: int,
    kind: Decision | None,
    value: float | None,
    moved: Mapping[str, Value] | None = None,
    summary: str = "",
    metric: str = "loss",
) -> Trial:
    """A trial with one run; it crashed where it has no value."""
    metrics = {} if value is None else {metric: value}
    outcome = Outcome.CRASH if value is None else Outcome.OK
    run = Run(number, number, 1, Purpose.PANEL, "", 0.0, outcome, metrics)
    return Trial(
        number,
        f"{number:03d}beef{number}",
        summary=summary or (f"change {number}" if number else "baseline"),
        moved=moved or {},
        parameters=moved or {},
        runs=(run,),
        verdict=Verdict(number, kind, "rule", "reason") if kind else None,
    )


def a_history(
    baseline: float | None,
    trials: Sequence[Trial],
    direction: Direction = Direction.MINIMIZE,
    metric: str = "loss",
    parameters: Mapping[str, Value] | None = None,
) -> History:
    """A campaign. Its incumbent is the last keep."""
    start = a_trial(0, None, baseline, parameters, metric=metric)
    kept = [t for t in trials if t.verdict and t.verdict.decision is KEEP]
    return History(metric, direction, (1,), start, (kept or [start])[-1], trials)


def a_view(baseline: float | None, *rows: Row, direction: Direction = Direction.MINIMIZE) -> View:
    """A campaign of trials that move x, one after the other."""
    trials = [a_trial(n, kind, value, {"x": n}) for n, (kind, value) in enumerate(rows, 1)]
    return View.of(a_history(baseline, trials, direction), "A study: nov20")


def styled(draw: Chart) -> Chart:
    """Draw as `Charts` does."""

    def chart(view: View) -> Figure:
        with drawing():
            return draw(view)

    return chart


draw_history = styled(history.draw_history)
draw_frontier = styled(frontier.draw_frontier)
draw_effects = styled(effects.draw_effects)
CHARTS = (draw_history, draw_frontier, draw_effects)


def points(line: object) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in line.get_xydata()]  # type: ignore[attr-defined]


def labelled(axes: Axes) -> list[str]:
    """What the legend says of the marks in a panel."""
    return [label for line in axes.lines if not (label := str(line.get_label())).startswith("_")]


def drawn(axes: Axes, name: str) -> list[tuple[float, float]]:
    """Where marks stand whose label is so, its count left out."""
    found = [
        line
        for line in axes.lines
        if name in (str(line.get_label()), str(line.get_label()).split(" ", 1)[-1])
    ]
    assert len(found) == 1, labelled(axes)
    return points(found[0])


def written(figure: Figure) -> list[Text]:
    from matplotlib.text import Text

    return [text for text in figure.findobj(Text) if text.get_text()]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in written(figure)]


def svg(figure: Figure) -> ElementTree.Element:
    with drawing():
        file = io.BytesIO()
        figure.savefig(file, format="svg", dpi=150, metadata={"Date": None})
    return ElementTree.fromstring(file.getvalue().decode())


def png(figure: Figure) -> Image.Image:
    with drawing():
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=150)
    return Image.open(file).convert("RGB")


SVG = "{http://www.w3.org/2000/svg}"


# -- the history chart -----------------------------------------------------------------------


def test_every_settled_trial_is_in_the_history_at_its_value() -> None:
    view = a_view(1.0, (KEEP, 0.8), (DISCARD, 1.1), (CRASH, None), (KEEP, 0.85), (KEEP, 0.7))
    (axes,) = draw_history(view).axes
    assert drawn(axes, "keep") == [(1, 0.8), (4, 0.85), (5, 0.7)]
    assert drawn(axes, "discard") == [(2, 1.1)]
    assert [x for x, _ in drawn(axes, "crash")] == [3]
    assert drawn(axes, "baseline") == [(0, 1.0)]


def test_the_frontier_is_a_step_line_of_new_bests_alone() -> None:
    view = a_view(1.0, (KEEP, 0.8), (DISCARD, 0.1), (KEEP, 0.85), (KEEP, 0.7), (DISCARD, 0.9))
    assert view.frontier == [(0, 1.0), (1, 0.8), (4, 0.7)]
    (axes,) = draw_history(view).axes
    corners = [(0, 1.0), (1, 1.0), (1, 0.8), (4, 0.8), (4, 0.7), (5, 0.7)]
    assert drawn(axes, "best so far") == corners
    assert drawn(axes, "latest") == [(4, 0.7)]


def test_a_larger_value_is_higher_and_worse_ones_end_below() -> None:
    rows = [(KEEP, 1.5), *[(DISCARD, -50.0)] * 3, (CRASH, None)]
    view = a_view(1.0, *rows, direction=Direction.MAXIMIZE)
    (axes,) = draw_history(view).axes
    assert view.frontier[-1] == (1, 1.5)
    off = drawn(axes, "discard, off the chart")
    assert {y for _, y in off} == {off[0][1]}
    crash = drawn(axes, "crash")[0][1]
    bottom, top = axes.get_ylim()
    assert bottom < crash < off[0][1] < 1.0 < 1.5 < top


def test_the_history_says_what_was_done_and_what_came_of_it() -> None:
    view = a_view(2.0, (KEEP, 1.5), (DISCARD, 3.0), (CRASH, None))
    said = texts(draw_history(view))
    assert {
        "A study: nov20",
        "4 runs · 3 trials: 2 valid, 1 keep, 1 discard, 1 crash",
        "baseline 2 · best 1.5 (trial 1) · improvement 0.5 (25.00%)",
    } <= set(said)


def test_an_incumbent_that_is_no_new_best_is_named() -> None:
    said = texts(draw_history(a_view(2.0, (KEEP, 1.0), (KEEP, 1.01))))
    assert any(text.endswith("(50.00%) · incumbent 1.01 (trial 2)") for text in said)


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (a_view(None), "The baseline has not been measured"),
        (a_view(1.0), "baseline 1 · no improvement yet"),
        (a_view(0.0, (KEEP, -1.0)), "baseline 0 · best -1 (trial 1) · improvement 1"),
    ],
)
def test_the_results_of_campaigns_without_much_to_tell(view: View, said: str) -> None:
    assert said in texts(draw_history(view))


def test_ten_thousand_discards_are_thinned_and_the_legend_says_so() -> None:
    rows = [(DISCARD, 1.0 + (n % 7) / 10) for n in range(9_900)]
    (axes,) = draw_history(a_view(1.0, (KEEP, 0.5), *rows)).axes
    assert len(drawn(axes, "discard (2,000 drawn)")) == DRAWN
    assert labelled(axes)[1] == "9,900 discard (2,000 drawn)"
    assert drawn(axes, "discard (2,000 drawn)")[-1][0] == 9_901


@given(st.integers(0, 500), st.integers(1, 200))
def test_thinning_is_even_and_keeps_the_last(count: int, most: int) -> None:
    left = thinned(range(count), most)
    assert len(left) == min(count, most)
    assert sorted(set(left)) == list(left)
    assert not count or left[-1] == count - 1


def labels(figure: Figure) -> list[Text]:
    """The labels of new bests."""
    return [text for text in written(figure) if text.get_bbox_patch()]


def box_of(label: Text) -> Bbox:
    """Where matplotlib puts a label, in points."""
    with drawing():
        box: Bbox = label.get_window_extent()
    return box


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.booleans(), st.floats(0.01, 1.0)), min_size=1, max_size=60),
    st.sampled_from(Direction),
)
def test_labels_cover_neither_each_other_nor_the_frontier(
    moves: list[tuple[bool, float]], direction: Direction
) -> None:
    best, rows = 10.0, []
    for better, size in moves:
        value = best + direction.sign * size * (1 if better else -1)
        best = value if better else best
        rows.append((KEEP if better else DISCARD, value))
    figure = draw_history(a_view(10.0, *rows, direction=direction))
    (axes,) = figure.axes
    boxes = [box_of(label) for label in labels(figure)]
    assert bool(boxes) == any(better for better, _ in moves)
    corners = axes.transData.transform(drawn(axes, "best so far"))
    line = behind([(float(x), float(y)) for x, y in corners], direction.sign, 0)
    for index, box in enumerate(boxes):
        assert not box.count_overlaps(boxes[:index] + line)
        assert all(axes.bbox.contains(x, y) for x, y in box.corners())


def test_the_newest_best_is_always_labelled_and_long_summaries_are_cut() -> None:
    long = "replace the learned positional embedding by rotary ones in all layers"
    trials = [a_trial(n, KEEP, 1.0 - n / 100, summary=f"{n} {long}") for n in range(1, 41)]
    found = [text.get_text() for text in labels(draw_history(View.of(a_history(1.0, trials))))]
    assert found[0] == "latest: 40 replace the learned positional embed…"
    assert all(len(label.removeprefix("latest: ")) <= 40 for label in found)


def test_a_label_is_put_on_the_better_side_or_nowhere() -> None:
    from matplotlib.transforms import Bbox

    room = Bbox.from_extents(0, 0, 200, 100)
    below, above = free((100, 50), (40, 10), room, -1, []), free((100, 50), (40, 10), room, 1, [])
    assert below is not None and above is not None
    assert below.extents.tolist() == [57, 35, 97, 45]
    assert above.extents.tolist() == [57, 55, 97, 65]
    beside = free((100, 50), (40, 10), room, -1, [below])
    assert beside is not None and beside.extents.tolist() == [103, 35, 143, 45]
    assert free((100, 5), (40, 10), room, -1, []) is None


# -- the frontier chart ----------------------------------------------------------------------


def test_the_frontier_chart_is_a_stair_with_a_row_for_each_new_best() -> None:
    view = a_view(1.0, (KEEP, 0.75), (DISCARD, 0.9), (KEEP, 0.8), (KEEP, 0.5))
    figure = draw_frontier(view)
    (axes,) = figure.axes
    stair = [(1.0, 0), (1.0, 1), (0.75, 1), (0.75, 2), (0.5, 2)]
    assert drawn(axes, "best so far") == stair
    assert drawn(axes, "new best") == [(0.75, 1), (0.5, 2)]
    said = texts(figure)
    for text in ("000beef 1", "001beef 0.75", "004beef 0.5", "trial 4", "change 4"):
        assert text in said
    assert "+0.25 (25.00%)" in said
    assert [step.gain for step in steps(view)] == [0.0, 0.25, 0.25]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.sampled_from(Direction))
def test_what_the_steps_gained_adds_up(values: list[float], direction: Direction) -> None:
    view = a_view(0.0, *((KEEP, value) for value in values), direction=direction)
    best = max(0.0, *(direction.sign * value for value in values))
    assert sum(step.gain for step in steps(view)) == pytest.approx(best)
    assert all(step.gain > 0 for step in steps(view)[1:])


def test_a_long_frontier_shows_its_ends_and_what_gained_most() -> None:
    values = [100.0 - n - 5.0 * (n >= 50) for n in range(1, 101)]
    figure = draw_frontier(a_view(100.0, *((KEEP, value) for value in values)))
    said = texts(figure)
    assert "The baseline and each new best; 61 that gained least are left out" in said
    rows = {text for text in said if text.startswith("trial ")}
    assert len(rows) == ROWS - 1
    assert {"trial 50", "trial 100"} <= rows


def test_a_frontier_without_a_measured_baseline_begins_at_the_first_keep() -> None:
    view = a_view(None, (KEEP, 3.0), (KEEP, 2.0))
    (axes,) = draw_frontier(view).axes
    assert view.frontier == [(1, 3.0), (2, 2.0)]
    assert len(drawn(axes, "new best")) == 2


# -- the effects chart -----------------------------------------------------------------------


def test_each_parameter_has_a_panel_with_the_gains_of_its_trials() -> None:
    trials = [
        a_trial(1, KEEP, 0.9, {"rate": 0.1}),
        a_trial(2, DISCARD, 1.2, {"rate": 0.3}),
        a_trial(3, DISCARD, 1.05, {"kind": "b"}),
        a_trial(4, CRASH, None, {"rate": 0.2}),
    ]
    history = a_history(1.0, trials, parameters={"rate": 0.2, "kind": "a"})
    view = View.of(history, "t")
    assert [effect.name for effect in effects.effects(view)] == ["rate", "kind"]
    rate, kind = draw_effects(view).axes
    ((x, y),) = drawn(rate, "keep")
    assert (x, y) == (0.1, history.gain(trials[0], history.baseline))
    ((x, y),) = drawn(rate, "discard")
    assert (x, y) == (0.3, history.gain(trials[1], history.baseline))
    assert [x for x, _ in drawn(rate, "crash")] == [0.2]
    assert upright(rate) == {COLOURS[KEEP]: 0.1, "#5f6368": 0.2}
    assert [round(x) for x, _ in drawn(kind, "discard")] == [1]
    assert upright(kind)["#5f6368"] == 0


def upright(axes: Axes) -> dict[str, float]:
    """The lines at the values of incumbent and baseline, by colour."""
    lines = [line for line in axes.lines if line.get_marker() == "None"]
    return {str(line.get_color()): points(line)[0][0] for line in lines}


def test_numbers_far_apart_are_on_a_log_scale() -> None:
    near, far = place_values([1.0, 25.0]), place_values([1e-4, 1.0, 0.01])
    assert not near.limits.log
    assert far.limits.log and far.limits.note == ", log scale"
    assert far.at(0.01) == 0.01
    assert not place_values([-1.0, 1000.0]).limits.log


def test_whole_numbers_have_whole_ticks() -> None:
    places = place_values([2, 3, 4])
    assert places.whole
    assert ticks(places.limits, 5, places.whole) == [2, 3, 4]


@pytest.mark.parametrize(
    "values", [["a", "b"], [True, False], [1, "a"], [10**400, 1], [math.nan, 1.0], ["", "\x1b[0m"]]
)
def test_what_is_no_finite_number_is_a_category(values: list[Value]) -> None:
    places = place_values(values)
    assert all(places.names)
    assert {round(places.at(value)) for value in values} == set(range(len(places.names)))


def test_many_categories_share_a_column() -> None:
    places = place_values([f"name {n}" for n in range(30)])
    assert places.names[-1] == "others"
    assert places.at("name 29") == len(places.names) - 1


def test_the_caption_says_what_can_mislead() -> None:
    trials = [
        a_trial(1, KEEP, 0.9, {"x": 1, "y": 2}),
        a_trial(2, DISCARD, 1.2),
        *(a_trial(n, DISCARD, 1.0 + n, {f"p{n}": n}) for n in range(3, 20)),
    ]
    figure = draw_effects(View.of(a_history(1.0, trials)))
    assert len(figure.axes) == PANELS
    caveats = " ".join(texts(figure))
    assert "trials that moved several at once count for each" in caveats
    assert "1 trial that moved none left out" in caveats
    assert "7 parameters of smaller spread left out" in caveats
    assert "A gain includes what earlier keeps had brought" in caveats


def test_panels_are_those_of_the_largest_spread() -> None:
    trials = [
        a_trial(2 * n + half, DISCARD, 1.0 + half * n, {f"p{n:02d}": half})
        for n in range(1, 21)
        for half in (0, 1)
    ]
    figure = draw_effects(View.of(a_history(1.0, trials)))
    names = [axes.get_title("left") for axes in figure.axes]
    assert names == [f"p{n:02d}" for n in range(20, 8, -1)]


def test_edits_of_code_are_ranked_by_gain() -> None:
    trials = [a_trial(n, DISCARD, 1.0 + n, summary=f"edit {n}") for n in range(1, 51)]
    trials += [a_trial(51, KEEP, 0.5, summary="the good one"), a_trial(52, CRASH, None)]
    figure = draw_effects(View.of(a_history(1.0, trials)))
    (axes,) = figure.axes
    bars = [label.get_text() for label in axes.get_yticklabels()]
    assert bars[0] == "the good one (trial 51)"
    assert bars[-1] == "edit 50 (trial 50)"
    assert bars[ENDS] == f"⋮  {51 - 2 * ENDS} between"
    assert len(bars) == 2 * ENDS + 1
    said = texts(figure)
    assert "+0.5" in said and "-50" in said
    assert any(text.endswith("the best 15 and the worst 15 are shown; 1 crashed") for text in said)


def test_bars_are_as_long_as_the_gains() -> None:
    trials = [a_trial(1, KEEP, 0.5), a_trial(2, DISCARD, 1.25)]
    (axes,) = draw_effects(View.of(a_history(1.0, trials))).axes
    assert [bar.get_width() for bar in axes.patches] == [0.5, -0.25]  # type: ignore[attr-defined]


# -- axes ------------------------------------------------------------------------------------

ANY = st.floats(allow_nan=False, allow_infinity=False)


FAR = 1e300


def ticks(limits: Limits, most: int = 6, whole: bool = False) -> list[float]:
    """Where matplotlib puts ticks between limits."""
    with drawing():
        axes = panel(page(200, "", [], []), LEFT, 20, WIDE, 180)
        scale(axes, "x", limits, most, whole)
        assert axes.get_xlim() == (limits.low, limits.high) or abs(limits.high) < 1e-280
        return [float(tick) for tick in axes.get_xticks()]


@settings(deadline=None)
@given(ANY, st.lists(ANY, max_size=20), st.sampled_from([1, -1]))
def test_limits_hold_the_baseline_and_the_best(base: float, values: list[float], sign: int) -> None:
    limits = near_best(base, values, sign)
    best = sign * max(sign * value for value in [base, *values])
    assert limits.low < limits.high
    assert math.isfinite(limits.high - limits.low)
    for value in (base, best):
        assert limits.holds(value) or abs(value) > FAR
    assert limits.holds(limits.at(0.5))
    assert not limits.holds(edge(limits, sign, 0.1))


@given(st.lists(ANY, max_size=20))
def test_limits_around_values_hold_them_all(values: list[float]) -> None:
    limits = around(values)
    assert limits.low < limits.high
    assert all(limits.holds(value) or abs(value) > FAR for value in values)


@given(st.lists(st.floats(1e-150, 1e150), min_size=1, max_size=20))
def test_log_limits_hold_their_values(values: list[float]) -> None:
    limits = around(values, log=True)
    assert 0 < limits.low < limits.high
    assert all(limits.holds(value) for value in values)


@settings(deadline=None, max_examples=40)
@given(st.lists(ANY, max_size=5), st.booleans())
def test_ticks_are_between_the_limits_and_few(values: list[float], log: bool) -> None:
    limits = around([abs(value) for value in values] if log else values, log)
    found = ticks(limits)
    assert len(found) <= 12
    assert all(map(limits.holds, found))
    assert sorted(set(found)) == found


def test_far_losers_do_not_squeeze_what_is_near_the_best() -> None:
    limits = near_best(1.0, [0.9, 1.05, 1.1, 50.0, 1e300], -1)
    assert limits.holds(1.1) and not limits.holds(50.0)
    assert limits.clip(1e300) == limits.high
    assert limits.high - limits.low < 0.5


def test_losers_alone_are_shown() -> None:
    assert near_best(1.0, [1.1, 1.3, 1.2], -1).holds(1.3)


# -- nothing breaks them ---------------------------------------------------------------------

NASTY = [
    r"$\frac{a}{b}$",
    "a_b^c/d.e",
    "学习率 🚀 µ",
    "<script>\"&'</script>]]>",
    "\x1b[31mred\x00\x07\u202e\ud800￿",
    "x" * 500,
    "",
]
VALUES = st.one_of(ANY, st.sampled_from([1e300, 1e-300, -1e300, 0.0, -0.0, 5e-324]))


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Any campaign at all, the worst ones included."""
    names = st.sampled_from([*NASTY, "x", "y"])
    metric = draw(names)
    value = st.one_of(st.none(), VALUES, st.sampled_from([math.nan, math.inf]))
    moved = st.dictionaries(names, st.one_of(ANY, st.booleans(), names, st.integers()), max_size=2)
    rows = draw(st.lists(st.tuples(st.sampled_from(Decision), value, moved, names), max_size=12))
    trials = [
        a_trial(n, kind, None if kind is CRASH else found, moves, summary, metric)
        for n, (kind, found, moves, summary) in enumerate(rows, 1)
    ]
    direction = draw(st.sampled_from(Direction))
    return a_history(draw(value), trials, direction, metric, draw(moved))


@settings(deadline=None, max_examples=40)
@given(histories(), st.sampled_from(NASTY))
def test_any_campaign_can_be_drawn(history: History, title: str) -> None:
    view = View.of(history, title)
    for draw in CHARTS:
        for axes in draw(view).axes:
            low, high = sorted(axes.get_ylim())
            left, right = axes.get_xlim()
            for x, y in [point for line in axes.lines for point in points(line)]:
                assert left <= x <= right or axes.patches or abs(x) < 1e-280
                assert low <= y <= high or abs(y) < 1e-280 or (x, y) == (0, 1)


@settings(deadline=None, max_examples=15)
@given(histories(), st.sampled_from(NASTY))
def test_any_campaign_can_be_painted(history: History, title: str) -> None:
    view = View.of(history, title)
    for draw in CHARTS:
        figure = draw(view)
        svg(figure)
        wide, high = png(figure).size
        assert wide == round(WIDE * 150 / 72)
        assert abs(high - figure.bbox.height * 150 / 72) <= 1


@given(histories())
def test_values_and_gains_are_those_of_the_history(history: History) -> None:
    view = View.of(history)
    for trial in (history.baseline, *view.settled):
        crashed = trial.verdict is not None and trial.verdict.decision is CRASH
        for found, wanted in (
            (view.values, history.estimate(trial)),
            (view.gains, history.gain(trial, history.baseline)),
        ):
            known = wanted is not None and math.isfinite(wanted) and not crashed
            assert found.get(trial.number) == (wanted if known else None)


@pytest.mark.parametrize("title", NASTY)
def test_names_are_drawn_as_they_are_written(title: str) -> None:
    trials = [a_trial(1, KEEP, 0.5, {title or "x": 1}, summary=title)]
    view = View.of(a_history(1.0, trials, metric=title), title)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for draw in CHARTS:
            figure, shown = draw(view), one_line(title)[:20].strip()
            said = [text.text or "" for text in svg(figure).iter(f"{SVG}text")]
            assert any(shown in text for text in said)
            png(figure)


def test_a_title_keeps_to_the_paper() -> None:
    figure = draw_history(View.of(a_history(1.0, []), "a long title " * 40))
    title = next(text for text in written(figure) if text.get_text().startswith("a long"))
    assert title.get_text().endswith("…")
    assert box_of(title).x1 <= WIDE - LEFT


@given(st.text(max_size=60), st.floats(0, 300))
def test_what_is_cut_fits(text: str, room: float) -> None:
    short = cut(text, room)
    assert short == text or short.endswith("…")
    assert width(short) <= max(room, width("…")) + 1e-9


@pytest.mark.parametrize(
    "text", ["latest: replace the learned positional embed…", "9,900 discard (2,000 drawn)"]
)
def test_widths_are_about_right(text: str) -> None:
    figure = page(200, text, [], [])
    title = next(found for found in written(figure) if found.get_text() == text)
    title.set(size=8, weight="normal")
    assert width(text) == pytest.approx(box_of(title).width, rel=0.05)


@pytest.mark.parametrize(
    ("gain", "anchor", "said"),
    [
        (0.5, 2.0, " (25.00%)"),
        (0.5, -2.0, " (25.00%)"),
        (1.0, 0.0, ""),
        (1.0, None, ""),
        (1e300, 1e-300, ""),
        (1e9, 1.0, " (1e+11%)"),
    ],
)
def test_percentages_are_of_the_baseline(gain: float, anchor: float | None, said: str) -> None:
    assert percent(gain, anchor) == said


# -- pictures --------------------------------------------------------------------------------


def test_the_svg_holds_every_mark_and_every_text_as_text() -> None:
    figure = draw_history(a_view(1.0, (KEEP, 0.8), (DISCARD, 1.1), (DISCARD, 1.2)))
    root = svg(figure)
    grey = [use for use in root.iter(f"{SVG}use") if COLOURS[DISCARD] in use.get("style", "")]
    in_legend = 1
    assert len(grey) == 2 + in_legend
    assert {text.text for text in root.iter(f"{SVG}text")} >= {"2 discard", "latest: change 1"}


def test_the_png_shows_every_mark_in_its_colour() -> None:
    figure = draw_history(a_view(1.0, (KEEP, 0.8), (DISCARD, 1.1), (CRASH, None)))
    image = png(figure)
    (axes,) = figure.axes
    for kind in Decision:
        x, y = axes.transData.transform(drawn(axes, kind.value)[0]) * 150 / 72
        pixel = image.getpixel((int(x), int(image.height - y)))
        wanted = bytes.fromhex(COLOURS[kind][1:])
        assert isinstance(pixel, tuple)
        assert all(abs(a - b) < 40 for a, b in zip(pixel, wanted, strict=True))


# -- files -----------------------------------------------------------------------------------

NAMES = [f"{name}.{kind}" for name in ("history", "frontier", "effects") for kind in ("svg", "png")]


def test_six_files_are_written_and_the_same_each_time(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    campaign, _, _ = work(study, [move(x=3.0), move(x=-1.0), move(y=-1.0)], loss_of)
    paths = Charts().write(study, campaign)
    assert [path.name for path in paths] == NAMES
    assert sorted(p.name for p in (study.folder / "charts").iterdir()) == sorted(NAMES)
    before = [path.read_bytes() for path in paths]
    for path in paths:
        path.unlink()
    assert [path.read_bytes() for path in Charts().write(study, campaign)] == before


def test_what_shows_the_same_is_not_drawn_again(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    campaign, _, _ = work(study, [move(x=3.0)], loss_of)
    paths = Charts().write(study, campaign)
    for path in paths:
        os.utime(path, (0, 0))
    assert {path.stat().st_mtime for path in Charts().write(study, campaign)} == {0}
    paths[0].write_text("<svg/>")
    times = [path.stat().st_mtime > 0 for path in Charts().write(study, campaign)]
    assert times == [True, True, False, False, False, False], "one figure, both of its files"
    campaign, _, _ = work(study, [move(y=-1.0)], loss_of)
    assert all(path.stat().st_mtime > 0 for path in Charts().write(study, campaign))


@pytest.mark.parametrize("fails", ["open", "replace"])
def test_a_failed_write_leaves_the_old_chart(
    fails: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "history.svg"
    path.write_text("old")

    def full(self: Path, *_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, fails, full)
        with pytest.raises(OSError, match="No space left"):
            save(draw_history(a_view(1.0)), path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["history.svg"]


def test_a_failed_chart_is_told_and_the_others_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = call_study(tmp_path / "s")
    campaign, _, _ = work(study, [move(x=3.0)], loss_of)
    paths = Charts().write(study, campaign)
    before = [path.read_bytes() for path in paths]

    def full(self: Path, *_: object) -> None:
        raise OSError(28, "No space left on device")

    campaign, _, _ = work(study, [move(y=-1.0)], loss_of)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            Charts().write(study, campaign)
    assert [path.read_bytes() for path in paths] == before
    assert len(list((study.folder / "charts").iterdir())) == len(NAMES)


def test_a_home_that_cannot_be_written_is_no_word_worth(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("a file")
    gone = ("MPLCONFIGDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
    env = {key: value for key, value in os.environ.items() if key not in gone}
    code = (
        "from pathlib import Path; import logging;"
        "from nightlab.report.charts.library import drawing, save;"
        "from nightlab.report.charts.page import page\n"
        f"with drawing(): save(page(99, '学', [], []), Path({str(tmp_path / 'a.png')!r}))\n"
        "assert logging.getLogger('matplotlib').level == 0"
    )
    said = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**env, "HOME": str(home), "TMPDIR": str(tmp_path)},
    )
    assert (said.stdout, said.stderr) == ("", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "home"]


def test_the_style_of_the_reader_neither_shows_nor_changes() -> None:
    import matplotlib

    with matplotlib.rc_context({"axes.facecolor": "black", "text.usetex": True}):
        figure = draw_history(a_view(1.0, (KEEP, 0.8)))
        assert matplotlib.rcParams["text.usetex"]
    assert gc.isenabled()
    (axes,) = figure.axes
    assert axes.get_facecolor() == (1, 1, 1, 1)
    assert not any(text.get_usetex() for text in written(figure))


def test_the_best_is_found_without_the_library() -> None:
    code = (
        "import sys; import nightlab.report.charts.history, nightlab.report.charts.effects;"
        "print([m for m in ('matplotlib', 'numpy') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_the_frontier_can_be_had_of_any_trials() -> None:
    view = a_view(1.0, (KEEP, 0.8), (KEEP, 0.7))
    assert best.frontier(view.history, view.settled[:1]) == [(0, 1.0), (1, 0.8)]
