"""From a YAML file, flags and assignments to one validated description of a training."""

import pathlib
from collections.abc import Iterable
from typing import Any

import pydantic

from zoo import safe_reading
from zoo.errors import ZooError, nearest, shortened
from zoo.models import catalog
from zoo.settings import ClaimSection, Config, DatasetSection, first_mistake
from zoo.shipped import found, shipped

_STARTS = ("model.init_from", "dataset.train_fraction")  # a claim is of the recipe's own


def config_path(model_name: str) -> pathlib.Path:
    """Where the YAML file of a registered model is: in the repository, or in the installed package."""
    return shipped(f"configs/{model_name}.yaml")


def load_config(
    model_name: str | None = None,
    path: str | pathlib.Path | None = None,
    overrides: dict[str, Any] | None = None,
    assignments: list[str] | tuple[str, ...] = (),
) -> Config:
    """Read the config of a model, or the one at `path`, and lay overrides over it.

    Args:
        model_name: a registered model; one without a YAML file starts from the defaults and needs `dataset.name`.
        path: a YAML file to read in place of the model's own.
        overrides: values by full key, such as `{"training.epochs": 3}`.
        assignments: the same as text, `training.epochs=3`, the value in YAML.

    Raises:
        ZooError: a file, key, type or value is wrong; the text has the key's full path and the nearest valid key.
    """
    if path is None and model_name is None:
        raise ZooError(f"which model? --model=NAME, with one of: {', '.join(catalog.list_models())}")
    values: dict[str, Any] = {}
    if model_name is not None:
        catalog.model_info(model_name)
        values = {"model": {"name": model_name}}
    source = found(path) if path else config_path(model_name)
    if path or source.exists():
        values = read_yaml(source) | ({} if path is None or model_name is None else values)
    own_dataset, given = _value_at(values, "dataset.name"), set(overrides or {})
    own_start = [_value_at(values, key) for key in _STARTS]
    given |= _assign_texts(values, assignments)
    for key, value in (overrides or {}).items():
        _assign(values, key, value)
    if path is None and own_dataset not in (None, _value_at(values, "dataset.name")):
        _leave_own_data(values, given)
    if own_start != [_value_at(values, key) for key in _STARTS]:
        values.pop("claim", None)
    return validate(values, str(source) if source.exists() else "the command line")


def dataset_section(values: dict[str, Any], assignments: Iterable[str] = ()) -> DatasetSection:
    """The part of a config that names data, for scripts that train no model of the registry.

    Args:
        values: of the section.
        assignments: values to lay over it, as text with full keys, `dataset.label=price`.

    Raises:
        ZooError: a key or value is wrong; the text has the key's full path and the nearest valid key.
    """
    laid_over = {"dataset": values}
    for key in _assign_texts(laid_over, assignments):
        if not key.startswith("dataset."):
            raise ZooError(f"--set {shortened(key)}: dataset alone has keys to set here, such as dataset.label")
    try:
        return Config.model_validate(laid_over | {"model": {"name": "none"}}).dataset
    except pydantic.ValidationError as error:
        raise ZooError(f"the command line: {first_mistake(error)}") from None


def _leave_own_data(values: dict[str, Any], given: set[str]) -> None:
    """For data that are not the recipe's own: drop the claim, and fit what depends on the number of rows to theirs."""
    values.pop("claim", None)
    sections = {key.rsplit(".", 1)[0] for key in given}
    if not {"training", "training.fit_to_rows"} & (given | (sections - {"training"})):
        free = [name for name in ("epochs", "batch_size", "selection") if f"training.{name}" not in given]
        _assign(values, "training.fit_to_rows", free)


def _value_at(values: Any, key: str) -> Any:
    for part in key.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    return values


def validate(values: dict[str, Any], where: str) -> Config:
    """Turn plain values into a `Config`.

    Raises:
        ZooError: the first thing that is wrong, with its full key.
    """
    if not isinstance(values, dict):
        raise ZooError(f"{where}: a config is a mapping with the keys {', '.join(Config.model_fields)}")
    if isinstance(values.get("model"), dict) and "dataset" not in values:
        raise ZooError(f"model {values['model'].get('name')!r} has no config of its own; say --dataset=NAME")
    try:
        config = Config.model_validate(values)
    except pydantic.ValidationError as error:
        raise ZooError(f"{where}: {first_mistake(error)}") from None
    info = catalog.model_info(config.model.name)
    for option in config.model.options:
        if option not in info.option_names:
            raise ZooError(f"{where}: model.options.{option}: unknown key; {nearest(option, info.option_names)}")
    if config.claim:
        _check_claim(config.claim, info.task, where)
    return config


def _check_claim(claim: ClaimSection, task, where: str) -> None:
    headline = task.headline
    if claim.metric != headline.name:
        raise ZooError(f"{where}: claim.metric is {claim.metric!r}; models of {task.words} claim {headline.name}")
    low, high = claim.interval
    if not headline.bounds[0] <= low <= claim.value <= high <= headline.bounds[1]:
        raise ZooError(
            f"{where}: claim: value {claim.value:g} and interval {low:g} to {high:g}; the value is to lie inside, and "
            f"{headline.words} between {headline.bounds[0]:g} and {headline.bounds[1]:g}"
        )


def with_values(config: Config, values: dict[str, Any], where: str) -> Config:
    """The config with values laid over it by full key, such as `{"training.seed": 3}`.

    Raises:
        ZooError: a key or value is wrong; the text begins with `where`.
    """
    laid_over = config.model_dump(mode="json")
    for key, value in values.items():
        _assign(laid_over, key, value)
    return validate(laid_over, where)


def load_as_run(model_name: str, precision: str) -> Config:
    """The config of a model as a run of it has it: `precision: auto` has become what the machine has."""
    config = load_config(model_name)
    if config.training.precision != "auto":
        return config
    return with_values(config, {"training.precision": precision}, model_name)


def recipe(config: Config) -> Config:
    """The config without its claim and seed: runs of one recipe are seeds of each other."""
    training = config.training.model_copy(update={"seed": 0})
    return config.model_copy(update={"claim": None, "training": training})


def read_yaml(path: str | pathlib.Path) -> dict[str, Any]:
    """The mapping that a YAML 1.2 file holds, an empty one where it holds nothing.

    Raises:
        ZooError: as `zoo.safe_reading.read_yaml`, or it holds something else.
    """
    values = safe_reading.read_yaml(path)
    if not isinstance(values, dict | None):
        raise ZooError(f"{path}: holds no mapping; write key: value")
    return values or {}


def _assign_texts(values: dict[str, Any], assignments: Iterable[str]) -> set[str]:
    """Lays each `key=value` over the values, and returns the keys."""
    keys = set()
    for assignment in assignments:
        key, separator, text = assignment.partition("=")
        if not separator:
            raise ZooError(f"--set={shortened(assignment)}: write key=value, such as training.epochs=3")
        _assign(values, key.strip(), safe_reading.parse_yaml(text, f"--set={shortened(assignment)}"))
        keys.add(key.strip())
    return keys


def _assign(values: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        if not isinstance(values.get(parent), dict):
            values[parent] = {}
        values = values[parent]
    values[last] = value
