"""Train a registered model and leave a run directory: python scripts/train.py --model=mnist_mlp"""

import sys

from absl import flags

from zoo import command_line
from zoo.errors import ZooError

FLAGS = flags.FLAGS
flags.DEFINE_string("model", None, "name of the model; scripts/list_models.py shows all")
flags.DEFINE_string("config", None, "YAML file to use in place of configs/<model>.yaml")
flags.DEFINE_multi_string("set", [], "override any key of the config, such as training.optimizer.weight_decay=1e-4")
flags.DEFINE_multi_string("import", [], "module of yours to import first, so that it registers its models")
flags.DEFINE_integer("epochs", None, "passes over the training data")
flags.DEFINE_integer("batch_size", None, "examples a step, over all devices")
flags.DEFINE_float("learning_rate", None, "peak learning rate")
flags.DEFINE_integer("seed", None, "decides initial weights, order, dropout and augmentation")
flags.DEFINE_string("task", None, "what the label column of your own table is for, where that is not sure")
flags.DEFINE_string("dataset", None, "name of the dataset; scripts/prepare_data.py shows all")
flags.DEFINE_string("data_dir", None, "where prepared data live, or the user's own file or folder")
flags.DEFINE_string("init_from", None, "whose weights to start from: a model's name, a run, a .keras file, minilm, …")
flags.DEFINE_string("runs_dir", "runs", "where run directories are made")
flags.DEFINE_string("precision", None, "auto (by what the processor has), float32, mixed_bfloat16 or mixed_float16")
flags.DEFINE_integer("steps_per_call", None, "training steps in one call of a program (default: by size and XLA)")
flags.DEFINE_enum("xla", None, ["auto", "on", "off"], "compile training by XLA; auto: no convolutions or texts on CPUs")
flags.DEFINE_bool("profile", False, "write a TensorBoard profile of two calls of the training loop")
flags.DEFINE_string("strategy", None, "auto, default, mirrored, multi_worker or tpu")
flags.DEFINE_integer("devices", None, "how many GPUs, or virtual devices, train together under mirrored")
flags.DEFINE_integer("virtual_devices", None, "cut the CPU into this many devices, to try strategies")
flags.DEFINE_string("resume", None, "interrupted run to finish, or auto: the newest of the same config, if any")
flags.DEFINE_integer("num_seeds", None, "train so many seeds, from --seed on, and report their mean with its interval")
flags.DEFINE_integer("cross_validation", None, "train on this many folds and report the mean")
flags.DEFINE_multi_enum("tracker", [], ["mlflow", "wandb"], "send what the run holds to this tracker too")
flags.DEFINE_bool("print_config", False, "print the resolved config and stop")


def main() -> int:
    command_line.import_modules(FLAGS["import"].value)
    overrides = {key: FLAGS[name].value for name, key in command_line.SETTINGS.items() if FLAGS[name].value is not None}
    from zoo.experiments import session

    several = [name for name in ("num_seeds", "cross_validation") if FLAGS[name].present]
    if len(several) > 1 or FLAGS.profile and (FLAGS.resume or several):
        raise ZooError("give one of --num_seeds and --cross_validation alone; --profile is for one new training")
    if FLAGS.tracker and FLAGS.cross_validation is not None:
        raise ZooError("--tracker does not go with --cross_validation, whose folds are no runs of a config")
    if FLAGS.resume and FLAGS.resume != "auto":
        fixed = ("model", "config", "set", *several, *(name for name in command_line.SETTINGS if name != "data_dir"))
        session.refuse_overrides([name for name in fixed if FLAGS[name].present])
        return session.resume(FLAGS.resume, FLAGS.data_dir, FLAGS.tracker)
    from zoo.config import load_config

    config = load_config(FLAGS.model, FLAGS.config, overrides, FLAGS.set)
    if FLAGS.print_config:
        sys.stdout.write(config.to_yaml())
        return 0
    if FLAGS.num_seeds is not None:
        return session.train_seeds(config, FLAGS.runs_dir, FLAGS.num_seeds, FLAGS.resume == "auto", FLAGS.tracker)
    if FLAGS.cross_validation is not None:
        return session.cross_validate(config, FLAGS.runs_dir, FLAGS.cross_validation)
    if FLAGS.resume == "auto":
        return session.resume_newest(config, FLAGS.runs_dir, FLAGS.tracker)
    return session.train(config, FLAGS.runs_dir, profile=FLAGS.profile, trackers=FLAGS.tracker)


if __name__ == "__main__":
    command_line.run(main)
