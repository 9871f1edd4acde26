"""Predict the labels, or the numbers, of files with a trained model.

    python scripts/predict.py --run=runs/mnist_mlp/20250101-120000-abc123 digit.png more_digits/
    python scripts/predict.py --model=mnist_cnn digit.png
    python scripts/predict.py --model_file=model.keras --input=flowers.csv --json
    python scripts/predict.py --run=runs/bbc_news_minilm/20250101-120000-abc123 --text="Stocks fell sharply." --explain
    python scripts/predict.py --model=mnist_cnn digit.png --explain=grad_cam
    python scripts/predict.py --run=runs/movielens_deepfm/20250101-120000-abc123 --user=196 --top=10

Image models read pictures (PNG, JPEG, BMP, GIF, TIFF, WebP) and npy files, and folders of them; sizes and colours are
converted with a notice, nothing is inverted (MNIST's digits are white on black). --explain writes their heat maps into
explained.png, in the folder of --output or the one you are in: by integrated gradients of any network, by grad_cam of
one with convolutions, by attention_rollout of a vision transformer. Table models read CSV files with a header. Text
models read --text, .txt files and the column text of CSV files. docs/own_data.md says more.
"""

import os
import sys

from absl import flags

from zoo import command_line
from zoo.errors import ZooError
from zoo.escaping import json_text, printable

RUN = flags.DEFINE_string("run", None, "Folder of a run.")
MODEL = flags.DEFINE_string("model", None, "Name of weights that the zoo publishes, in place of --run.")
MODEL_FILE = flags.DEFINE_string(
    "model_file", None, "A .keras, .onnx or .tflite file, or a SavedModel, in place of --run."
)
INPUT = flags.DEFINE_multi_string("input", [], "File or folder; may be repeated, or hold several with commas.")
TEXT = flags.DEFINE_multi_string("text", [], "A text to predict; may be repeated.")
TEXT_FILE = flags.DEFINE_multi_string("text_file", [], "A .txt or .csv file of texts; may be repeated.")
EXPLAIN = flags.DEFINE(
    command_line.Choice(["integrated_gradients", "grad_cam", "attention_rollout"]), "explain", None,
    "<integrated_gradients|grad_cam|attention_rollout>: Show which words or columns mattered, or write a PNG of which "
    "pixels; alone, by integrated_gradients.", boolean=True,
)  # fmt: skip
TTA = flags.DEFINE(
    command_line.Choice(["recipe", "mirror", "shift", "mirror_and_shift"]), "tta", None,
    "<recipe|mirror|shift|mirror_and_shift>: Answer with the mean over several views of each picture; alone, the "
    "mirror image and shifts by a pixel if the run was trained with them.", boolean=True,
)  # fmt: skip
EXPLAIN_HTML = flags.DEFINE_string("explain_html", None, "HTML file for the words or pixels that mattered.")
JSON = flags.DEFINE_bool("json", False, "Print JSON in place of the table.")
OUTPUT = flags.DEFINE_string("output", None, "CSV file for the predictions.")
USER = flags.DEFINE_multi_string("user", [], "Recommend items to this user, of a recommender; may be repeated.")
TOP = flags.DEFINE_integer(
    "top", 3, "How many labels to show for each example; of a recommender, how many items for each user (10).",
    lower_bound=1,
)  # fmt: skip
DATA_DIR = flags.DEFINE_string("data_dir", None, "Where the data of a recommender are, if not where the run says.")
IMPORT = flags.DEFINE_list("import", [], "Modules of yours that register the model's classes.")


def main(arguments: list[str]) -> None:
    command_line.import_modules(IMPORT.value)
    from zoo.drawing import figures, highlight
    from zoo.evaluation import attribution, explain, predict, recommend, tta
    from zoo.published import chosen_run
    from zoo.registry import TABLES

    paths = list(arguments) + TEXT_FILE.value
    for value in INPUT.value:
        # A name that holds a comma is still a name.
        paths += [value] if os.path.exists(value) else filter(None, value.split(","))
    predict.refuse_missing(paths)
    run = chosen_run(RUN.value, MODEL.value, MODEL_FILE.value)
    loaded_model = predict.open_model(run, MODEL_FILE.value)
    if USER.value or (TOP.present and not (paths or TEXT.value) and recommend.is_recommender(loaded_model)):
        return _recommend(loaded_model, run, paths)
    if TOP.present and not loaded_model.label_names:
        raise ZooError(f"--top={TOP.value}: {loaded_model.path} has no labels to show; leave it out")
    views = tta.views_of(loaded_model, TTA.value, run) if TTA.value else []
    explains, method = EXPLAIN.value or EXPLAIN_HTML.value, EXPLAIN.value or explain.METHODS[0]
    if explains:
        explain.check_explains(loaded_model, method)
        if EXPLAIN_HTML.value and loaded_model.reads in TABLES:
            raise ZooError("--explain_html shows words and pixels; of columns, --explain prints, and --json has all")
    sheet = None
    if EXPLAIN.value and loaded_model.reads == "image":
        sheet = os.path.join(os.path.dirname(OUTPUT.value or ""), "explained.png")
    outputs = {"output": OUTPUT.value, "explain_html": EXPLAIN_HTML.value, "explain": sheet}
    read = [*paths, *filter(None, [MODEL_FILE.value])]
    predict.refuse_overwriting(read, outputs, loaded_model.reads)
    if TEXT.value and paths:
        raise ZooError("--text does not go with files; predict them one after the other")
    names, features = (
        predict.take_texts(TEXT.value, loaded_model) if TEXT.value else predict.read_inputs(paths, loaded_model)
    )
    predictions = predict.predict(loaded_model, names, features, views)
    if OUTPUT.value:
        predict.write_predictions(loaded_model.task, predictions, OUTPUT.value)
    pictures, rows = loaded_model.reads == "image", loaded_model.reads in TABLES
    if explains:
        if rows:
            explanations = attribution.explain_columns(loaded_model, features)
        elif pictures:
            explanations = explain.explain_images(loaded_model, features, method)
        else:
            explanations = explain.explain(loaded_model, features)
        if EXPLAIN_HTML.value:
            highlight.write_html(names, features, predictions, explanations, EXPLAIN_HTML.value, method)
        if sheet:
            figures.save_heat_maps(names, features, predictions, explanations, sheet, method)
            print(f"heat maps: {sheet}", file=sys.stderr)
        if rows:
            for prediction, explanation in zip(predictions, explanations, strict=True):
                prediction |= {"explained": explanation.of, "columns": attribution.as_json(explanation)}
        elif not pictures:
            for prediction, scores in zip(predictions, explanations, strict=True):
                prediction["words"] = [{"word": word, "score": score} for word, score in scores]
    if JSON.value:
        print(json_text(predictions))
    else:
        print(predict.predictions_table(loaded_model.task, predictions, TOP.value))
        if EXPLAIN.value and not pictures:
            colored = sys.stdout.isatty() and not os.environ.get("NO_COLOR")  # no-color.org
            for name, explanation in zip(names, explanations, strict=True):
                said = (
                    printable(attribution.in_words(explanation)) if rows else highlight.in_words(explanation, colored)
                )
                print(f"{printable(name)}: {said}")


def _recommend(loaded_model, run, paths: list[str]) -> None:
    from zoo.evaluation import recommend
    from zoo.evaluation.evaluate import load_dataset, refuse_other_data
    from zoo.evaluation.predict import write_rows

    recommend.refuse_other_models(loaded_model, "--user")
    if not USER.value:
        raise ZooError(f"--top={TOP.value}: say for whom, --user=ID")
    if paths or TEXT.value or EXPLAIN.value or EXPLAIN_HTML.value or TTA.value:
        raise ZooError("--user goes with --top, --data_dir, --output and --json alone")
    dataset = load_dataset(run, loaded_model, None, DATA_DIR.value)
    if run:
        refuse_other_data(run, dataset)
    count = TOP.value if TOP.present else recommend.MOST
    found = recommend.recommend(loaded_model, dataset, USER.value, count, DATA_DIR.value)
    if OUTPUT.value:
        write_rows(recommend.recommendations_csv(found), OUTPUT.value)
    print(json_text(found) if JSON.value else recommend.recommendations_table(found))


if __name__ == "__main__":
    command_line.run(main, accepts_arguments=True)
