"""Evaluate trained models on a split of a data set.

    python scripts/evaluate.py --run=runs/mnist_mlp/20250101-120000-abc123
    python scripts/evaluate.py --model=mnist_cnn
    python scripts/evaluate.py --model_file=model.keras --dataset=mnist --json
    python scripts/evaluate.py --run='runs/mnist_*/*' --corruptions
    python scripts/evaluate.py --run=runs/linear_text/20250101-120000-abc123 --slice_by=length
    python scripts/evaluate.py --run=runs/adult_mlp/20250101-120000-abc123 --slice_by=sex,race --importance
    python scripts/evaluate.py --run='runs/fashion_mnist_cnn/*' --tta --split=validation
    python scripts/evaluate.py --run='runs/movielens_*/*' --ranking

Choose between models on --split=validation; the test split is for the last word.
"""

import glob

from absl import flags

from zoo import command_line
from zoo.errors import ZooError
from zoo.escaping import json_text, tell

RUN = flags.DEFINE_multi_string("run", [], "Folder of a run, or a glob of them in quotes.")
MODEL = flags.DEFINE_string("model", None, "Name of weights that the zoo publishes, in place of --run.")
MODEL_FILE = flags.DEFINE_string(
    "model_file", None, "A .keras, .onnx or .tflite file, or a SavedModel, in place of --run."
)
DATASET = flags.DEFINE_string("dataset", None, "Data set (default: the one that the model was trained on).")
DATA_DIR = flags.DEFINE_string("data_dir", None, "Where the data are (default: as in the run, or $TFDS_DATA_DIR).")
SPLIT = flags.DEFINE_enum("split", "test", ["test", "validation", "train", "all"], "Which part of the data.")
SLICE_BY = flags.DEFINE_list(
    "slice_by",
    [],
    "Judge groups of rows too: label, length (of texts), or columns of the data, with commas between them.",
)
CORRUPTIONS = flags.DEFINE_bool("corruptions", False, "Judge on corrupted test rows, and write corruptions.json.")
RANKING = flags.DEFINE_bool("ranking", False, "Judge the lists of 10 of a recommender, and write ranking.json.")
IMPORTANCE = flags.DEFINE_bool("importance", False, "Shuffle each column of a table: how much worse is the model then?")
TTA = flags.DEFINE(
    command_line.Choice(["recipe", "mirror", "shift", "mirror_and_shift"]), "tta", None,
    "<recipe|mirror|shift|mirror_and_shift>: Judge the mean answer to several views of each picture too, in figures of "
    "their own; alone, the mirror image and shifts by a pixel if the run was trained with them.", boolean=True,
)  # fmt: skip
SEED = flags.DEFINE_integer("seed", 0, "Seed of the corruptions, or of the random list.", lower_bound=0)
JSON = flags.DEFINE_bool("json", False, "Print JSON in place of the table.")
OUTPUT = flags.DEFINE_string("output", None, "Folder for evaluation.json, predictions.csv and the pictures.")
IMPORT = flags.DEFINE_list("import", [], "Modules of yours that register the model's classes.")


def main() -> int:
    from zoo.published import chosen_run

    runs = [path for name in RUN.value for path in sorted(glob.glob(name)) or [name]]
    runs = [chosen_run(runs[0] if runs else None, MODEL.value, MODEL_FILE.value), *runs[1:]]
    others = (SLICE_BY, IMPORTANCE, OUTPUT, MODEL_FILE, MODEL, DATASET, TTA)
    if CORRUPTIONS.value and (SPLIT.present or any(flag.value for flag in others)):
        raise ZooError(
            "--corruptions goes with --run, --data_dir and --seed alone: runs are judged on their test split"
        )
    if RANKING.value and (CORRUPTIONS.value or any(flag.value for flag in others)):
        raise ZooError("--ranking goes with --run, --data_dir, --split, --seed and --json alone")
    if (CORRUPTIONS.value or RANKING.value) and runs == [None]:
        raise ZooError(f"--{'corruptions' if CORRUPTIONS.value else 'ranking'} judges runs; say which, with --run=RUN")
    if OUTPUT.value and len(runs) > 1:
        raise ZooError(f"--output={OUTPUT.value}: one folder for {len(runs)} runs; evaluate them one by one")
    command_line.import_modules(IMPORT.value)
    outcomes, failed = [], 0
    for run in runs:
        try:
            show, outcome = _evaluate(run)
        except ZooError as error:
            if len(runs) == 1:
                raise
            tell(f"error: {error}")
            failed = 2
            continue
        outcomes.append(outcome)
        if not JSON.value:
            print(show(outcome), end="\n\n" if run != runs[-1] else "\n", flush=True)
    if JSON.value:
        print(json_text(outcomes if len(runs) > 1 else outcomes[0]))
    elif RANKING.value and len({outcome["model"] for outcome in outcomes}) > 1:
        from zoo.evaluation.recommend import rankings_compared

        print(f"\n{rankings_compared(outcomes)}")
    elif TTA.value and len(outcomes) > 1:
        from zoo.evaluation.tta import over_seeds

        print(f"\n{over_seeds(outcomes)}")
    return failed


def _evaluate(run: str | None):
    """How to show an outcome, and the outcome."""
    if CORRUPTIONS.value:
        from zoo.evaluation.robustness import corruptions_table, evaluate_corruptions

        return corruptions_table, evaluate_corruptions(run, DATA_DIR.value, SEED.value)
    if RANKING.value:
        from zoo.evaluation.recommend import evaluate_ranking, ranking_table

        return ranking_table, evaluate_ranking(run, DATA_DIR.value, SPLIT.value, seed=SEED.value)
    from zoo.evaluation.evaluate import evaluate, results_table

    where = (run, MODEL_FILE.value, DATASET.value, DATA_DIR.value, SPLIT.value, OUTPUT.value)
    return results_table, evaluate(*where, SLICE_BY.value, TTA.value, IMPORTANCE.value)


if __name__ == "__main__":
    command_line.run(main)
