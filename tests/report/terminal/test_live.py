"""The live view draws every state without a terminal's help."""

from __future__ import annotations

import io
from pathlib import Path

from fakes import InProcessRunner, ScriptedProposer, call_study, loss_of, move
from rich.console import Console

from nightlab.campaign import Campaign
from nightlab.loop import Stop, StopSettings, run_loop
from nightlab.report.live import LiveView
from nightlab.types import Progress


def test_it_shows_what_runs_what_was_decided_and_where_it_stands(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    study.begin("toy", study.ledger())
    screen = io.StringIO()
    view = LiveView(Console(file=screen, width=100, force_terminal=True))
    campaign = study.campaign("toy", view.event)
    seen: list[str] = []

    def measure(job):  # type: ignore[no-untyped-def]
        view.progress(Progress(job.run, 0.5, {"loss": 2.25}))
        with view.console.capture() as shot:
            view.console.print(view._draw())
        seen.append(shot.get())
        return loss_of(job)

    view.begin(campaign)
    ideas = [move("to the right", x=3.0), move("nothing", x=0.0)]
    why = run_loop(
        campaign,
        ScriptedProposer(ideas),
        study.judge(),
        InProcessRunner(measure),
        Stop(StopSettings()),
    )
    view.end(why)
    view.close()
    assert "baseline seed 1" in seen[0] and "loss=2.25" in seen[0]
    assert "trial 1 seed 3" in seen[-1]
    assert "trial 1    keep     to the right" in screen.getvalue()
    assert "Stopped: the script is over" in screen.getvalue()
    assert isinstance(campaign, Campaign)


def test_a_narrow_terminal_is_no_trouble(tmp_path: Path) -> None:
    study = call_study(tmp_path / "s")
    study.begin("toy", study.ledger())
    view = LiveView(Console(file=io.StringIO(), width=24, force_terminal=True))
    view.begin(study.campaign("toy"))
    view.end("enough")
