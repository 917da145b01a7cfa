"""The loop: ask for runs, start them, record what comes back, settle. It knows no domain."""

from __future__ import annotations

import os

from nightlab.campaign import Campaign
from nightlab.judge import Judge
from nightlab.judge.abort import Watch
from nightlab.propose import Proposer
from nightlab.run import Runner
from nightlab.stop import Stop
from nightlab.types import NightlabError


def run_loop(
    campaign: Campaign,
    proposer: Proposer,
    judge: Judge,
    runner: Runner,
    stop: Stop,
    watch: Watch | None = None,
) -> str:
    """Work on a campaign until `stop` says so, and return why it stopped.

    Only execution overlaps; proposing, deciding and settling happen one at a time. A `watch` hears
    the progress of runs, and says which are hopeless.
    """
    stop.begin(campaign)
    campaign.begin_session(os.getpid(), stop.deadline, stop.limit)
    why, checked = "it failed", False
    try:
        with runner:
            for job in campaign.again(min(runner.free, stop.room(campaign))):
                runner.start(job)
            checked = _settle(campaign, judge, proposer, checked)
            while not (why := _finished(campaign, judge, stop)):
                free = 0 if _spent(campaign, judge, stop) else runner.free
                free = min(free, stop.room(campaign, _reserved(campaign, judge, stop)))
                for job in campaign.wanted(
                    free,
                    judge,
                    proposer,
                    may_open=lambda: stop.may_open(campaign),
                    may_start=lambda: not (stop.at_once() or _spent(campaign, judge, stop)),
                ):
                    runner.start(job)
                for measurement in runner.finished():
                    campaign.record(watch.ended(measurement) if watch else measurement)
                    checked = _settle(campaign, judge, proposer, checked)
                for doom in watch.weigh(campaign.tag, campaign.history) if watch else ():
                    campaign.weigh_abort(doom)
                    if not doom.spared:
                        runner.stop(doom.run, doom.outcome, doom.reason)
                campaign.save()
            for measurement in runner.interrupt():
                campaign.record(measurement)
    except Exception as error:
        why = f"it failed: {error}" if str(error) else f"it failed: {type(error).__name__}"
        raise
    except BaseException as error:
        why = str(error) or "interrupted"
        raise
    finally:
        campaign.end_session(why)
    return why


def _settle(campaign: Campaign, judge: Judge, proposer: Proposer, checked: bool) -> bool:
    """Settle what can be. Returns whether the baseline has been found fit for the policy."""
    if not campaign.closing:
        campaign.mend(proposer)
    if not checked and campaign.baseline_measured:
        judge.check_baseline(campaign.history)
        checked = True
    _decide(campaign, judge)
    return checked


def _decide(campaign: Campaign, judge: Judge) -> None:
    while verdict := judge.decide(campaign.history):
        campaign.settle(verdict)


def _reserved(campaign: Campaign, judge: Judge, stop: Stop) -> int:
    """How many runs are kept for the report."""
    if campaign.closing or not stop.is_bounded:
        return 0
    wanted = stop.for_report(campaign, judge.closing_runs(campaign.history))
    nothing_kept = campaign.history.incumbent.number == 0
    last = stop.room(campaign, wanted) <= 0 or stop.too_late(campaign, wanted)
    return 0 if nothing_kept and last else wanted


def _spent(campaign: Campaign, judge: Judge, stop: Stop) -> str:
    """Why no further run may be begun, what is kept for the report aside; "" where one may be."""
    reserved = _reserved(campaign, judge, stop)
    if stop.room(campaign, reserved) <= 0:
        return "1 run is done" if stop.run_limit == 1 else f"{stop.run_limit} runs are done"
    return stop.too_late(campaign, reserved)


def _finished(campaign: Campaign, judge: Judge, stop: Stop) -> str:
    """Why the session is over: at once, or when nothing is left to be done before the report."""
    if now := stop.at_once():
        return now
    if campaign.in_flight:
        return ""
    spent = _spent(campaign, judge, stop)
    if spent and (campaign.closing or not campaign.baseline_measured):
        return campaign.closing or spent
    if not (spent or campaign.baseline_measured or judge.wanted(campaign.history)):
        raise NightlabError("the baseline can't be measured; begin again with `nightlab run --new`")
    if not campaign.closing:
        if not spent and (campaign.open_trials or not campaign.baseline_measured):
            return ""
        campaign.closing = spent or stop.reached(campaign)
        if not campaign.closing:
            return ""
        _decide(campaign, judge)
    return "" if stop.confirms and judge.wanted(campaign.history) else campaign.closing
