"""Check that replicas and workers learn what one device learns: python scripts/verify_distribution.py

The same short training on one device, on 2 and 4 virtual devices, and in 2 and 4 processes; a table of the differences.
"""

import json

from absl import flags

from zoo import command_line

FLAGS = flags.FLAGS
flags.DEFINE_list("models", ["mnist_mlp", "mnist_cnn", "bbc_news_bert"], "models to train, made small")
flags.DEFINE_bool("json", False, "print JSON")


def main() -> int:
    from zoo.experiments.verification import format_table, verify

    rows = verify(FLAGS.models)
    print(json.dumps(rows, indent=2) if FLAGS.json else format_table(rows))
    return 0 if all(row["verdict"] != "FAILED" for row in rows) else 1


if __name__ == "__main__":
    command_line.run(main)
