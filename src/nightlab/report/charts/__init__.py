"""Charts of a campaign, as SVG and PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nightlab.campaign import Campaign
    from nightlab.study import Study


class Charts:
    """charts/history, charts/frontier and charts/effects, each as .svg and .png."""

    def write(self, study: Study, campaign: Campaign) -> Sequence[Path]:
        """Draw them all. Raises OSError where one can't be written; the old one then stands."""
        from nightlab.report.charts.effects import draw_effects
        from nightlab.report.charts.frontier import draw_frontier
        from nightlab.report.charts.history import draw_history
        from nightlab.report.charts.library import drawing, save
        from nightlab.report.charts.view import View

        folder = study.folder / "charts"
        folder.mkdir(exist_ok=True)
        title = f"{study.program.title or study.folder.name}: {campaign.tag}"
        view = View.of(campaign.history, title)
        charts = {"history": draw_history, "frontier": draw_frontier, "effects": draw_effects}
        written: list[Path] = []
        with drawing():
            for name, draw in charts.items():
                figure, paths = draw(view), [folder / f"{name}.{kind}" for kind in ("svg", "png")]
                written += [save(figure, path) for path in paths]
        return written
