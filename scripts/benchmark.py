"""How fast the zoo is here, beside others: python scripts/benchmark.py --models=mnist_mlp

Trains the same network on the same data with the zoo, a plain Keras script and, where they are installed
(pip install 'keras-model-zoo[benchmark]'), PyTorch and scikit-learn: an epoch each in turn, in processes of their own.

    python scripts/benchmark.py --output=docs/speed.svg
    python scripts/benchmark.py --inference --run=runs/mnist_mlp/20250101-120000-abc123
    python scripts/benchmark.py --time_to_accuracy --models=mnist_mlp
    python scripts/benchmark.py --encoder
    python scripts/benchmark.py --table_rows=1000000
    python scripts/benchmark.py --writing --run=runs/bible_gpt/20250101-120000-abc123
"""

import json
import pathlib

from absl import flags

from zoo import command_line
from zoo.errors import ZooError

FLAGS = flags.FLAGS
flags.DEFINE_list("models", None, "models to train; default: all that this measurement has a set-up for")
flags.DEFINE_list("contenders", [], "of zoo, keras, pytorch, pytorch_data_loader, scikit_learn, arithmetic")
flags.DEFINE_integer("rounds", 5, "epochs a contender; with --time_to_accuracy, seeds")
flags.DEFINE_multi_string("set", [], "override any key of the configs, such as training.batch_size=256")
flags.DEFINE_bool("inference", False, "measure latency and throughput of the saved model of --run")
flags.DEFINE_string("run", None, "folder of a run, for --inference and --writing")
flags.DEFINE_bool("time_to_accuracy", False, "measure whole runs of train.py that reach a test accuracy")
flags.DEFINE_bool("encoder", False, "measure training steps of a BERT beside transformers'")
flags.DEFINE_integer("table_rows", None, "measure a made table of so many rows: read, learned from, beside boosting")
flags.DEFINE_bool("writing", False, "measure tokens a second of the language model of --run")
flags.DEFINE_bool("json", False, "print JSON in place of a table")
flags.DEFINE_string("output", None, "picture for a comparison; the ending says whether it is .svg, .png or .pdf")


def main() -> None:
    if FLAGS.inference:
        from zoo.benchmark.inference import inference_table, measure_inference

        show, result = inference_table, measure_inference(FLAGS.run)
    elif FLAGS.encoder:
        from zoo.benchmark.encoder import encoder_seconds_per_step, format_rows

        show, result = format_rows, encoder_seconds_per_step()
    elif FLAGS.table_rows is not None:
        from zoo.benchmark.large_table import measure_table, table_costs

        show, result = table_costs, measure_table(FLAGS.table_rows, FLAGS.models, FLAGS.rounds, FLAGS.set)
    elif FLAGS.writing:
        from zoo.benchmark.writing import writing_speed, writing_table

        if not FLAGS.run:
            raise ZooError("--writing needs the run of a language model: --run=FOLDER")
        show, result = writing_table, writing_speed(FLAGS.run)
    elif FLAGS.time_to_accuracy:
        from zoo.benchmark.time_to_accuracy import measure_time_to_accuracy, time_table

        train_script = pathlib.Path(__file__).with_name("train.py")
        show, result = time_table, measure_time_to_accuracy(train_script, FLAGS.models, FLAGS.rounds, FLAGS.set)
    else:
        from zoo.benchmark.report import comparison_table, save_chart
        from zoo.benchmark.side_by_side import compare_models

        show, result = comparison_table, compare_models(FLAGS.models, FLAGS.set, FLAGS.rounds, FLAGS.contenders)
        if FLAGS.output:
            save_chart(result, FLAGS.output)
    print(json.dumps(result, indent=2) if FLAGS.json else show(result))


if __name__ == "__main__":
    command_line.run(main)
