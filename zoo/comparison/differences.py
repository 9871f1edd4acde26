"""By which settings rows of one model differ."""

from collections.abc import Sequence

from zoo.comparison.reading import Result

_OF_NO_RECIPE = ("claim", "training.seed", "dataset.data_dir")


def settings(results: Sequence[Result]) -> list[str]:
    """Of each result, `key=value` for those keys of its config that not all of them share."""
    configs = []
    for result in results:
        configs.append(dict(_leaves(result.run.config_values)))
    keys = dict.fromkeys(key for config in configs for key in config if not key.startswith(_OF_NO_RECIPE))
    differing = [key for key in keys if any(config.get(key) != configs[0].get(key) for config in configs)]
    return [", ".join(f"{key}={config[key]}" for key in differing if key in config) for config in configs]


def _leaves(values: dict, prefix: str = ""):
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
