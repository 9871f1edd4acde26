"""Train a model's seeds anew and say whether they bear out the claim of its config.

    python scripts/reproduce.py mnist_mlp
    python scripts/reproduce.py mnist_mlp --quick
    python scripts/reproduce.py mnist_mlp --finished='runs/mnist_mlp'
    python scripts/reproduce.py --all --resume

The mean passes if it lies in the claim's 95 % prediction interval for as many seeds. Exit status 0: every claim holds;
1: one does not; 2: one could not be judged.
"""

from absl import flags

from zoo import command_line

ALL = flags.DEFINE_bool("all", False, "Every config that makes a claim.")
QUICK = flags.DEFINE_bool("quick", False, "One seed in place of all.")
CONFIG = flags.DEFINE_string("config", None, "Config file, in place of a model's name.")
FINISHED = flags.DEFINE_string("finished", None, "Judge these finished runs, and train nothing.")
RESUME = flags.DEFINE_bool("resume", False, "Take the seeds in --runs_dir that are finished, and finish the others.")
RUNS_DIR = flags.DEFINE_string("runs_dir", "runs/reproduced", "Where the runs are made.")


def main(models: list[str]) -> int:
    from zoo.experiments.reproduce import claiming_configs, reproduce

    configs = claiming_configs(models, CONFIG.value, ALL.value)
    return reproduce(configs, RUNS_DIR.value, QUICK.value, FINISHED.value, RESUME.value)


if __name__ == "__main__":
    command_line.run(main, accepts_arguments=True)
