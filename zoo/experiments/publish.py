"""Runs become published weights: a file each, an entry in docs/weights.json, and a page for the Hub."""

import os
import pathlib
import tempfile
from collections.abc import Sequence
from typing import Any

from zoo.adapted import can_be_base, open_adapted, write_adapted
from zoo.comparison.reading import find_runs, recipe_digest
from zoo.comparison.receipts import judge, read_leaderboard
from zoo.config import load_as_run, load_config
from zoo.datasets.catalog import dataset_info
from zoo.errors import ZooError
from zoo.escaping import tell
from zoo.evaluation.evaluate import evaluate_model, load_dataset, refuse_other_data
from zoo.experiments.weights_page import page
from zoo.export.formats import float32_file, half_size_file
from zoo.loading import LoadedModel, deflate, load_model, with_labels
from zoo.models.catalog import list_models
from zoo.runs import Run, write_atomically
from zoo.safe_reading import sha256_of
from zoo.shipped import is_installed, shipped
from zoo.tasks.catalog import get_task
from zoo.training import checks
from zoo.weights import record

_OF_RUN = (
    "status", "model", "dataset", "seed", "git_revision", "versions", "device", "precision", "parameters", "flops",
    "steps_per_call", "data_digest", "wall_seconds", "peak_memory_mib",
)  # fmt: skip
_HALVED_ABOVE = 1_000_000  # bytes: the repository keeps all files of weights
_LICENCES = ("Apache-2.0", "MIT", "CC BY-SA 3.0")  # of data, that weights are given under too


def publish(
    paths: Sequence[str],
    output: str | os.PathLike | None = None,
    record_file: str | os.PathLike | None = None,
    leaderboard: str | os.PathLike | None = None,
    small_mb: float = 2.0,
    data_dir: str | None = None,
) -> int:
    """Publish the weights of runs, and say a line of each.

    A run is refused that did not finish, is not of the leaderboard's recipe, data and seeds, whose figure is not what
    the claim leads one to expect, or whose file does not give the run's figure exactly when it is judged again.

    Args:
        paths: of runs, or folders and globs of them.
        output: the folder that `$ZOO_WEIGHTS_URL` or the Hub serves; by default the repository's weights/.
        record_file: by default docs/weights.json. Entries of other models stay.
        leaderboard: by default docs/leaderboard.csv.
        small_mb: up to so many megabytes in all are marked for the installed package: what was marked, then the
            smallest files.
        data_dir: where the data are, if not where the environment says.

    Returns:
        0, or 2 if a run was refused.

    Raises:
        ZooError: there is no run, or nothing can be written.
    """
    if is_installed() and not (output and record_file):
        raise ZooError("publish writes into the repository; start it in a checkout, or give --output and --record")
    folder = pathlib.Path(output or shipped("weights"))
    record_file = pathlib.Path(record_file or shipped(record.PATH))
    rows = read_leaderboard(leaderboard or shipped("docs/leaderboard.csv"))
    weights = record.entries(record_file) if record_file.exists() else {}
    status = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for run in find_runs(paths):
            try:
                name, entry = _publish_one(run, rows, folder, data_dir)
            except ZooError as error:
                tell(f"refused: {error}")
                status = 2
                continue
            weights[name] = entry | {"packaged": weights.get(name, entry)["packaged"]}
            print(f"{name}: {folder / entry['file']}, {entry['bytes']:,} bytes, {entry['metric']} {entry['value']}")
            _mark_packaged(weights, small_mb)
            write_atomically(record_file, record.text_of(weights, _without(rows, record_file, weights)).encode())
        known = record.published(record_file) if record_file.exists() else {}
        write_atomically(folder / "README.md", page(known).encode())
    except OSError as error:
        raise ZooError(f"{error.filename or folder}: cannot be written ({error.strerror}); name another") from None
    left = sorted(
        {path.name for ending in (".keras", ".npz") for path in folder.glob(f"*{ending}")}
        - {entry.file for entry in known.values()}
    )
    if left:
        tell(f"notice: {folder}: of no entry of {record_file}, to be deleted: {', '.join(left)}")
    return status


def _publish_one(run: Run, rows: Sequence[dict], folder: pathlib.Path, data_dir: str | None) -> tuple[str, dict]:
    """The name and entry of a run, once its file lies in the folder."""
    facts = run.record
    if facts.get("status") != "finished":
        raise ZooError(f"{run}: is {facts.get('status')!r}; finish it with --resume")
    name, task, results = run.config.model.name, get_task(run.labels["task"]), run.results["test"]
    value = task.value(results)
    _refuse_others(run, name, task, value, rows)
    whole = load_model(run)  # judges the file, before it is unfolded
    dataset = load_dataset(run, whole, None, data_dir)
    refuse_other_data(run, dataset)
    again = evaluate_model(whole, dataset, "test")
    if task.value(again) != value or again["n"] != results["n"]:
        raise ZooError(f"{run}: its model gives {task.headline.name} {task.value(again)} on test, results.json {value}")
    with tempfile.TemporaryDirectory(dir=folder, prefix=".publishing-") as temporary:
        new, base = _write(run, whole, dataset, pathlib.Path(temporary))
        loaded = with_labels(*open_adapted(new), new) if base else load_model(new)
        value = task.value(evaluate_model(loaded, dataset, "test"))
        _refuse_unexpected(run, name, task, value)
        sha256 = sha256_of(new)
        entry = {
            "format": record.FORMAT,
            "file": record.file_name(name, sha256, new.suffix),
            "sha256": sha256,
            "bytes": new.stat().st_size,
            "packaged": False,
            "licence": licence_of(facts["dataset"]),
            "base": base,
            "dataset": facts["dataset"],
            "metric": task.headline.name,
            "value": value,
            "rows": results["n"],
            "config_digest": recipe_digest(run.config_values),
            "run": {"command": _command(name, facts["seed"])}
            | {key: facts[key] for key in _OF_RUN if facts.get(key) is not None},
        }
        os.chmod(new, 0o644)
        os.replace(new, folder / entry["file"])
    return name, entry


def _write(run: Run, whole: LoadedModel, dataset, folder: pathlib.Path) -> tuple[pathlib.Path, str | None]:
    """The file to publish, which computes in float32 so that it answers the same everywhere, and its base, if any."""
    base = run.config.model.init_from
    if (run.path / "adapters.npz").exists() and can_be_base(base):
        new, options = folder / "model.npz", checks.model_options(run.config, dataset)
        write_adapted(new, run.path / "adapters.npz", run.config, options, whole.labels)
        return new, base
    new, source = folder / "model.keras", run.model_file
    if run.config.training.precision != "float32":
        source = folder / "float32.keras"
        float32_file(run.model_file, source)
    deflate(source, new)
    if new.stat().st_size > _HALVED_ABOVE:
        half_size_file(source, half := folder / "half.keras")
        deflate(half, new)
    return new, None


def _refuse_others(run: Run, name: str, task, value: float, rows: Sequence[dict]) -> None:
    """Raises: ZooError: it is not a run behind the leaderboard's row of its model."""
    facts, where = run.record, "docs/leaderboard.csv"
    row = next((row for row in rows if (row["model"], row["dataset"]) == (name, facts["dataset"])), None)
    if row is None:
        raise ZooError(f"{run}: {where} has no row of {name} on {facts['dataset']}; measure its seeds first")
    recipe = recipe_digest(run.config_values)
    if {
        row["config_digest"],
        recipe_digest(load_as_run(name, run.config.training.precision).model_dump(mode="json")),
    } != {recipe}:
        raise ZooError(f"{run}: its recipe ({recipe}) is not that of {where} and configs/{name}.yaml; train it anew")
    if row["data_digest"] != facts["data_digest"]:
        raise ZooError(f"{run}: its data are not those of {where}")
    if str(facts["seed"]) not in row["seeds"].split():
        raise ZooError(f"{run}: its seed {facts['seed']} is none of those of {where} ({row['seeds']})")
    claim = load_config(name).claim
    if claim is None or (claim.metric, row["metric"]) != (task.headline.name, task.headline.name):
        raise ZooError(f"{run}: configs/{name}.yaml and {where} make no claim of {task.headline.name}")
    _refuse_unexpected(run, name, task, value)


def _refuse_unexpected(run: Run, name: str, task, value: float) -> None:
    """Raises: ZooError: the figure is not what the claim leads one to expect of a seed."""
    headline = task.headline
    verdict = judge(load_config(name).claim, headline, [value])
    if not verdict.passed:
        low, high = map(headline.text, verdict.expected)
        raise ZooError(f"{run}: {headline.name} {headline.text(value)} is not what the claim leads to, {low} to {high}")


def licence_of(dataset: str) -> str:
    """The licence of weights that learned a dataset: that of the data where it is a known one."""
    licence = dataset_info(dataset).licence
    known = next((each for each in _LICENCES if licence.startswith(each)), None)
    if known == "Apache-2.0":
        return known
    return f"{known}, as the data" if known else f"Apache-2.0 as far as the data allow it, whose licence is: {licence}"


def _command(name: str, seed: int) -> str:
    return f"python scripts/train.py --model={name}" + (f" --seed={seed}" if seed else "")


def _mark_packaged(weights: dict[str, dict[str, Any]], small_mb: float) -> None:
    """Mark what goes into the package: first what was in it, so that a new model takes no other's place, by size."""
    left = small_mb * 1e6
    for entry in sorted(weights.values(), key=lambda entry: (not entry["packaged"], entry["bytes"])):
        left -= entry["bytes"]
        entry["packaged"] = left >= 0


def _without(rows: Sequence[dict], record_file: pathlib.Path, weights: dict[str, Any]) -> dict[str, str]:
    """Why rows of the leaderboard have no weights: they are of scikit-learn's models, or as the record says already."""
    registered = set(list_models())
    commands = {row["model"]: row["command"] for row in rows if row["model"] not in registered}
    found = {
        name: f"it is a baseline of scikit-learn's, fitted anew in seconds: {command}"
        for name, command in commands.items()
    }
    known = record.reasons(record_file) if record_file.exists() else {}
    written = {name: why for name, why in known.items() if name in registered and name not in weights}
    return dict(sorted((found | written).items()))
