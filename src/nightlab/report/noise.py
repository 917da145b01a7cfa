"""How noisy an experiment is, as data and in words: what `nightlab check --noise` tells."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from nightlab.judge.noise import Noise, measure_noise
from nightlab.judge.settings import JudgeSettings
from nightlab.judge.visible import (
    Sameness,
    chance_found,
    grid_step,
    outliers,
    sameness,
    seeds_needed,
    smallest_visible,
)
from nightlab.judge.wealth import next_level
from nightlab.program.policy import Policy
from nightlab.program.quantity import format_seconds
from nightlab.report.markdown import counted
from nightlab.types import COMPARED, History, Outcome, Run

_SLOWER = 1.3
"""A run that takes so many times as long as the same one before is remarkable."""

_COARSE = 0.05
"""A step is worth a word if it is so large a share of the spread."""

_MEANING = {
    Sameness.ALL_EQUAL: (
        "all equal: the experiment is deterministic, or it ignores its seed; one run decides"
    ),
    Sameness.SEED_DECIDES: "the same seed repeats exactly, seeds differ: only the seed is random",
    Sameness.UNREPEATABLE: (
        "the same seed gives different values: the budget is wall-clock time, the machine is busy,"
        " or something random is not seeded"
    ),
    Sameness.SEEDS_DIFFER: "seeds differ; whether a seed repeats was not measured",
    Sameness.UNKNOWN: "one seed, measured once, shows no noise",
}


def noise_data(
    history: History, policy: Policy, settings: JudgeSettings, source: str
) -> dict[str, Any]:
    """`noise` of `nightlab check --noise --json`. `source` says whose runs these are."""
    runs, noise = _baseline_runs(history), measure_noise(history)
    values = [run.metrics[history.metric] for run in runs]
    level = 1.0 if settings.keep == "any" else next_level(history, settings.false_keeps)
    seconds = median(run.seconds for run in runs) if runs else 0.0
    by_seed: dict[int, list[float]] = {}
    for run in runs:
        by_seed.setdefault(run.seed, []).append(run.metrics[history.metric])
    told: dict[str, Any] = {
        "source": source,
        "metric": history.metric,
        "runs": [
            {"seed": run.seed, "value": value, "seconds": run.seconds}
            for run, value in zip(runs, values, strict=True)
        ],
        "seconds_a_run": seconds,
        "mean": history.baseline.mean(history.metric),
        "spread": max(values) - min(values) if values else None,
        "standard_deviation": _finite(noise.sigma),
        "degrees_of_freedom": round(noise.freedom, 1),
        "pairing": noise.pairing,
        "deterministic": noise.deterministic,
        "sameness": sameness(by_seed).value,
        "drift": _drift(runs, history.metric, noise),
        "outliers": outliers(sum(found) / len(found) for found in by_seed.values()),
        "step": grid_step(_all_values(history)),
        "keep": settings.keep,
        "false_keeps": settings.false_keeps,
        "level": level,
        "visible": _visible(noise, history, settings, level, seconds),
        "half": None,
        "required": _required(history, policy),
    }
    told["half"] = _half(told, noise, level)
    told["remarks"] = _remarks(told, settings)
    return told


def _baseline_runs(history: History) -> list[Run]:
    """The good runs of the baseline that compare with each other, in the order of their start."""
    return [
        run
        for run in sorted(history.baseline.runs, key=lambda run: run.number)
        if run.purpose in COMPARED and run.outcome is Outcome.OK and history.metric in run.metrics
    ]


def _all_values(history: History) -> list[float]:
    """Of the last trials too: a grid shows better in many values."""
    trials = (history.baseline, *history.trials[-200:])
    good = (run for trial in trials for run in trial.runs if run.outcome is Outcome.OK)
    return [run.metrics[history.metric] for run in good if history.metric in run.metrics]


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _drift(runs: Sequence[Run], metric: str, noise: Noise) -> dict[str, Any] | None:
    """The first seed that was run again: how far the last run lies from the first."""
    for first in runs:
        again = [run for run in runs if run.seed == first.seed and run.number != first.number]
        if again:
            last = again[-1]
            away = last.metrics[metric] - first.metrics[metric]
            known = 0 < noise.sigma < math.inf
            return {
                "seed": first.seed,
                "first": first.metrics[metric],
                "last": last.metrics[metric],
                "difference": away,
                "standard_deviations": away / noise.sigma if known else None,
                "seconds_apart": round(last.started - first.started, 3),
                "slower": last.seconds / first.seconds if first.seconds else None,
            }
    return None


def _visible(
    noise: Noise, history: History, settings: JudgeSettings, level: float, seconds: float
) -> list[dict[str, Any]]:
    """For a few numbers of seeds: what they tell from luck, and how often it is found."""
    if noise.deterministic or not math.isfinite(noise.sigma):
        return []
    fresh = settings.keep == "evidence" and settings.panel == "fresh"
    panel = max(2, len(history.seeds)) if fresh else len(history.seeds)
    most = max(panel, settings.most_seeds)
    counts = sorted({panel, most, 2 * most, *([2 * panel] if 2 * panel < most else [])})
    rows = []
    for seeds in counts if fresh else [panel]:
        improvement = smallest_visible(noise, panel, seeds, level)
        rows.append(
            {
                "seeds": seeds,
                "improvement": _finite(improvement),
                "found": chance_found(noise, panel, seeds, level, improvement),
                "seconds": seeds * seconds,
                "is": "panel" if seeds == panel else "most_seeds" if seeds == most else "",
            }
        )
    return rows


def _half(told: Mapping[str, Any], noise: Noise, level: float) -> dict[str, Any] | None:
    """What it takes to see half of what is seen today."""
    rows = [row for row in told["visible"] if row["is"] and row["improvement"]]
    if not rows:
        return None
    now = rows[-1]
    wanted = now["improvement"] / 2
    needed = seeds_needed(noise, told["visible"][0]["seeds"], wanted, level)
    if needed is None:
        return None
    seconds = needed * told["seconds_a_run"]
    return {"improvement": wanted, "seeds": needed, "seconds": seconds, "of": now["seeds"]}


def _required(history: History, policy: Policy) -> list[float]:
    """Every REQUIRE, in the metric's unit."""
    mean = history.baseline.mean(history.metric)
    return [] if mean is None else [require.amount.of(mean) for require in policy.requires]


# -- in words --------------------------------------------------------------------------------------


def _remarks(told: Mapping[str, Any], settings: JudgeSettings) -> list[str]:
    """What a reader should know before a night is spent."""
    metric, rows = told["metric"], [row for row in told["visible"] if row["is"]]
    said = [_MEANING[Sameness(told["sameness"])]]
    if told["drift"]:
        said.append(_drift_words(told["drift"]))
    said += [
        f"{value:.6g} lies far from the rest: with outliers like this few gains can be told"
        " from luck; find what makes them, or let the script report a median"
        for value in told["outliers"]
    ]
    said += _step_words(told)
    if rows and rows[-1]["improvement"]:
        least, seeds = rows[-1]["improvement"], rows[-1]["seeds"]
        said += [
            f"REQUIRE asks for {amount:.4g}, and what {seeds} seeds tell from luck begins at"
            f" {least:.4g}: smaller gains are kept only by chance"
            for amount in told["required"]
            if 0 < amount < least
        ]
    if settings.keep == "any" and not told["deterministic"]:
        said.append(
            f"`keep: any` keeps whatever is better on the mean, noise included: about every second"
            f" trial whose {metric} is truly the same, if its first seed is not worse"
        )
    elif settings.panel == "fixed" and rows:
        said.append(
            f"`panel: fixed` decides on these {counted(rows[0]['seeds'], 'seed')} alone: more of"
            " them in run.seeds is the only way to see less, and the best will look better than it"
            " is"
        )
    return said


def _drift_words(drift: Mapping[str, Any]) -> str:
    """Of the seed that was run at the beginning and at the end."""
    later = format_seconds(max(0.0, drift["seconds_apart"]))
    said = f"seed {drift['seed']} at the beginning and {later} later: "
    if drift["difference"] == 0:
        said += f"{drift['first']:.6g} both times, no drift"
    else:
        away = drift["standard_deviations"]
        far = f", {abs(away):.1f} standard deviations apart" if away is not None else ""
        said += f"{drift['first']:.6g} and {drift['last']:.6g}{far}"
    slower = drift["slower"] or 1.0
    if slower > _SLOWER:
        said += f"; it took {slower:.1f} times as long, so the machine is busier now"
    elif 0.01 < slower < 1 / _SLOWER:  # below it, what took the time was importing
        said += f"; it took {slower:.2f} times as long, so the first run warmed something up"
    return said


def _step_words(told: Mapping[str, Any]) -> list[str]:
    step, metric = told["step"], told["metric"]
    if step is None:
        return []
    seeds = len({run["seed"] for run in told["runs"]})
    named = f"{step:.4g}{_as_part(step)}"
    finer = [amount for amount in told["required"] if 0 < amount < step]
    said = [
        f"REQUIRE asks for {amount:.4g}, finer than the smallest step of {metric}, {named}"
        for amount in finer
    ]
    if finer or step > _COARSE * (told["spread"] or 0.0):
        of_mean = f", or {step / seeds:.4g} on the mean of {seeds} seeds" if seeds > 1 else ""
        said.append(
            f"{metric} moves in steps of {named}: less than that can't be seen on one seed{of_mean}"
        )
    return said


def _as_part(step: float) -> str:
    """` (1/26)` where a step is a part of one that isn't a decimal."""
    parts = round(1 / step) if step < 1 else 0
    is_part = parts > 1 and abs(1 / parts - step) < 1e-12 and not math.log10(parts).is_integer()
    return f" (1/{parts})" if is_part else ""


def noise_lines(told: Mapping[str, Any]) -> list[str]:
    """The report below the plot."""
    metric = told["metric"]
    lines = []
    if told["standard_deviation"] is not None:
        lines.append(
            f"spread {told['spread']:.4g} (largest minus smallest), standard deviation of a run"
            f" {told['standard_deviation']:.4g} ({told['degrees_of_freedom']:g} degrees of freedom)"
        )
    lines += told["remarks"]
    if not told["visible"]:
        return lines
    share = f"{100 * told['false_keeps']:g}%"
    chance = "keep: any" if told["keep"] == "any" else f"false_keeps {share}"
    lines.append(f"the smallest improvement of {metric} told from luck 4 times in 5 ({chance}):")
    for row in told["visible"]:
        what = {"panel": " (the panel)", "most_seeds": " (judge.most_seeds)"}.get(row["is"], "")
        seen = "nothing" if row["improvement"] is None else f"{row['improvement']:.4g}"
        lines.append(
            f"  {counted(row['seeds'], 'seed')}{what}: {seen}; a trial takes"
            f" {format_seconds(row['seconds'])}; {row['found']:.0%} of such changes are found"
        )
    if any(row["found"] < 0.75 for row in told["visible"]):
        lines.append("  the others are dropped after an unlucky first run")
    if half := told["half"]:
        lines.append(
            f"half of what {half['of']} seeds tell, {half['improvement']:.4g}, takes"
            f" {half['seeds']} ({format_seconds(half['seconds'])} a trial), or half the noise of a"
            " run: a longer run.budget, more data in the score"
        )
    return lines
