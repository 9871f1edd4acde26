"""The registered models as rows for people and programs."""

from typing import Any

from zoo.config import config_path, load_config
from zoo.errors import ZooError, nearest
from zoo.escaping import tell
from zoo.models import catalog
from zoo.quiet import import_tensorflow
from zoo.text_table import align_columns
from zoo.weights import record

_OF_WEIGHTS = {"file", "bytes", "sha256", "licence", "dataset", "metric", "value"}


def describe_models(pattern: str = "*", task: str | None = None, reads: str | None = None) -> list[dict[str, Any]]:
    """One row a model: name, reads, task, dataset, parameters, weights, claim of its config, description, reference.

    Raises:
        ZooError: the task or the kind is unknown, no model matches, or a config or docs/weights.json is not valid.
    """
    names = catalog.list_models(pattern, task, reads)
    if not names and catalog.list_models(pattern):
        raise ZooError(f"no model matches {pattern!r}, --task={task} and --reads={reads} together; leave one out")
    if not names:
        raise ZooError(f"no model matches {pattern!r}; {nearest(pattern, catalog.list_models())}")
    import_tensorflow()
    rows = []
    for name in names:
        info = catalog.model_info(name)
        config = load_config(name) if config_path(name).exists() else None
        options = config.model.options if config else {}
        rows.append(
            {
                "name": name,
                "reads": info.reads,
                "task": info.task.name,
                "dataset": config.dataset.name if config else None,
                "parameters": catalog.create_model(name, **options).count_params(),
                "weights": _weights(name),
                "claim": config.claim.model_dump() if config and config.claim else None,
                "description": info.description,
                "reference": info.reference,
            }
        )
    return rows


def _weights(name: str) -> dict[str, Any] | None:
    """What is known of the published weights of a model; of another version, a line says so."""
    if name not in record.entries():
        return None
    try:
        return record.find(name).model_dump(include=_OF_WEIGHTS)
    except ZooError as error:
        tell(f"notice: {error}")
        return None


def format_table(rows: list[dict[str, Any]]) -> str:
    """Aligned columns; the claim is the mean of the headline on test over seeds, with its 95 % interval.

    Weights: the size of the published file, and the headline of this very file on test.
    """
    cells = [("model", "dataset", "parameters", "claim on test", "weights", "description")]
    for row in rows:
        claim, headline = row["claim"], catalog.model_info(row["name"]).task.headline
        interval = "–"
        if claim:
            interval = (
                f"{headline.words} {headline.text(claim['value'])} ({headline.interval_text(claim['interval'], '–')}), "
                f"{claim['seeds']} seeds"
            )
        weights, of_file = row["weights"], "–"
        if weights:
            size = weights["bytes"]
            words = f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"
            of_file = f"{words}, {headline.text(weights['value'])}"
        first = (row["name"], row["dataset"] or "–", f"{row['parameters']:,}")
        cells.append((*first, interval, of_file, row["description"]))
    return align_columns(cells)
