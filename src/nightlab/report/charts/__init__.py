"""Charts of a campaign, as SVG and PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nightlab.campaign import Campaign
    from nightlab.study import Study


class Charts:
    """charts/history, each as .svg and .png."""

    def write(self, study: Study, campaign: Campaign) -> Sequence[Path]:
        from nightlab.report.charts.history import draw_history

        folder = study.folder / "charts"
        folder.mkdir(exist_ok=True)
        paths = [folder / "history.svg", folder / "history.png"]
        title = f"{study.program.title or study.folder.name}: {campaign.tag}"
        draw_history(campaign.history, title, paths)
        return paths
