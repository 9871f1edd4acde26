"""Search for good values of config keys, judged on validation by the headline of the task; test is not read.

    python scripts/sweep.py --model=mnist_mlp --space=configs/sweeps/mnist_mlp.yaml --study=studies/mnist_mlp

The same command goes on after an interruption; started several times at once, the searches share the trials. It leaves
best.yaml in the study's folder, for train.py --config.
"""

from absl import flags

from zoo import command_line
from zoo.errors import ZooError

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "name of the model; scripts/list_models.py shows all")
flags.DEFINE_string("config", None, "YAML file to start from, in place of configs/<model>.yaml")
flags.DEFINE_multi_string("set", [], "fix any key of the config for all trials, such as training.epochs=10")
flags.DEFINE_multi_string("import", [], "module of yours to import first, so that it registers its models")
flags.DEFINE_string("space", None, "YAML file: config keys with {low, high, log, step} or {choices}")
flags.DEFINE_integer("trials", 20, "trials in all, with those that the study holds already")
flags.DEFINE_string("study", None, "folder of the study: its trials, their runs, best.yaml")
flags.DEFINE_string("storage", None, "URL of a PostgreSQL or MySQL database that holds the trials, for several hosts")


def main() -> int:
    for name, example in (("space", "configs/sweeps/mnist_mlp.yaml"), ("study", "studies/mnist_mlp")):
        if not FLAGS[name].value:
            raise ZooError(f"--{name} is missing; such as --{name}={example}")
    command_line.import_modules(FLAGS["import"].value)
    from zoo.config import load_config
    from zoo.experiments.sweep import sweep

    config = load_config(FLAGS.model, FLAGS.config, {}, FLAGS.set)
    return sweep(config, FLAGS.space, FLAGS.study, FLAGS.trials, FLAGS.storage)


if __name__ == "__main__":
    command_line.run(main)
