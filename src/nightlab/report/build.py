"""From the settings to reports: short names, or `package.module:Class` of your own."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nightlab.program.problem import did_you_mean
from nightlab.report import Report
from nightlab.types import NightlabError, one_line

if TYPE_CHECKING:
    from nightlab.campaign import Campaign
    from nightlab.study import Study

REPORTS = {
    "summary": "nightlab.report.summary:Summary",
    "charts": "nightlab.report.charts:Charts",
    "progress": "nightlab.report.progress:Progress",
    "notebook": "nightlab.report.notebook:Notebook",
}


def build_reports(names: Sequence[str]) -> list[Report]:
    """The reports that are named. Raises NightlabError listing what there is."""
    return [_load(name)() for name in names]


def write_reports(study: Study, campaign: Campaign) -> list[Path]:
    """Write every report that the program names; one that fails names itself and stops none.

    Raises NightlabError, at the end, for what could not be written.
    """
    written: list[Path] = []
    failed: list[str] = []
    if campaign.tag == study.tags()[-1]:
        campaign.restore_results()
    for name in study.settings.report.with_:
        try:
            written += build_reports([name])[0].write(study, campaign)
        except (NightlabError, OSError) as error:
            failed.append(f"report {name}: {one_line(str(error))}")
        except Exception as error:  # a report may be anybody's code
            failed.append(f"report {name} failed: {one_line(f'{type(error).__name__}: {error}')}")
    if failed:
        raise NightlabError("\n".join(failed))
    return written


def _load(name: str):  # type: ignore[no-untyped-def]
    module, colon, attribute = REPORTS.get(name, name).partition(":")
    if not colon:
        known = did_you_mean(name, REPORTS)
        mend = f'{known}, or give a class of your own as "package.module:Class"'
        raise NightlabError(f"report.with: no report {name!r}{mend}")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise NightlabError(f"report.with: cannot load {name}: {error}") from error
