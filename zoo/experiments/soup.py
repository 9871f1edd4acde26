"""Model soups: the average of the weights of several runs as one model, chosen on validation.

Wortsman et al. (2022), Model soups: averaging weights of multiple fine-tuned models improves accuracy without
increasing inference time.
"""

import dataclasses
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zoo.comparison.reading import find_runs
from zoo.config import Config
from zoo.errors import ZooError
from zoo.escaping import tell
from zoo.evaluation.evaluate import fitting_split, load_dataset, refuse_other_data
from zoo.evaluation.outcome import write_outcome
from zoo.loading import LoadedModel, load_model, save_model
from zoo.measures.metric import Metric
from zoo.quiet import import_tensorflow, keeping_precision
from zoo.runs import ExportedRun, Run, SoupRun, create_run
from zoo.tasks.catalog import get_task
from zoo.version import __version__

METHODS = ("greedy", "uniform")


@dataclasses.dataclass
class Ingredient:
    """A run, its weights, and the headline of its model on validation."""

    run: Run
    weights: list[np.ndarray]
    value: float


@keeping_precision()
def soup(
    paths: Sequence[str], method: str = "greedy", runs_dir: str | os.PathLike = "runs", data_dir: str | None = None
) -> SoupRun:
    """Average runs of one model on one data set, judge the average, and write it as a run.

    `uniform` averages all. `greedy` begins with the run that is best on validation and goes through the others, from
    the best down: each stays in the average if validation is no worse with it. Statistics of batch normalization are
    measured anew on the training rows for each average. Test is read once, at the end, whatever was tried.

    Args:
        paths: folders of runs, or globs of them.
        method: one of `METHODS`.
        runs_dir: the soup becomes `runs_dir/<model>_soup/<timestamp>-<id>`.
        data_dir: where the data are, if not where the runs say.

    Raises:
        ZooError: there are fewer than two runs, they are not of one model, its options and data, or have not finished.
    """
    started, runs = time.monotonic(), find_runs(paths)
    config = _refuse_unlike(runs)
    import_tensorflow()
    from zoo.training.averaging import WeightSum, measure_normalization

    models = [load_model(run) for run in runs]
    _refuse_other_layers(runs, models)
    loaded, task = models[0], models[0].task
    dataset = load_dataset(runs[0].path, loaded, None, data_dir)
    refuse_other_data(runs[0].path, dataset)
    made = create_run(runs_dir, f"{config.model.name}_soup")  # a folder that cannot be written is told of before work
    features, settings = fitting_split(loaded, dataset, "train").features, config.training
    held_out = fitting_split(loaded, dataset, "validation")

    def value() -> float:
        answers = loaded.answers(held_out.features)
        labels = loaded.labels | task.learned_labels(answers, held_out.targets, loaded.labels)
        return task.value(task.results(answers, held_out.targets, labels))

    def stir(parts: Sequence[Ingredient]) -> float:
        """Put the average of some ingredients into the model; its value on validation."""
        weight_sum = WeightSum()
        for part in parts:
            weight_sum.add(part.weights)
        loaded.model.set_weights(weight_sum.mean())
        if len(parts) > 1:
            measure_normalization(loaded.model, features, settings.batch_size, settings.seed)
        return value()

    ingredients = []
    for run, model in zip(runs, models, strict=True):
        loaded.model.set_weights(weights := model.model.get_weights())
        ingredients.append(Ingredient(run, weights, value()))
        tell(f"{run.path}: validation {task.headline.words} {task.headline.text(ingredients[-1].value)}")
    ingredients.sort(key=lambda part: -task.headline.goodness(part.value))  # stable: of equal ones, the first named
    chosen = ingredients if method == "uniform" else _greedy(ingredients, stir, task.headline)
    return _write(SoupRun(made.path), chosen, ingredients, stir(chosen), method, loaded, dataset, started)


def _greedy(ingredients: Sequence[Ingredient], stir: Callable, headline: Metric) -> list[Ingredient]:
    """Those that stay; `stir` gives the value of an average."""
    chosen, best = [ingredients[0]], ingredients[0].value
    for part in ingredients[1:]:
        tried = stir([*chosen, part])
        stays = headline.goodness(tried) >= headline.goodness(best)
        tell(f"with {part.run.path}: validation {headline.words} {headline.text(tried)}{', it stays' if stays else ''}")
        if stays:
            chosen, best = [*chosen, part], tried
    return chosen


def _refuse_unlike(runs: Sequence[Run]) -> Config:
    """The config of the first run, once all are known to go together.

    Raises:
        ZooError: they do not; the text names the first that does not fit, and what differs.
    """
    if len(runs) < 2:
        raise ZooError(f"{runs[0].path}: a soup needs two runs or more of one model; name others, or a glob in quotes")
    wanted: dict[str, Any] = {}
    for run in runs:
        if isinstance(run, ExportedRun | SoupRun):
            raise ZooError(f"{run.path}: an export, or a soup itself; name the runs that it was made of")
        record, config = run.record, run.config
        if record["status"] != "finished":
            raise ZooError(f"{run.path}: its status is {record['status']!r}; finish it with --resume, or leave it out")
        about = {
            "model": config.model.name,
            "model.options": config.model.options,
            "dataset": config.dataset.model_dump(exclude={"data_dir", "augmentation"}),
            "data": record["data_digest"],
        }
        for key, found in about.items():
            if wanted.setdefault(key, found) != found:
                raise ZooError(
                    f"{run.path}: its {key} is not that of {runs[0].path}: a soup is of one model, with the same "
                    "options, on the same data; leave it out"
                )
    return runs[0].config


def _refuse_other_layers(runs: Sequence[Run], models: Sequence[LoadedModel]) -> None:
    """Raises: ZooError: a model has other weights than the first, or is no Keras model that is judged by itself."""
    if models[0].task.judged_by != "model":
        raise ZooError(f"{runs[0].path}: models of {models[0].task.words} are judged while they train; no soup of them")
    shapes = [tuple(weight.shape) for weight in models[0].model.weights]
    for run, model in zip(runs, models, strict=True):
        if [tuple(weight.shape) for weight in model.model.weights] != shapes or _given(model) != _given(models[0]):
            raise ZooError(f"{run.path}: its layers or labels are not those of {runs[0].path}; leave it out")


def _write(
    run: SoupRun, chosen: Sequence[Ingredient], ingredients: Sequence[Ingredient], value: float, method: str,
    loaded: LoadedModel, dataset, started: float,
) -> SoupRun:  # fmt: skip
    """The soup as a run that all commands read, with the cost of all its ingredients, and soup.json."""
    first, records = chosen[0].run, [part.run.record for part in ingredients]
    record = dict(first.record) | {
        "status": "running",
        "seed": min(each["seed"] for each in records),
        "versions": dict(first.record.get("versions", {})) | {"zoo": __version__},
        "peak_memory_mib": max(each.get("peak_memory_mib", 0) for each in records),
    }
    for key in ("resumed", "teacher", "pruned", "init_from", "average", "process"):  # of the first ingredient alone
        record.pop(key, None)
    run.write_json("run.json", record)
    parts = [
        {
            "run": str(part.run.path),
            "seed": part.run.record["seed"],
            "validation": part.value,
            "stays": any(part is other for other in chosen),
        }
        for part in ingredients
    ]
    run.write_json("soup.json", {"method": method, "validation": value, "ingredients": parts})
    run.write_config(first.config_text)
    run.write_json("labels.json", loaded.labels)
    save_model(loaded.model, run.model_file, loaded.labels)
    judged = load_model(run)  # what users get
    draw = write_outcome(run, dataset, judged.task, lambda split: (judged.answers(split.features), split.targets), {})
    seconds = sum(each.get("wall_seconds", 0.0) for each in records)
    record |= {"status": "finished", "wall_seconds": round(seconds + time.monotonic() - started, 2)}
    run.write_json("run.json", record)
    draw()
    return run


def _given(model: LoadedModel) -> dict[str, Any]:
    """Its labels but those that it has learned: other weights learn others."""
    return {key: value for key, value in model.labels.items() if key not in model.task.learned}


def in_words(run: SoupRun) -> str:
    """What came out, in a few lines for people."""
    task, told = get_task(run.labels["task"]), run.soup
    text, ingredients = task.headline.text, told["ingredients"]
    stay = sum(part["stays"] for part in ingredients)
    lines = [
        f"{told['method']} soup of {stay} of {len(ingredients)} runs: validation {task.headline.words} "
        f"{text(told['validation'])}, the best run alone {text(ingredients[0]['validation'])}; "
        f"test {text(task.value(run.results['test']))}, run {run.path}"
    ]
    if stay == 1:
        lines.append(f"no other run makes it better: it is {ingredients[0]['run']} alone")
    return "\n".join(lines)
