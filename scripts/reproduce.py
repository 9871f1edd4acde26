"""Train a model's seeds anew and say whether they bear out the claim of its config.

    python scripts/reproduce.py mnist_mlp
    python scripts/reproduce.py mnist_mlp --quick
    python scripts/reproduce.py mnist_mlp --finished='runs/mnist_mlp'
    python scripts/reproduce.py --all

The mean passes if it lies in the claim's 95 % prediction interval for as many seeds. Exit status 1: some claim failed.
"""

from absl import flags

from zoo import command_line
from zoo.errors import ZooError

ALL = flags.DEFINE_bool("all", False, "Every config that makes a claim.")
QUICK = flags.DEFINE_bool("quick", False, "One seed in place of all.")
CONFIG = flags.DEFINE_string("config", None, "Config file, in place of a model's name.")
FINISHED = flags.DEFINE_string("finished", None, "Judge these finished runs, and train nothing.")
RUNS_DIR = flags.DEFINE_string("runs_dir", "runs/reproduced", "Where the runs are made.")


def main(models: list[str]) -> int:
    from zoo import config, registry

    if ALL.value:
        names = [name for name in registry.list_models() if config.config_path(name).exists()]
        configs = [one for one in map(config.load_config, names) if one.claim]
    else:
        configs = [config.load_config(name) for name in models]
        configs += [config.load_config(path=CONFIG.value)] if CONFIG.value else []
    if not configs:
        raise ZooError("nothing to reproduce; name models, or give --all or --config=FILE")
    return int(not all([_reproduce(one) for one in configs]))


def _reproduce(config) -> bool:
    from zoo.comparison import receipts

    name, claim = config.model.name, config.claim
    if claim is None:
        raise ZooError(f"{name}: its config makes no claim; there is nothing to reproduce")
    verdict = receipts.judge(claim, _accuracies(config, 1 if QUICK.value else claim.seeds))
    low, high = verdict.expected
    word = "passes" if verdict.passed else "FAILS"
    print(f"{name} {word}: {verdict.mean:.4f}, claim {claim.accuracy:.4f}, expected {low:.4f} to {high:.4f}")
    return verdict.passed


def _accuracies(config, seeds: int) -> list[float]:
    if FINISHED.value:
        from zoo.comparison import table

        results, _ = table.read_results(table.find_runs([FINISHED.value], [config.model.name]))
        results = [result for result in results if result.record["dataset"] == config.dataset.name]
        if not results:
            raise ZooError(f"--finished={FINISHED.value}: no finished run of {config.model.name}")
        return [float(result.correct.mean()) for result in results]
    import zoo

    runs = []
    for seed in range(seeds):
        training = config.training.model_copy(update={"seed": seed})
        runs.append(zoo.train(config.model_copy(update={"training": training}), RUNS_DIR.value))
    return [run.results["test"]["accuracy"]["value"] for run in runs]


if __name__ == "__main__":
    command_line.run(main, accepts_arguments=True)
