"""The registered models as rows for people and programs."""

from typing import Any

from zoo import registry
from zoo.config import config_path, load_config
from zoo.errors import ZooError, nearest
from zoo.quiet import import_tensorflow
from zoo.text_table import align_columns


def describe_models(pattern: str = "*", task: str | None = None) -> list[dict[str, Any]]:
    """One row a model: name, task, dataset, parameters, the claim of its config, description, reference.

    Raises:
        ZooError: the task is unknown, no model matches, or a config is not valid.
    """
    names = registry.list_models(pattern, task)
    if not names:
        raise ZooError(f"no model matches {pattern!r}; {nearest(pattern, registry.list_models())}")
    import_tensorflow()
    rows = []
    for name in names:
        info = registry.model_info(name)
        config = load_config(name) if config_path(name).exists() else None
        options = config.model.options if config else {}
        rows.append(
            {
                "name": name,
                "task": info.task,
                "dataset": config.dataset.name if config else None,
                "parameters": registry.create_model(name, **options).count_params(),
                "claim": config.claim.model_dump() if config and config.claim else None,
                "description": info.description,
                "reference": info.reference,
            }
        )
    return rows


def format_table(rows: list[dict[str, Any]]) -> str:
    """Aligned columns; the claim is the mean test accuracy over seeds with its 95 % interval."""
    cells = [("model", "dataset", "parameters", "test accuracy", "description")]
    for row in rows:
        claim = row["claim"]
        interval = (
            "{:.4f} ({:.4f}–{:.4f}), {} seeds".format(claim["accuracy"], *claim["interval"], claim["seeds"])
            if claim
            else "–"
        )
        cells.append((row["name"], row["dataset"] or "–", f"{row['parameters']:,}", interval, row["description"]))
    return align_columns(cells)
