"""Which values of which config keys a search may draw, read from YAML."""

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from zoo.config import Config, with_values
from zoo.errors import ZooError, nearest, shortened
from zoo.safe_reading import read_yaml

# Trials must be judged on the same rows, by the same seed, so that the settings alone make the difference.
_FIXED = {
    "claim": "a trial claims nothing",
    "model.name": "say --model",
    "dataset.name": "trials are judged on the same validation rows; say --set dataset.name=…",
    "dataset.data_dir": "trials are judged on the same validation rows; say --set dataset.data_dir=…",
    "dataset.validation_fraction": "trials are judged on the same validation rows; say it with --set",
    "dataset.task": "it is what the model is asked; say it with --set",
    "dataset.label": "it is what the model is asked; say it with --set",
    "dataset.duplicates": "trials are judged on the same validation rows; say it with --set",
    "dataset.image_shape": "trials are judged on the same validation rows; say it with --set",
    "training.seed": "a lucky seed is no setting; say --set training.seed=…",
}
_NUMBERS, _CHOICES = {"low", "high", "log", "step"}, {"choices"}


@dataclasses.dataclass(frozen=True)
class SearchSpace:
    """Optuna's distributions by config key, and the choices as the file has them."""

    distributions: Mapping[str, Any]
    choices: Mapping[str, list]

    def values(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """What Optuna drew, as config values: storage holds a list of numbers as text."""
        given = dict(parameters)
        for key, choices in self.choices.items():
            if key in given:
                given[key] = choices[[_stored(choice) for choice in choices].index(given[key])]
        return given

    def to_json(self) -> str:
        """The space in words that are equal for equal spaces."""
        from optuna.distributions import distribution_to_json

        return json.dumps({key: distribution_to_json(self.distributions[key]) for key in sorted(self.distributions)})


def refuse_fixed(key: str, where: str) -> None:
    """Refuse a config key that all trials must share.

    Raises:
        ZooError: it is one.
    """
    if reason := _FIXED.get(key) or _FIXED.get(key.split(".")[0]):
        raise ZooError(f"{where}: must be the same for all: {reason}")


def read_space(path: str | pathlib.Path, config: Config) -> SearchSpace:
    """Read a mapping of config keys to `{low, high, log, step}` or `{choices: […]}`.

    Numbers are whole where low and high are written as whole numbers; `log: true` draws their logarithm evenly.

    Args:
        path: the YAML file.
        config: what the keys are laid over; each end of a range and each choice must be valid in it.

    Raises:
        ZooError: the file or a key is wrong, in one line with the key.
    """
    content = read_yaml(path)
    if not isinstance(content, dict) or not content:
        raise ZooError(f"{path}: no search space; write config keys with {{low: …, high: …}} or {{choices: […]}}")
    distributions, choices = {}, {}
    for key, entry in ((str(key), entry) for key, entry in content.items()):
        where = f"{path}: {key}"
        refuse_fixed(key, where)
        if not isinstance(entry, dict) or not entry:
            raise ZooError(f"{where}: write {{low: …, high: …}} or {{choices: […]}}")
        for word in entry:
            if word not in _NUMBERS | _CHOICES:
                raise ZooError(f"{where}.{word}: unknown key; {nearest(str(word), _NUMBERS | _CHOICES)}")
        if "choices" in entry:
            distributions[key], ends = _categorical(entry, where)
            choices[key] = ends
        else:
            distributions[key], ends = _numeric(entry, where)
        for end in ends:
            _check(config, key, end, path)
    return SearchSpace(distributions, choices)


def _check(config: Config, key: str, value: Any, path: str | pathlib.Path) -> None:
    try:
        with_values(config, {key: value}, str(path))
    except ZooError as error:
        section = key.rpartition(".")[0]
        # Rules about several values of a section, such as "momentum belongs to sgd", depend on what else is drawn.
        if "unknown key" in str(error) or not str(error).startswith(f"{path}: {section}: "):
            raise


def _categorical(entry: dict, where: str):
    from optuna.distributions import CategoricalDistribution

    choices = entry["choices"]
    if len(entry) > 1:
        raise ZooError(f"{where}: choices stand alone, without {', '.join(sorted(set(entry) - _CHOICES))}")
    stored = [_stored(choice) for choice in choices] if isinstance(choices, list) else []
    if not stored or len(set(map(repr, stored))) < len(stored):
        raise ZooError(f"{where}.choices: write a list of different values (given: {shortened(repr(choices))})")
    return CategoricalDistribution(stored), choices


def _numeric(entry: dict, where: str):
    from optuna.distributions import FloatDistribution, IntDistribution

    for name in ("low", "high"):
        if type(entry.get(name)) not in (int, float):
            raise ZooError(f"{where}.{name}: a number is needed (given: {shortened(repr(entry.get(name)))})")
    low, high, log, step = entry["low"], entry["high"], entry.get("log", False), entry.get("step")
    if not isinstance(log, bool):
        raise ZooError(f"{where}.log: true or false is needed (given: {log!r})")
    if low > high:
        raise ZooError(f"{where}: low {low} is above high {high}; exchange them")
    whole = isinstance(low, int) and isinstance(high, int)
    try:
        if whole:
            return IntDistribution(low, high, log, 1 if step is None else step), [low, high]
        return FloatDistribution(low, high, log, step), [float(low), float(high)]
    except (ValueError, TypeError) as error:  # log of zero, a step of zero, both log and step
        raise ZooError(f"{where}: {' '.join(str(error).split())}") from None


def _stored(choice: Any) -> Any:
    return choice if isinstance(choice, None | bool | int | float | str) else json.dumps(choice)
