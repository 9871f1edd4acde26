"""Pre-train a BERT on the texts of a dataset: python scripts/pretrain.py --dataset=bbc_news

Pieces of the training split's texts are hidden, and the model says what they were; labels are not looked at. The run is
what scripts/train.py --init_from=RUN starts from.
"""

from absl import flags

from zoo import command_line

FLAGS = flags.FLAGS
flags.DEFINE_string("model", "bert_mlm", "name of a masked language model")
flags.DEFINE_string("config", None, "YAML file to use in place of configs/<model>.yaml")
flags.DEFINE_multi_string("set", [], "override any key of the config, such as training.masking.whole_words=true")
flags.DEFINE_multi_string("import", [], "module of yours to import first, so that it registers its models")
flags.DEFINE_integer("epochs", None, "passes over the training data")
flags.DEFINE_integer("seed", None, "decides initial weights, order, dropout and what is hidden")
flags.DEFINE_string("dataset", None, "name of a dataset of texts")
flags.DEFINE_string("data_dir", None, "where prepared data live, or the user's own file or folder")
flags.DEFINE_string("runs_dir", "runs", "where run directories are made")

KEYS = {name: command_line.SETTINGS[name] for name in ("epochs", "seed", "dataset", "data_dir")}


def main() -> int:
    command_line.import_modules(FLAGS["import"].value)
    overrides = {key: FLAGS[name].value for name, key in KEYS.items() if FLAGS[name].value is not None}
    from zoo.config import load_config
    from zoo.experiments import session

    return session.pretrain(load_config(FLAGS.model, FLAGS.config, overrides, FLAGS.set), FLAGS.runs_dir)


if __name__ == "__main__":
    command_line.run(main)
