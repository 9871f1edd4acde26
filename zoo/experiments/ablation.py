"""What each of several changes of a recipe does, measured on validation over seeds that are paired."""

import csv
import dataclasses
import os
import pathlib
import statistics
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from zoo.config import Config, with_values
from zoo.errors import ZooError
from zoo.escaping import tell
from zoo.experiments.search_space import refuse_fixed
from zoo.experiments.seeds import UNFINISHED, dataset_without_test, earlier_run, train_alone
from zoo.measures.statistics import holm, seeds_interval
from zoo.models import catalog
from zoo.safe_reading import read_yaml
from zoo.shipped import found
from zoo.text_table import align_columns, p_text
from zoo.training.strategy import refuse_workers

RECIPE = "the recipe itself"


@dataclasses.dataclass(frozen=True)
class Effect:
    """What a change does to the headline on validation.

    mean: over seeds. difference: mean of what each seed gains, interval: its 95 % interval (Student's t over seeds).
    p: of a paired t-test, corrected for all changes of the table (Holm). None where there is nothing to compare.
    """

    name: str
    mean: float
    seconds: float
    difference: float | None = None
    interval: tuple[float, float] | None = None
    p: float | None = None


def read_changes(path: str | os.PathLike, config: Config) -> dict[str, Config]:
    """The config under each change's name, the config itself first.

    Args:
        path: a YAML file of names with `{config key: value}`.
        config: what the values are laid over.

    Raises:
        ZooError: the file is no such mapping, or a key or value is wrong.
    """
    content = read_yaml(path)
    if not isinstance(content, dict) or not content:
        raise ZooError(f"{path}: no changes; write names with {{config key: value}}")
    configs = {RECIPE: config}
    for name, values in content.items():
        where = f"{path}: {name}"
        if not isinstance(values, dict) or not values:
            raise ZooError(f"{where}: write {{config key: value}}")
        for key in map(str, values):
            refuse_fixed(key, f"{where}: {key}")
        configs[str(name)] = with_values(config, values, where)
        if configs[str(name)] == config:
            raise ZooError(f"{where}: it changes nothing in this recipe; take it out, or say what it is against --set")
    return configs


def ablate(config: Config, changes_file: str, study_dir: str, num_seeds: int) -> list[Effect]:
    """Train the recipe and each change with the same seeds, and compare them on validation; test is not read.

    What the study's folder holds already is taken as it is, and an interrupted training goes on.

    Args:
        config: its seed is the first.
        changes_file: see `read_changes`.
        study_dir: the runs of each change, and effects.csv.
        num_seeds: 2 or more.

    Raises:
        ZooError: the changes are wrong, or a training fails.
        zoo.errors.Interrupted: as `zoo.train`.
    """
    if num_seeds < 2:
        raise ZooError(f"--num_seeds={num_seeds}: at least 2 are needed, for differences between seeds")
    refuse_workers(config.training, "an ablation")
    config = config.model_copy(update={"claim": None})
    configs, folder = read_changes(found(changes_file), config), pathlib.Path(study_dir)
    task, dataset = catalog.model_info(config.model.name).task, dataset_without_test(config)
    headline = task.headline
    values, seconds = {name: [] for name in configs}, {name: [] for name in configs}
    for seed in range(config.training.seed, config.training.seed + num_seeds):
        for name, one in configs.items():
            run = _trained(with_values(one, {"training.seed": seed}, name), folder / "runs", dataset)
            values[name].append(task.value(run.results["validation"]))
            seconds[name].append(run.record["wall_seconds"])
            tell(f"seed {seed}  {name}: validation {headline.words} {headline.text(values[name][-1])}")
    effects = _effects(values, seconds)
    _write(folder / "effects.csv", effects)
    print(effects_table(effects, headline))
    return effects


def effects_table(effects: Sequence[Effect], headline) -> str:
    """A line a change, those that help most first, after the recipe itself."""
    sign = -1 if headline.better == "less" else 1
    ordered = sorted(effects, key=lambda effect: (effect.difference is not None, -sign * (effect.difference or 0)))
    rows = [("change", f"validation {headline.name}", "difference", "95 % interval", "p", "seconds a seed")]
    for effect in ordered:
        compared = ("", "", "")
        if effect.difference is not None:
            low, high = effect.interval
            compared = (f"{effect.difference:+.4f}", f"{low:+.4f} to {high:+.4f}", p_text(effect.p))
        rows.append((effect.name, headline.text(effect.mean), *compared, f"{effect.seconds:.0f}"))
    return align_columns(rows)


def _trained(config: Config, runs_dir: pathlib.Path, dataset):
    finished = earlier_run(config, runs_dir, ("finished",), withheld_test=True)
    unfinished = None if finished else earlier_run(config, runs_dir, UNFINISHED)
    return finished or train_alone(config, runs_dir, resume=unfinished, dataset=dataset, show_progress=False)


def _effects(values: Mapping[str, Sequence[float]], seconds: Mapping[str, Sequence[float]]) -> list[Effect]:
    from scipy import stats

    own, found_effects = values[RECIPE], []
    for name, of_change in values.items():
        mean, cost = statistics.fmean(of_change), statistics.median(seconds[name])
        if name == RECIPE:
            found_effects.append(Effect(name, mean, cost))
            continue
        gains = [after - before for after, before in zip(of_change, own, strict=True)]
        constant = len(set(gains)) == 1
        p = float(gains[0] == 0) if constant else float(stats.ttest_1samp(gains, 0).pvalue)
        found_effects.append(Effect(name, mean, cost, statistics.fmean(gains), seeds_interval(gains), p))
    corrected = iter(holm([effect.p for effect in found_effects if effect.p is not None]))
    return [effect if effect.p is None else dataclasses.replace(effect, p=next(corrected)) for effect in found_effects]


def _write(path: pathlib.Path, effects: Sequence[Effect]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["change", "mean", "difference", "low", "high", "p", "seconds"])
        for effect in effects:
            low, high = effect.interval or ("", "")
            writer.writerow([effect.name, effect.mean, _or_empty(effect.difference), low, high, _or_empty(effect.p),
                             effect.seconds])  # fmt: skip
    print(f"{path}", file=sys.stderr)


def _or_empty(value: Any) -> Any:
    return "" if value is None else value
