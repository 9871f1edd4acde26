"""Preparing datasets ahead of training, as rows for people and programs."""

import pathlib
import time
from collections.abc import Sequence
from typing import Any

from zoo import datasets
from zoo.config import dataset_section
from zoo.datasets import official, sources
from zoo.datasets.walk import in_words
from zoo.errors import ZooError
from zoo.escaping import printable
from zoo.settings import DatasetSection


def prepare(
    name: str = "all", data_dir: str | None = None, task: str | None = None, assignments: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Load one dataset, or all that need no files of the user, and report on each.

    `task` says what the label column of the user's own table is for, `assignments` are other keys of the config's
    section `dataset`, as `dataset.label=price`.

    With `all`, one that cannot be had has its reason in `error` and the others go on.

    Raises:
        ZooError: the one dataset that was asked for cannot be had, or an assignment is wrong.
    """
    if name != "all":
        return [_describe(dataset_section({"name": name, "task": task}, assignments), data_dir)]
    if assignments:
        raise ZooError(f"--set={assignments[0]}: for one dataset; say which, --dataset=NAME")
    rows = []
    for info in datasets.list_datasets():
        if info.needs_data_dir:
            continue
        try:
            rows.append(_describe(dataset_section({"name": info.name}), data_dir))
        except ZooError as error:
            rows.append({"name": info.name, "error": str(error)})
    return rows


def _describe(section: DatasetSection, data_dir: str | None) -> dict[str, Any]:
    started = time.perf_counter()
    name, data_dir = section.name, data_dir or section.data_dir
    dataset = datasets.load_configured(section, data_dir, ask=True)
    path, stored = pathlib.Path(data_dir).expanduser() if data_dir else None, dataset.info.stored_as or name
    return {
        "name": name,
        "error": None,
        "rows": {split: len(getattr(dataset, split)) for split in ("train", "validation", "test")},
        "origin": dataset.report["origin"],
        "folder": str(official.folder_of(stored, path)) if stored in sources.SOURCES else data_dir,
        "digest": dataset.digest,
        "report": dataset.report,
        "seconds": round(time.perf_counter() - started, 2),
        "licence": dataset.info.licence,
        "citation": dataset.info.citation,
    }


def format_table(rows: list[dict[str, Any]]) -> str:
    """One block a dataset: rows of the splits, where the bytes came from, digest, overlap, licence."""
    blocks = []
    for row in rows:
        if row["error"]:
            blocks.append(f"{row['name']}: {printable(row['error'])}")
            continue
        where = f"in {row['folder']}, " if row["folder"] else ""
        blocks.append(
            f"{row['name']}: {summarize(row['report'])}\n"
            f"  {printable(where)}from {printable(row['origin'])}, {row['seconds']} s; {row['digest']}\n"
            f"  licence {row['licence'] or 'yours'}; {row['citation'] or 'your data'}"
        )
    return "\n".join(blocks)


def summarize(report: dict[str, Any]) -> str:
    """A dataset's report for people: rows of the splits, what was removed, class balance, classes that are absent.

    Names in it come from the user's files; no line is steered or begun by them.
    """
    return "\n".join(map(printable, _lines(report)))


def _lines(report: dict[str, Any]) -> list[str]:
    counts = report["counts"]
    rows = " / ".join(f"{of_split['rows']:,} {split}" for split, of_split in counts.items())
    lines = [
        f"{rows} rows; duplicates removed {report.get('duplicates_removed', 0)}, "
        f"conflicting labels removed {report.get('conflicts_removed', 0)}, "
        f"test rows also in train {report['test_rows_also_in_train']}"
    ]
    if "validation_rows_also_in_train" in report:
        lines[0] += f", validation rows also in train {report['validation_rows_also_in_train']}"
    lines += [f"  {note}" for note in report.get("notes", ())]
    if report.get("left_out"):
        lines.append(f"  left out: {in_words(report['left_out'])}")
    if lengths := report.get("characters"):
        lines.append("  characters a text: " + ", ".join(f"{what} {count:,}" for what, count in lengths.items()))
    if isinstance(counts["train"].get("targets"), dict):
        lines += [f"  {split} targets: {_spread(of_split['targets'])}" for split, of_split in counts.items()]
        return lines
    if labels := counts["train"].get("labels"):
        shown = ", ".join(f"{name} {count:,}" for name, count in list(labels.items())[:20])
        return [*lines, f"  training rows that have each label: {shown}{', …' if len(labels) > 20 else ''}"]
    classes = {split: of_split.get("classes") for split, of_split in counts.items()}
    if not classes["train"]:
        return lines
    names, in_train = list(classes["train"]), list(classes["train"].values())
    if max(in_train) > 1.5 * min(in_train):
        shown = ", ".join(f"{name} {count:,}" for name, count in list(zip(names, in_train, strict=True))[:20])
        lines.append(f"  training rows of each class: {shown}{', …' if len(names) > 20 else ''}")
    for split, of_split in classes.items():
        absent = [name for name in names if not of_split[name]]
        if absent:
            lines.append(f"  warning: {split} holds no example of {', '.join(absent[:10])}; bring more data")
    return lines


def _spread(of_split: dict[str, float]) -> str:
    return "mean {mean:.4g}, deviation {deviation:.4g}, from {least:.4g} to {greatest:.4g}".format(**of_split)
