"""What duplicates do to a figure: python scripts/measure_leak.py --dataset=chinese_reviews --output=leak.png

scikit-learn's TF-IDF + LinearSVC on a split of rows that ignores duplicates and on the zoo's, which does not.
"""

import json

from absl import flags

from zoo import command_line

FLAGS = flags.FLAGS
flags.DEFINE_string("dataset", "chinese_reviews", "a corpus that the zoo splits: bbc_news or chinese_reviews")
flags.DEFINE_string("data_dir", None, "where prepared data live")
flags.DEFINE_string("output", None, "PNG file for the picture")
flags.DEFINE_bool("json", False, "print JSON")


def main() -> None:
    from zoo.evaluation.leak import leak_table, measure_leak, save_leak_picture

    leak = measure_leak(FLAGS.dataset, FLAGS.data_dir)
    if FLAGS.output:
        save_leak_picture(leak, FLAGS.output)
    print(json.dumps(leak, indent=2) if FLAGS.json else leak_table(leak))


if __name__ == "__main__":
    command_line.run(main)
