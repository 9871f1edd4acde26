"""Fetch and prepare datasets, and show where each came from: python scripts/prepare_data.py --dataset=mnist"""

import json

from absl import flags

from zoo import command_line

FLAGS = flags.FLAGS
flags.DEFINE_string("dataset", "all", "name of a dataset, or all that need no files of yours")
flags.DEFINE_string("data_dir", None, "where prepared data live, or your own file or folder")
flags.DEFINE_string("task", None, "what the label column of your own table is for, such as regression")
flags.DEFINE_multi_string("set", [], "override any key of the config's dataset, such as dataset.label=price")
flags.DEFINE_bool("json", False, "print JSON")


def main() -> int:
    from zoo.datasets.summary import format_table, prepare

    rows = prepare(FLAGS.dataset, FLAGS.data_dir, FLAGS.task, FLAGS.set)
    print(json.dumps(rows, indent=2) if FLAGS.json else format_table(rows))
    return 2 if any(row["error"] for row in rows) else 0


if __name__ == "__main__":
    command_line.run(main)
