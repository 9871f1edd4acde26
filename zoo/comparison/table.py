"""Runs → rows of figures, one a config, in a table for each test set."""

import collections
import csv
import dataclasses
import fnmatch
import glob
import hashlib
import io
import json
import pathlib
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.comparison import statistics
from zoo.errors import ZooError, nearest
from zoo.runs import Run
from zoo.text_table import align_columns

COLUMNS = [
    "model",
    "config",
    "dataset",
    "seeds",
    "accuracy",
    "interval",
    "test_interval",
    "macro_f1",
    "nll",
    "ece",
    "coverage_90",
    "parameters",
    "size_mib",
    "seconds",
    "peak_memory_mib",
    "device",
    "difference",
    "difference_interval",
    "p",
    "verdict",
]
_ON_REQUEST = {
    "config", "dataset", "coverage_90", "size_mib", "peak_memory_mib", "device", "difference", "difference_interval",
}  # fmt: skip
DEFAULT_COLUMNS = [column for column in COLUMNS if column not in _ON_REQUEST]


@dataclasses.dataclass(frozen=True)
class Result:
    """One finished run: what it was, its figures, and which test rows it gets right."""

    run: Run
    record: dict[str, Any]
    figures: dict[str, Any]
    config_digest: str
    test_digest: str
    correct: np.ndarray  # bool[rows]
    coverage_90: float


def find_runs(paths: Sequence[str], models: Sequence[str] = ("*",)) -> list[Run]:
    """The runs at or below paths and globs whose model fits one of the patterns.

    Raises:
      ZooError: a path holds no run, or no model fits.
    """
    found = {}
    for path in paths:
        folders = [pathlib.Path(name) for name in glob.glob(path)]
        records = [record for folder in folders for record in sorted(folder.glob("**/run.json"))]
        if not records:
            raise ZooError(f"{path}: no run there; name a folder that training wrote, or a glob of them in quotes")
        found |= {record.parent.resolve(): Run(record.parent) for record in records}
    kept = [run for run in found.values() if any(fnmatch.fnmatch(run.path.parent.name, model) for model in models)]
    if not kept:
        raise ZooError(
            f"--models={','.join(models)}: {nearest(models[0], {r.path.parent.name for r in found.values()})}"
        )
    return kept


def read_results(runs: Sequence[Run]) -> tuple[list[Result], list[str]]:
    """The newest finished run of each (config, seed, data), and a line for every run that is left out."""
    newest, refused = {}, []
    for run in sorted(runs, key=lambda run: run.path.name):
        try:
            result = read_result(run)
        except ZooError as error:
            refused.append(str(error))
            continue
        newest[result.config_digest, result.record["seed"], result.test_digest] = result
    return list(newest.values()), refused


def read_result(run: Run) -> Result:
    """One run.

    Raises:
      ZooError: it is unfinished, damaged, or no classifier.
    """
    record = run.record
    if record.get("status") != "finished":
        raise ZooError(f"{run.path}: left out, its status is {record.get('status')!r}; finish it with --resume")
    figures = run.results.get("test", {})
    if "accuracy" not in figures or not isinstance(figures["accuracy"], dict):
        raise ZooError(f"{run.path}: left out, its task is not classification")
    try:
        with np.load(run.path / "predictions.npz") as stored:
            ids, labels, probabilities = stored["ids"], stored["labels"], stored["probabilities"]
        digest = _test_digest(record, ids, labels, run.label_names)
        config_digest = _config_digest(run)
        if len(ids) != len(labels) or probabilities.shape != (len(labels), len(run.label_names)):
            raise ValueError("ids, labels and probabilities are not as many")
        if len(labels) != figures["n"]:
            raise ValueError(f"{len(labels)} rows where results.json has {figures['n']}")
        for name in ("macro_f1", "negative_log_likelihood", "expected_calibration_error"):
            float(figures[name])
        for name in ("seed", "model", "dataset", "parameters", "wall_seconds", "peak_memory_mib", "device"):
            record[name]
        correct = probabilities.argmax(axis=1) == labels
        return Result(
            run, record, figures, config_digest, digest, correct, statistics.accuracy_at_coverage(probabilities, labels)
        )
    except FileNotFoundError as error:
        raise ZooError(f"{run.path}: left out, {pathlib.Path(error.filename).name} is missing") from None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        text = " ".join(str(error).split())
        raise ZooError(f"{run.path}: left out, damaged or of another version ({text}); train again") from None


def _test_digest(record: dict, ids: np.ndarray, labels: np.ndarray, names: list[str]) -> str:
    content = hashlib.sha256(f"{record['dataset']} {record['data_digest']} {names}".encode())
    content.update(np.ascontiguousarray(ids).tobytes() + labels.astype("int64").tobytes())
    return content.hexdigest()[:8]


def _config_digest(run: Run) -> str:
    """The config's values without those that no figure should depend on: seed, claim, and where the data are."""
    from ruamel.yaml import YAML, YAMLError

    try:
        values = YAML(typ="safe").load((run.path / "config.yaml").read_text(encoding="utf-8"))
        values.pop("claim", None)
        values["training"].pop("seed", None)
        values["dataset"].pop("data_dir", None)
    except (YAMLError, AttributeError) as error:
        raise ValueError(f"config.yaml: {type(error).__name__}") from None
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:8]


def compare(results: Sequence[Result]) -> list[list[dict[str, Any]]]:
    """Tables, one for each test set, of rows by falling accuracy; each row is tested against its table's first."""
    tables = collections.defaultdict(lambda: collections.defaultdict(list))
    for result in results:
        tables[result.test_digest][result.config_digest].append(result)
    return [_compare_rows(list(groups.values())) for groups in tables.values()]


def _compare_rows(groups: list[list[Result]]) -> list[dict[str, Any]]:
    correct = [np.stack([result.correct for result in group]) for group in groups]
    order = sorted(range(len(groups)), key=lambda index: -correct[index].mean())
    rows = [_row(groups[index], correct[index]) for index in order]
    best = correct[order[0]]
    differences = [statistics.compare_correctness(correct[index], best) for index in order[1:]]
    adjusted = statistics.holm([difference.p for difference in differences])
    rows[0] |= dict.fromkeys(("difference", "difference_interval", "p")) | {"verdict": "best"}
    for row, difference, p in zip(rows[1:], differences, adjusted, strict=True):
        n = best.shape[1]
        verdict = "worse than the best" if p < 0.05 else f"not distinguishable from the best at n = {n:,}"
        row |= {"difference": difference.value, "difference_interval": difference.interval, "p": p, "verdict": verdict}
    return rows


def _row(group: list[Result], correct: np.ndarray) -> dict[str, Any]:
    from zoo.evaluation.metrics import wilson_interval

    def mean(name):
        return float(np.mean([result.figures[name] for result in group]))

    first, rows = group[0], correct.shape[1]
    model_file = first.run.model_file
    return {
        "model": first.record["model"],
        "config": first.config_digest,
        "dataset": first.record["dataset"],
        "seeds": len(group),
        "accuracy": float(correct.mean()),
        "interval": statistics.seeds_interval(correct.mean(axis=1)),
        "test_interval": wilson_interval(round(correct.mean() * rows), rows),
        "macro_f1": mean("macro_f1"),
        "nll": mean("negative_log_likelihood"),
        "ece": mean("expected_calibration_error"),
        "coverage_90": float(np.mean([result.coverage_90 for result in group])),
        "parameters": first.record["parameters"],
        "size_mib": model_file.stat().st_size / 2**20 if model_file.exists() else None,
        "seconds": float(np.median([result.record["wall_seconds"] for result in group])),
        "peak_memory_mib": max(result.record["peak_memory_mib"] for result in group),
        "device": first.record["device"],
    }


def render(tables: Sequence[Sequence[dict]], columns: Sequence[str], form: str) -> str:
    """Tables as text.

    Args:
      tables: of `compare`.
      columns: which of COLUMNS, in their order.
      form: terminal, markdown, csv or json.

    Raises:
      ZooError: there is no such column.
    """
    for column in columns:
        if column not in COLUMNS:
            raise ZooError(f"--columns={column}: no such column; {nearest(column, COLUMNS)}")
    if form == "json":
        return json.dumps([[{c: row[c] for c in columns} for row in rows] for rows in tables], indent=2)
    if form == "csv":
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([cell(c, row[c]) for c in columns] for rows in tables for row in rows)
        return stream.getvalue().rstrip("\n")
    return "\n\n".join(_text_table(rows, columns, form) for rows in tables)


def _text_table(rows: Sequence[dict], columns: Sequence[str], form: str) -> str:
    cells = [[cell(column, row[column]) for column in columns] for row in rows]
    if form == "terminal":
        return f"{rows[0]['dataset']}\n" + align_columns([list(columns), *cells])
    lines = [columns, ["---"] * len(columns), *([text.replace("|", "\\|") for text in line] for line in cells)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cell(column: str, value: Any) -> str:
    """A figure as people read it; blank where there is none."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return f"{value[0]:.4f} to {value[1]:.4f}"
    if column == "p":
        return "< 0.001" if value < 0.001 else f"{value:.3f}"
    if isinstance(value, float):
        return f"{value:.1f}" if column in ("seconds", "size_mib") else f"{value:.4f}"
    return f"{value:,}" if column == "parameters" else str(value)
