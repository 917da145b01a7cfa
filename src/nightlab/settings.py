"""The settings of program.md: one section a room, and the checks that need more than one."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from nightlab.change.settings import ChangeSettings
from nightlab.judge.settings import JudgeSettings
from nightlab.program.settings import Section
from nightlab.propose.settings import ProposeSettings, one_or_more
from nightlab.remember.settings import RememberSettings
from nightlab.report.settings import ReportSettings
from nightlab.run.settings import RunSettings
from nightlab.stop import StopSettings


class Settings(Section):
    """The whole yaml block of program.md: one section a room."""

    change: ChangeSettings
    propose: Annotated[
        tuple[ProposeSettings, ...], BeforeValidator(one_or_more), Field(min_length=1)
    ] = (ProposeSettings(),)
    run: RunSettings
    judge: JudgeSettings = JudgeSettings()
    stop: StopSettings = StopSettings()
    remember: RememberSettings = RememberSettings()
    report: ReportSettings = ReportSettings()

    @model_validator(mode="after")
    def _noise_can_be_measured(self) -> Settings:
        fixed = self.judge.keep == "evidence" and self.judge.panel == "fixed"
        if fixed and len(self.run.seeds) < 2:
            raise ValueError(
                "judge.panel: fixed needs two seeds or more in run.seeds to measure the noise;"
                " give more, or write `panel: fresh`"
            )
        return self
