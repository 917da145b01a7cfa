"""What a session has still before it: trials, time, and when it ends at this pace."""

from __future__ import annotations

import time

from nightlab.report.terminal.lines import part_line
from nightlab.report.terminal.pace import clock, seconds_a_trial
from nightlab.report.terminal.scene import Scene


def ahead(scene: Scene, now: float) -> list[str]:
    """Short sentences, the one that matters most first."""
    if scene.stopped:
        return [f"stopped: {scene.stopped}"]
    history = scene.history
    measured = set(history.seeds) & set(history.baseline.values(history.metric))
    if len(measured) < len(history.seeds) and not scene.settled:
        return [f"measuring the baseline, {len(measured)} of {len(history.seeds)} seeds"]
    if part := _part(scene):
        return [part]
    pace = seconds_a_trial(scene.recent, scene.began)
    trials = _trials_left(scene)
    said = [_trials(trials)] if trials is not None else []
    end = _end(scene, trials, pace, now)
    deadline = scene.limits.deadline
    if end is not None and end - now >= 1 and (deadline is None or end < deadline):
        said += [f"about {clock(end - now)}", f"done near {_at(end)}"]
    if deadline is not None:
        said += [f"stops at {_at(deadline)}", f"in {clock(max(0.0, deadline - now))}"]
        if pace and (end is None or end >= deadline) and deadline > now:
            said.append(f"about {max(1, round((deadline - now) / pace))} trials until then")
    said = said or ["goes on until it is stopped"]
    return said + _plateau(scene)


def _part(scene: Scene) -> str:
    """What is done besides trials, where the runs in flight are for that."""
    purposes = {run.purpose for _, run in scene.flights}
    return next((said for purpose in purposes if (said := part_line(purpose))), "")


def _trials_left(scene: Scene) -> int | None:
    limit = scene.limits.trials
    return None if limit is None else max(0, limit - scene.settled)


def _trials(left: int) -> str:
    return "1 trial left" if left == 1 else f"{left or 'no'} trials left"


def _plateau(scene: Scene) -> list[str]:
    """Only where it comes near: half way to it, or more."""
    limit = scene.limits.plateau
    since = min(scene.since_keep, scene.settled - scene.limits.at)
    if limit is None or 2 * since < limit:
        return []
    return [f"{since} of {limit} trials without a keep"]


def _end(scene: Scene, left: int | None, pace: float | None, now: float) -> float | None:
    """When the trials that are left will be done, at the pace so far."""
    if not left or pace is None:
        return None
    this_one = max(now, max(trial.settled for trial in scene.recent) + pace)
    return this_one + (left - 1) * pace


def _at(moment: float) -> str:
    return time.strftime("%H:%M", time.localtime(moment))
