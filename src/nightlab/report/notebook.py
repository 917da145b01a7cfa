"""analysis.ipynb: a notebook that reads results.tsv, for people who want to look for themselves."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nightlab.remember.replace import replace_file
from nightlab.remember.table import format_table
from nightlab.report.analysis import Cell, analysis_cells
from nightlab.report.export import results_table
from nightlab.types import NightlabError, one_line

if TYPE_CHECKING:
    from nightlab.campaign import Campaign
    from nightlab.study import Study

NAME = "analysis.ipynb"
NEEDED = ("ipykernel", "matplotlib", "nbclient", "nbformat", "pandas")


class Notebook:
    """analysis.ipynb in the study, or at `path`; its table is results.tsv.

    A campaign that results.tsv is not about gets a table of its own beside the notebook.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path

    def write(self, study: Study, campaign: Campaign) -> Sequence[Path]:
        """Write it whole. Raises NightlabError where that would undo somebody's own work."""
        path = self.path or study.folder / NAME
        if path.exists() and not _is_ours(path):
            raise NightlabError(
                f"{path.name} was written or edited by somebody else, and is left as it is; move"
                " it away, or choose another name: `nightlab export notebook -o FILE`"
            )
        results = _table_for(study, campaign, path)
        title = study.program.title or study.folder.name
        history = campaign.history
        beside = Path(os.path.relpath(results, path.parent.resolve())).as_posix()
        cells = analysis_cells(title, campaign.tag, history.metric, history.direction, beside)
        replace_file(path, [notebook_text(cells)])
        return [path] if results == study.results else [path, results]


def _table_for(study: Study, campaign: Campaign, notebook: Path) -> Path:
    """The results table of this campaign, made if there is none."""
    holder, results = study.running(), study.results
    if holder is not None and holder.campaign == campaign.tag:
        return results
    text = format_table(results_table(campaign))
    with suppress(OSError):
        if results.read_bytes() == text.encode():
            return results
    if results.exists() or campaign.tag != study.tags()[-1]:
        results = notebook.resolve().with_name(f"{notebook.stem}-{campaign.tag}.tsv")
    replace_file(results, [text])
    return results


def notebook_text(cells: Sequence[Cell]) -> str:
    """The cells as a notebook of nbformat 4.5, not yet run."""
    made = [_cell(cell) for cell in cells]
    document = {
        "cells": made,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "nightlab": {"sources": _digest(made)},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _cell(cell: Cell) -> dict[str, Any]:
    made: dict[str, Any] = {
        "cell_type": cell.kind,
        "id": cell.name,
        "metadata": {},
        "source": cell.source.splitlines(keepends=True),
    }
    return made | ({"execution_count": None, "outputs": []} if cell.kind == "code" else {})


def _digest(cells: Sequence[dict[str, Any]]) -> str:
    """Identity of what the cells say; running them doesn't change it."""
    said = [[cell["cell_type"], "".join(cell["source"])] for cell in cells]
    return hashlib.blake2b(json.dumps(said).encode(), digest_size=16).hexdigest()


def _is_ours(path: Path) -> bool:
    """Whether we wrote this notebook, and nobody edited it since."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        sources = document["metadata"]["nightlab"]["sources"]
        return bool(sources == _digest(document["cells"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def execute(path: Path) -> None:
    """Run a notebook in its folder and write it back with its outputs.

    Raises NightlabError where packages are missing or a cell fails; the file is then as it was.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        mend = "pip install 'nightlab[analysis]'"
        raise NightlabError(f"running a notebook needs {', '.join(missing)}: {mend}")
    nbformat, nbclient = map(importlib.import_module, ("nbformat", "nbclient"))
    notebook = nbformat.read(path, as_version=4)
    folder = str(path.parent.resolve())
    client = nbclient.NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        record_timing=False,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        resources={"metadata": {"path": folder}},
    )
    try:
        client.execute()
    except Exception as error:  # the kernel is another process, and may end in any way
        last = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise NightlabError(f"{path.name} does not run: {one_line(last)}") from error
    replace_file(path, [nbformat.writes(notebook) + "\n"])
