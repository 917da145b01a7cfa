"""A history read from a record, with what a seed is known to bring to all trials alike."""

from __future__ import annotations

from dataclasses import replace

from nightlab.judge.noise import NoiseMeter
from nightlab.remember.record import Record
from nightlab.types import History


def history_of(record: Record, meter: NoiseMeter | None = None) -> History:
    """As a campaign has it: every estimate is the one that the campaign would tell."""
    history = record.history()
    noise = (meter or NoiseMeter()).measure(history)
    return replace(history, pairing=noise.likely_pairing)
