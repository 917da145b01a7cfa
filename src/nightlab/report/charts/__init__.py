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
        """Draw what has changed. Raises OSError where one can't be written; the old one stands."""
        from nightlab.report.charts.effects import draw_effects
        from nightlab.report.charts.frontier import draw_frontier
        from nightlab.report.charts.history import draw_history
        from nightlab.report.charts.library import drawing, save, shows
        from nightlab.report.charts.view import View

        folder = study.folder / "charts"
        folder.mkdir(exist_ok=True)
        title = f"{study.program.title or study.folder.name}: {campaign.tag}"
        view = View.of(campaign.history, title)
        charts = {"history": draw_history, "frontier": draw_frontier, "effects": draw_effects}
        paths = {name: [folder / f"{name}.{kind}" for kind in ("svg", "png")] for name in charts}
        stale = [n for n in charts if not all(shows(path, view.mark) for path in paths[n])]
        if stale:
            with drawing():
                for name in stale:
                    figure = charts[name](view)
                    for path in paths[name]:
                        save(figure, path, view.mark)
        return [path for both in paths.values() for path in both]
