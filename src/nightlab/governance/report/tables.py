"""The two tables of a tuning's report: metrics on fresh seeds, and what each change is worth."""

from __future__ import annotations

from nightlab.governance.afterwards.ablation import Ablation, Taken
from nightlab.governance.afterwards.elimination import Row
from nightlab.governance.afterwards.fresh import Difference
from nightlab.governance.ledger.record import lever
from nightlab.governance.report.findings import counted_seeds
from nightlab.report.markdown import counted, inert, table
from nightlab.types import Value


def fresh_table(found: Ablation) -> str:
    """Every metric on the last seeds, ours beside the baseline's."""
    fresh, whose = found.fresh, "tuned"
    if found.taken is Taken.BASELINE:
        whose = "best of the search"
    head = ("metric", "baseline", whose, "difference", "95% interval")
    text = table(head, [_compared(each) for each in fresh.differences.values()])
    lines = [f"Both met {counted_seeds(fresh)}, pair by pair, and no decision has used those."]
    if found.taken is not Taken.BASELINE:
        lines.append(
            f"Differences are as measured; the {fresh.metric} of the first line of this report is"
            " drawn towards no improvement, by how little it stands out of its error."
        )
    if fresh.absent:
        lines.append(f"Not available: {', '.join(inert(name) for name in fresh.absent)}.")
    lines += [f"It breaks the policy there: {inert(each)}." for each in fresh.broken]
    return f"{text}\n{' '.join(lines)}"


def _compared(each: Difference) -> tuple[str, ...]:
    interval = "one seed" if each.seeds < 2 else f"{each.low:+.4g} to {each.high:+.4g}"
    numbers = (f"{each.theirs:.6g}", f"{each.ours:.6g}", f"{each.mean:+.4g}")
    return (each.metric, *numbers, interval)


def worth_table(found: Ablation) -> str:
    """The table of the ablation, what stayed first."""
    metric = found.fresh.metric
    head = ("lever", "from", "to", f"{metric} is worse without it by", "95% interval", "verdict")
    rows = sorted(found.rows, key=lambda row: (not row.kept, -(row.effect or 0.0)))
    stays = set(found.kept)
    text = table(head, [_row(row, row.lever in stays) for row in rows])
    seeds = counted(len(found.seeds), "fresh seed")
    lines = [
        f"Each change was taken back alone, or a toggle with what it switches on, on {seeds}; the"
        " weakest went first, and the rest was measured again. A negative number says that it is"
        " better without.",
        _outcome(found),
    ]
    return f"{text}\n{' '.join(lines)}"


def _row(row: Row, stays: bool) -> tuple[str, ...]:
    named = lever(row.lever)
    if row.unit:
        named += f" (with {', '.join(lever(name) for name in row.unit)})"
    effect = "not measured" if row.effect is None else f"{row.effect:.4g}"
    interval = "" if row.low is None or row.high is None else f"{row.low:.4g} to {row.high:.4g}"
    state = "stays" if stays else "taken back"
    return named, _shown(row.before), _shown(row.after), effect, interval, f"{state}: {row.why}"


def _shown(value: Value | None) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return (
        f"{value:.6g}" if isinstance(value, float) else "not set" if value is None else f"{value}"
    )


def _outcome(found: Ablation) -> str:
    """What became of the whole."""
    if found.taken is Taken.REDUCED:
        stays = "1 stays" if len(found.kept) == 1 else f"{len(found.kept)} stay"
        told = f"Of {counted(len(found.rows), 'lever')} that moved, {stays}."
        primary = found.reduced.primary if found.reduced else None
        if primary is None:
            return told
        return (
            f"{told} Beside the best of the search, on the last {primary.seeds} seeds,"
            f" {primary.metric} differs by {primary.mean:+.4g}"
            f" ({primary.low:+.4g} to {primary.high:+.4g})."
        )
    if found.taken is Taken.FULL:
        return f"All of them are taken: {inert(found.why)}."
    return f"None of them is taken: {inert(found.why)}."
