"""The registered models as rows for people and programs."""

from typing import Any

from zoo.config import config_path, load_config
from zoo.errors import ZooError, nearest
from zoo.models import catalog
from zoo.quiet import import_tensorflow
from zoo.text_table import align_columns


def describe_models(pattern: str = "*", task: str | None = None, reads: str | None = None) -> list[dict[str, Any]]:
    """One row a model: name, what it reads, task, dataset, parameters, the claim of its config, description, reference.

    Raises:
        ZooError: the task or the kind is unknown, no model matches, or a config is not valid.
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
                "claim": config.claim.model_dump() if config and config.claim else None,
                "description": info.description,
                "reference": info.reference,
            }
        )
    return rows


def format_table(rows: list[dict[str, Any]]) -> str:
    """Aligned columns; the claim is the mean of the headline on test over seeds, with its 95 % interval."""
    cells = [("model", "dataset", "parameters", "claim on test", "description")]
    for row in rows:
        claim, headline = row["claim"], catalog.model_info(row["name"]).task.headline
        interval = "–"
        if claim:
            interval = (
                f"{headline.words} {headline.text(claim['value'])} ({headline.interval_text(claim['interval'], '–')}), "
                f"{claim['seeds']} seeds"
            )
        cells.append((row["name"], row["dataset"] or "–", f"{row['parameters']:,}", interval, row["description"]))
    return align_columns(cells)
