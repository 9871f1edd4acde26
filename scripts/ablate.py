"""Measure what changes of a recipe do: the same seeds with and without each, judged on validation; test is not read.

    python scripts/ablate.py --model=fashion_mnist_cnn --changes=configs/ablations/pictures.yaml --study=studies/craft

The same command goes on after an interruption. Differences are paired by seed; p is corrected for all changes.
"""

from absl import flags

from zoo import command_line
from zoo.errors import ZooError

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "name of the model; scripts/list_models.py shows all")
flags.DEFINE_string("config", None, "YAML file to start from, in place of configs/<model>.yaml")
flags.DEFINE_multi_string("set", [], "set any key of the config for all trainings, such as training.epochs=10")
flags.DEFINE_multi_string("import", [], "module of yours to import first, so that it registers its models")
flags.DEFINE_string("changes", None, "YAML file: names with {config key: value}")
flags.DEFINE_integer("num_seeds", 3, "seeds of each, from training.seed on")
flags.DEFINE_string("study", None, "folder for the runs and effects.csv")


def main() -> int:
    for name, example in (("changes", "configs/ablations/pictures.yaml"), ("study", "studies/craft")):
        if not FLAGS[name].value:
            raise ZooError(f"--{name} is missing; such as --{name}={example}")
    command_line.import_modules(FLAGS["import"].value)
    from zoo.config import load_config
    from zoo.experiments.ablation import ablate

    config = load_config(FLAGS.model, FLAGS.config, {}, FLAGS.set)
    ablate(config, FLAGS.changes, FLAGS.study, FLAGS.num_seeds)
    return 0


if __name__ == "__main__":
    command_line.run(main)
