"""Evaluate a trained model on a split of a data set.

    python scripts/evaluate.py --run=runs/mnist_mlp/20250101-120000-abc123
    python scripts/evaluate.py --model_file=model.keras --dataset=mnist --json

Choose between models on --split=validation; the test split is for the last word.
"""

import json

from absl import flags

from zoo import command_line

RUN = flags.DEFINE_string("run", None, "Folder of a run.")
MODEL_FILE = flags.DEFINE_string("model_file", None, "A .keras file, in place of --run.")
DATASET = flags.DEFINE_string("dataset", None, "Data set (default: the one that the model was trained on).")
DATA_DIR = flags.DEFINE_string("data_dir", None, "Where the data are (default: as in the run, or $TFDS_DATA_DIR).")
SPLIT = flags.DEFINE_enum("split", "test", ["test", "validation", "train"], "Which part of the data.")
JSON = flags.DEFINE_bool("json", False, "Print JSON in place of the table.")
OUTPUT = flags.DEFINE_string("output", None, "Folder for evaluation.json and the pictures.")
IMPORT = flags.DEFINE_list("import", [], "Modules of yours that register the model's classes.")


def main() -> None:
    command_line.import_modules(IMPORT.value)
    from zoo.evaluation.evaluate import evaluate, results_table

    evaluation = evaluate(RUN.value, MODEL_FILE.value, DATASET.value, DATA_DIR.value, SPLIT.value, OUTPUT.value)
    print(json.dumps(evaluation, indent=2, ensure_ascii=False) if JSON.value else results_table(evaluation))


if __name__ == "__main__":
    command_line.run(main)
