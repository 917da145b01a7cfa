"""What every report must do: run `check_report` on your own, in a test."""

from __future__ import annotations

from nightlab.campaign import Campaign
from nightlab.report import Report
from nightlab.study import Study


def check_report(report: Report, study: Study, campaign: Campaign) -> None:
    """Raise AssertionError where a report breaks its contract on this campaign."""
    before, head = campaign.history, study.repository.head()
    events = campaign.state.runs
    written = list(report.write(study, campaign))
    for path in written:
        assert path.is_file() and path.stat().st_size > 0, f"{path} was not written"
        assert study.folder in path.parents, f"{path} is not in the study"
    again = {path: path.read_bytes() for path in report.write(study, campaign)}
    assert sorted(again) == sorted(written), "the same campaign gives the same files"
    assert campaign.state.runs == events, "a report runs nothing"
    assert campaign.history == before, "a report changes nothing"
    assert study.repository.head() == head, "a report commits nothing"
