"""Whether the claims of configs hold: their seeds trained anew and judged."""

import os
import sys
from collections.abc import Sequence

from zoo.command_words import command
from zoo.comparison import receipts, table
from zoo.config import Config, config_path, load_config, recipe
from zoo.errors import Interrupted, ZooError
from zoo.escaping import tell
from zoo.experiments.seeds import train_seeds
from zoo.models import catalog
from zoo.training.strategy import refuse_workers


def claiming_configs(models: Sequence[str], config_file: str | None = None, every: bool = False) -> list[Config]:
    """The configs of models, the one of a file, or every one that makes a claim.

    Raises:
        ZooError: there is none, a config is wrong, or one that was asked for makes no claim.
    """
    if every:
        names = [name for name in catalog.list_models() if config_path(name).exists()]
        return [config for config in map(load_config, names) if config.claim]
    configs = [load_config(name) for name in models] + ([load_config(path=config_file)] if config_file else [])
    if not configs:
        raise ZooError("nothing to reproduce; name models, or give --all or --config=FILE")
    for config in configs:
        if config.claim is None:
            raise ZooError(f"{config.model.name}: its config makes no claim; there is nothing to reproduce")
    return configs


def reproduce(
    configs: Sequence[Config],
    runs_dir: str | os.PathLike,
    quick: bool = False,
    finished: str | None = None,
    resume: bool = False,
) -> int:
    """Judge each config's claim, print a line a model, and return the exit status.

    Args:
        configs: each with a claim.
        runs_dir: where the runs are made.
        quick: one seed in place of the claim's number.
        finished: a folder of finished runs, or a glob, to judge in place of new ones.
        resume: take the seeds in `runs_dir` that are finished, and go on with interrupted ones.

    Returns:
        0: all claims hold; 1: one does not; 2: one could not be judged, and all others hold.
    """
    outcomes = []
    for number, config in enumerate(configs, start=1):
        name, claim = config.model.name, config.claim
        headline = catalog.model_info(name).task.headline
        if len(configs) > 1:
            print(f"{number}/{len(configs)}: {name}", file=sys.stderr)
        try:
            if finished:
                figures = _finished_figures(config, finished)
            else:
                refuse_workers(config.training, command("reproduce"))
                figures = _new_figures(config, runs_dir, 1 if quick else claim.seeds, resume)
        except ZooError as error:
            tell(f"{name} was not judged: {error}")
            outcomes.append(2)
            continue
        except Interrupted as interruption:
            print("interrupted; --resume takes the seeds that are finished", file=sys.stderr)
            return 128 + interruption.signal_number
        verdict = receipts.judge(claim, headline, figures)
        seeds = f"{len(figures)} seed{'s' if len(figures) > 1 else ''}"
        word = "passes" if verdict.passed else "FAILS"
        mean, claimed = map(headline.text, (verdict.mean, claim.value))
        expected = headline.interval_text(verdict.expected)
        print(f"{name} {word}: {headline.words} {mean} ({seeds}), claim {claimed}, expected {expected}", flush=True)
        outcomes.append(0 if verdict.passed else 1)
    return 1 if 1 in outcomes else max(outcomes)


def _new_figures(config: Config, runs_dir: str | os.PathLike, seeds: int, resume: bool) -> list[float]:
    task, figures = catalog.model_info(config.model.name).task, []
    for seed, run, taken in train_seeds(config, runs_dir, range(seeds), resume):
        figures.append(task.value(run.results["test"]))
        how, figure = ", finished before" if taken else "", task.headline.text(figures[-1])
        print(f"{config.model.name}, seed {seed}: {figure}{how}, run {run.path}", file=sys.stderr)
    return figures


def _finished_figures(config: Config, path: str) -> list[float]:
    runs = [run for run in table.find_runs([path]) if run.path.parent.name == config.model.name]
    results, _ = table.read_results(runs)
    of_this = [r for r in results if recipe(r.run.config) == recipe(config)]
    if not of_this:
        raise ZooError(f"--finished={path}: no finished run of {config.model.name} with the config of the claim")
    return [result.value for result in of_this]
