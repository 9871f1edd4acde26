"""Show the registered models: python scripts/list_models.py --pattern='mnist_*'"""

import json

from absl import flags

from zoo import command_line

FLAGS = flags.FLAGS
flags.DEFINE_string("pattern", "*", "shell pattern of names")
flags.DEFINE_string("task", None, "only models of this task, such as classification or regression")
flags.DEFINE_string("reads", None, "only models that read this: image, table or text")
flags.DEFINE_multi_string("import", [], "module of yours to import first, so that it registers its models")
flags.DEFINE_bool("json", False, "print JSON")


def main() -> None:
    command_line.import_modules(FLAGS["import"].value)
    from zoo.model_table import describe_models, format_table

    models = describe_models(FLAGS.pattern, FLAGS.task, FLAGS.reads)
    print(json.dumps(models, indent=2) if FLAGS.json else format_table(models))


if __name__ == "__main__":
    command_line.run(main)
