"""A campaign for other tools: its results table, and the whole of it as one JSON document."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from nightlab import __version__
from nightlab.campaign import Campaign
from nightlab.judge.seedwise import SeedwiseJudge
from nightlab.remember.events import IncumbentReviewed, decode
from nightlab.remember.ledger import Entry, Ledger
from nightlab.remember.memory.lessons import lessons_of
from nightlab.remember.record import Record
from nightlab.remember.table import Schema, Table
from nightlab.remember.tsv import table_of
from nightlab.remember.vault import Entry as VaultEntry
from nightlab.remember.vault import entries
from nightlab.report.paired import history_of
from nightlab.report.status import show
from nightlab.study import Study
from nightlab.types import NightlabError, one_line

FORMAT = 1
"""Of the JSON document. A reader refuses a higher one."""


def results_table(campaign: Campaign, schema: Schema = Schema.KARPATHY) -> Table:
    """The campaign's results table: the baseline if it was measured, trials as settled."""
    return table_of(campaign.history, campaign.state.tabled(), schema)


def export_json(
    tag: str, entries: Iterable[Entry], judge: SeedwiseJudge | None = None
) -> Iterator[str]:
    """The whole campaign as the parts of one JSON document, a line an event and a line a trial.

    Keys: `format`, `nightlab` (the version), `campaign`, `events` (each `id`, `at`, `kind` and its
    own fields; `read_export` reads them back) and `trials` (as `nightlab show`, baseline first).
    """
    record = Record()
    head = {"format": FORMAT, "nightlab": __version__, "campaign": tag}
    yield json.dumps(head)[:-1] + ', "events": [\n'
    between = ""
    reviewed: list[IncumbentReviewed] = []
    for entry in entries:
        record.apply(entry)
        if isinstance(entry.event, IncumbentReviewed):
            reviewed.append(entry.event)
        yield between + _dump(_flat(entry))
        between = ",\n"
    yield '\n], "trials": [\n'
    history, between = history_of(record), ""
    for trial in (history.baseline, *history.trials):
        shown = show(history, trial, judge, reviewed)
        yield between + _dump(shown | {"value": _finite(shown["value"])})
        between = ",\n"
    yield "\n]}\n"


def vault_entries(study: Study, ledger: Ledger, tag: str | None = None) -> list[VaultEntry]:
    """The settled trials of every campaign, or of one, ready to be notes of a memory vault."""
    found: list[VaultEntry] = []
    for each in ledger.campaigns_as_begun() if tag is None else [tag]:
        record = Record()
        record.read(ledger.read(each))
        if record.began is not None:
            history = history_of(record)
            title = study.program.title or study.folder.name
            found += entries(title, history, lessons_of(history, each))
    return found


def _flat(entry: Entry) -> dict[str, Any]:
    return {"id": entry.id, "at": entry.at, "kind": entry.event.kind, **vars(entry.event)}


def _finite(value: float | None) -> float | None:
    return value if value is None or math.isfinite(value) else None


def _dump(data: dict[str, Any]) -> str:
    return json.dumps(data, allow_nan=False, separators=(",", ":"))


def read_export(text: str, name: str = "export") -> tuple[str, list[Entry]]:
    """The tag and the events of what `export_json` wrote; folded by Record, the same campaign.

    Raises NightlabError with `name` and the event for a text that is something else.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NightlabError(f"{name}: not JSON ({error})") from error
    version = data.get("format") if isinstance(data, dict) else None
    if not isinstance(version, int):
        raise NightlabError(f"{name}: not an export; `nightlab export json` writes one")
    if version > FORMAT:
        newer = f"format {version} is newer than this Nightlab's {FORMAT}"
        raise NightlabError(f"{name}: {newer}; upgrade Nightlab")
    tag, events = data.get("campaign"), data.get("events")
    if not isinstance(tag, str) or not isinstance(events, list) or not events:
        raise NightlabError(f"{name}: an export has a campaign and events; these are missing")
    entries = [_entry(event, f"{name}: event {n}") for n, event in enumerate(events, 1)]
    for earlier, later in pairwise(entries):
        if later.id <= earlier.id:
            raise NightlabError(f"{name}: the event with id {later.id} is out of order")
    return tag, entries


def _entry(event: Any, place: str) -> Entry:
    if not isinstance(event, dict):
        raise NightlabError(f"{place} is not a mapping")
    body = dict(event)
    number, at, kind = (body.pop(key, None) for key in ("id", "at", "kind"))
    if not (isinstance(number, int) and isinstance(at, int | float) and isinstance(kind, str)):
        raise NightlabError(f"{place} needs id, at and kind: two numbers and a word")
    try:
        return Entry(number, at, decode(kind, json.dumps(body)))
    except TypeError as error:
        raise NightlabError(f"{place} ({kind}): {one_line(str(error))}") from error
    except NightlabError as error:
        raise NightlabError(f"{place}: {error}") from error
