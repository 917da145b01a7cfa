"""The cells of analysis.ipynb: they read a results table and know nothing else of Nightlab."""

from __future__ import annotations

from dataclasses import dataclass

from nightlab.types import Direction


@dataclass(frozen=True)
class Cell:
    """One cell. `name` is its id in the notebook, and never changes."""

    name: str
    kind: str
    source: str


def analysis_cells(
    title: str, tag: str, metric: str, direction: Direction, results: str
) -> list[Cell]:
    """The cells for a campaign; `results` is its table, relative to the notebook."""
    way = "came down" if direction is Direction.MINIMIZE else "went up"
    about = _ABOUT.format(title=title, tag=tag, metric=metric, way=way, results=results)
    given = _GIVEN.format(results=results, metric=metric, direction=direction.value)
    return [
        Cell("about", "markdown", about),
        Cell("given", "code", given),
        Cell("load", "code", _LOAD),
        Cell("outcomes", "code", _OUTCOMES),
        Cell("kept", "code", _KEPT),
        Cell("experiments", "code", _EXPERIMENTS),
        Cell("plot", "code", _PLOT),
        Cell("summary", "code", _SUMMARY),
        Cell("hits", "code", _HITS),
    ]


_ABOUT = """\
# {title}: campaign {tag}

From `{results}`: what was tried, what was kept, and how {metric} {way}. Run all cells;
`progress.png` is written beside this notebook.

The first measured row is the baseline. Experiments are numbered in the order in which they were
settled. A trial counts as kept by its verdict alone: to be better than the baseline is not enough
when an earlier one was better still."""

_GIVEN = """\
RESULTS = {results!r}  # the table, relative to this notebook
METRIC = {metric!r}
DIRECTION = {direction!r}
NEAR = 0.0005  # a point this much worse than the baseline is still drawn
SHOWN = 20  # of a long campaign: what was kept, and this many of the last"""

_LOAD = """\
import csv

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML, display

sign = 1 if DIRECTION == "maximize" else -1  # times a difference: positive is better
table = pd.read_csv(
    RESULTS, sep="\\t", dtype=str, keep_default_na=False, quoting=csv.QUOTE_NONE,
    encoding="utf-8-sig", index_col=False, on_bad_lines="warn",
)
if len(table.columns) != 5 or table.columns[1] != METRIC:
    raise ValueError(f"{RESULTS} is not a table of {METRIC}: export this notebook again")
table.columns = ["commit", "value", "memory_gb", "status", "description"]
table = table.fillna("")
table["status"] = table["status"].str.strip().str.upper()
for name in ("value", "memory_gb"):
    numbers = pd.to_numeric(table[name], errors="coerce").astype(float)
    table[name] = numbers.where(numbers.abs() < float("inf"))
# nothing was measured where a crash is written as 0.000000, or memory as 0.0
table.loc[table["status"] == "CRASH", "value"] = float("nan")
table["memory_gb"] = table["memory_gb"].where(table["memory_gb"] > 0)

measured = table[table["value"].notna()]
first = measured.index[0] if len(measured) else None
baseline = measured.loc[first, "value"] if len(measured) else float("nan")
table["experiment"] = [
    "baseline" if number == first else f"exp_{number:03d}" for number in table.index
]
effect = r": [+-][0-9.e+-]+ vs baseline.*$"
table["change"] = table["description"].str.replace(effect, "", regex=True)
table["delta"] = table["value"] - baseline
table["better"] = sign * table["delta"]

measured = table[table["value"].notna()]
trials = table[table.index != first]
is_kept = (table["status"] == "KEEP") & (table.index != first)
kept = table[is_kept]
line = measured[is_kept[measured.index] | (measured.index == first)]
running = line["value"].cummax() if sign > 0 else line["value"].cummin()
best = running.iloc[-1] if len(running) else float("nan")
improvement = sign * (best - baseline) + 0.0
print(f"{len(table)} rows, {len(measured)} with a value")"""

_OUTCOMES = """\
counts = trials["status"].value_counts()
print(counts.to_string() if len(counts) else "no experiment yet")
decided = int(counts.get("KEEP", 0) + counts.get("DISCARD", 0))
if decided:
    share = counts.get("KEEP", 0) / decided
    print(f"keep rate: {counts.get('KEEP', 0)} of {decided} = {share:.1%} (crashes left out)")"""

_KEPT = """\
columns = ["experiment", "commit", "value", "delta", "memory_gb", "change"]
names = {"value": METRIC, "delta": "delta vs baseline"}
print(f"{len(kept)} kept")
HTML(kept[columns].rename(columns=names).to_html(index=False, na_rep="—"))"""

_EXPERIMENTS = """\
def sentence():
    if not len(measured):
        return f"{METRIC}: nothing was measured"
    if not improvement > 0:
        return f"{METRIC}: no improvement over the baseline's {baseline:.6g}"
    share = 100 * improvement / abs(baseline) if baseline else float("nan")
    percent = f"{share:.1f} % " if share >= 1 else f"{share:.2g} % " if share > 0 else ""
    said = f"{METRIC}: {baseline:.6g} -> {best:.6g}, {percent}better"
    return f"{said} ({improvement:.4g} absolute)"


def row(number):
    value, delta = table.loc[number, "value"], table.loc[number, "delta"]
    mark = " ✅" if is_kept[number] else ""
    unmeasured = "crash" if table.loc[number, "status"] == "CRASH" else "—"
    return {
        "Experiment": table.loc[number, "experiment"],
        "Change": "—" if number == first else table.loc[number, "change"],
        METRIC: f"{value:.6g}" if value == value else "—",
        "delta vs baseline": "—" if number == first else
        (f"{delta:+.6g}{mark}" if delta == delta else f"{unmeasured}{mark}"),
    }


recent = set(trials.index[-SHOWN:])
shown = [n for n in table.index if n == first or is_kept[n] or n in recent]
columns = ["Experiment", "Change", METRIC, "delta vs baseline"]
display(HTML(pd.DataFrame([row(n) for n in shown], columns=columns).to_html(index=False)))
if len(shown) < len(table):
    print(f"{len(table) - len(shown)} more that were not kept are left out")
print(sentence())"""

_PLOT = '''\
GREEN, GREY, INK = "#1a7f37", "#9aa0a6", "#202124"


def limits():
    """From the best to the baseline, and 15% of the improvement beyond each."""
    margin = 0.15 * improvement or 0.01 * abs(baseline) or 1.0
    return sorted((best + sign * margin, baseline - sign * margin))


def label(axes, numbers):
    """Name what was kept, the largest steps first, and leave out a name that has no room."""
    placed, frame = [], axes.get_window_extent()
    ground = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.6}
    for number in numbers:
        text = table.loc[number, "change"]
        text = text if len(text) <= 45 else text[:44] + "…"
        # the line goes on to the right and towards better: these two corners it never crosses
        for x, y in ((5, -4 * sign), (-5, 4 * sign)):
            note = axes.annotate(
                text, (number, table.loc[number, "value"]), xytext=(x, y),
                ha="left" if x > 0 else "right", va="bottom" if y > 0 else "top",
                textcoords="offset points", fontsize=8, color=GREEN, bbox=ground,
                parse_math=False, zorder=2.5,
            )
            box = note.get_window_extent()
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1
            if inside and not any(box.overlaps(other) for other in placed):
                placed.append(box)
                break
            note.remove()


def plot():
    figure, axes = plt.subplots(figsize=(11, 6), layout="constrained")
    axes.set_xlabel("experiment (0 is the first row)")
    axes.set_ylabel(f"{METRIC} ({'higher' if sign > 0 else 'lower'} is better)", parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    if not len(measured):
        axes.set_title("nothing was measured", loc="left")
        return figure
    low, high = limits()
    view = measured[(measured["better"] >= -NEAR) & measured["value"].between(low, high)]
    others, ours = view[~is_kept[view.index] & (view.index != first)], view[is_kept[view.index]]
    style = {"s": 22, "alpha": 0.9} if len(others) < 500 else {"s": 6, "alpha": 0.45}
    if len(others):
        axes.scatter(others.index, others["value"], color=GREY, lw=0, label="not kept", **style)
    if len(ours):
        axes.scatter(ours.index, ours["value"], s=46, color=GREEN, label="kept", zorder=4)
    axes.step(
        [*running.index, table.index[-1]], [*running, best],
        where="post", color=GREEN, linewidth=1.6, label="best so far", zorder=3,
    )
    axes.plot(first, baseline, "D", color=INK, markersize=7, label="baseline", zorder=4)
    axes.set_ylim(low, high)
    last = max(1, table.index[-1])
    axes.set_xlim(-0.02 * last - 0.1, 1.02 * last + 0.1)
    axes.xaxis.get_major_locator().set_params(integer=True)
    drawn = f"drawn: {len(view)} of {len(measured)} values, as good as the baseline or better"
    axes.set_title(f"{sentence()}\\n{drawn}", loc="left", fontsize=10, parse_math=False)
    corner = "upper right" if sign < 0 else "lower right"
    for handle in axes.legend(loc=corner, fontsize=8, framealpha=0.95).legend_handles:
        handle.set_alpha(1)
    figure.canvas.draw()
    gains = (sign * running.diff())[running.index != first]
    label(axes, gains[gains > 0].sort_values(ascending=False).index[:40])
    return figure


figure = plot()
figure.savefig("progress.png", dpi=150)
plt.show()'''

_SUMMARY = """\
print(f"experiments   {len(trials)}")
if len(measured):
    print(f"baseline      {baseline:.6f}")
    print(f"best          {best:.6f}")
    print(f"improvement   {improvement:.6f}")
    if baseline:
        print(f"              {100 * improvement / abs(baseline):.2f} %")
else:
    print("nothing was measured")"""

_HITS = """\
steps = line[["experiment", "commit", "value", "change"]].copy()
steps["gain"] = sign * steps["value"].diff()  # over the one kept before it
steps = steps[steps.index != first]
hits = steps.sort_values("gain", ascending=False, kind="stable").head(SHOWN)
names = {"value": METRIC, "gain": "better than the kept one before"}
display(HTML(hits.rename(columns=names).to_html(index=False)))
print(f"total improvement: {steps['gain'].sum():.6g} in {len(steps)} kept")"""
