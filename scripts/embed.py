"""Write the features that a trained model sees in its input, or find the nearest examples by them.

    python scripts/embed.py --run=runs/mnist_cnn/20250101-120000-abc123 pictures/ --output=features.npz
    python scripts/embed.py --run=runs/mnist_cnn/20250101-120000-abc123 --dataset=mnist --split=test --output=board/
    python scripts/embed.py --model=mnist_cnn digit.png --neighbours=5 --against=mnist
    python scripts/embed.py --run=runs/mnist_cnn/20250101-120000-abc123 new/ --neighbours=3 --against=examples/

Features are what the head stands on, the layer features, or another one by --layer; a layer that gives more than a row
of numbers is averaged over its positions. --output is an .npz file (ids, features, labels), a .csv file, or a folder
for TensorBoard's projector (tensorboard --logdir=FOLDER). --against is an .npz file that was so written, a dataset,
whose training split is taken, or a folder with a folder for each class: a few examples in each make a classifier.
--neighbours=auto chooses the number of neighbours on the validation split. docs/fine_tuning.md says more.
"""

import os

from absl import flags

from zoo import command_line
from zoo.errors import ZooError
from zoo.escaping import tell

RUN = flags.DEFINE_string("run", None, "Folder of a run.")
MODEL = flags.DEFINE_string("model", None, "Name of weights that the zoo publishes, in place of --run.")
MODEL_FILE = flags.DEFINE_string("model_file", None, "A .keras file, in place of --run.")
INPUT = flags.DEFINE_multi_string("input", [], "File or folder; may be repeated.")
TEXT = flags.DEFINE_multi_string("text", [], "A text; may be repeated.")
DATASET = flags.DEFINE_string("dataset", None, "Data set, in place of files.")
DATA_DIR = flags.DEFINE_string("data_dir", None, "Where the data are (default: as in the run, or $TFDS_DATA_DIR).")
SPLIT = flags.DEFINE_enum("split", "test", ["test", "validation", "train"], "Which part of --dataset.")
LAYER = flags.DEFINE_string("layer", None, "Another layer than the one that the head stands on.")
OUTPUT = flags.DEFINE_string("output", None, "An .npz or .csv file, or a folder, for the features.")
FORMAT = flags.DEFINE_enum("format", None, ["npz", "csv", "projector"], "Of --output (default: by its suffix).")
NEIGHBOURS = flags.DEFINE_string("neighbours", None, "How many nearest examples vote; auto: chosen on validation.")
AGAINST = flags.DEFINE_string("against", None, "Examples with labels: an .npz file, a data set, a folder of classes.")
IMPORT = flags.DEFINE_list("import", [], "Modules of yours that register the model's classes.")


def main(arguments: list[str]) -> None:
    command_line.import_modules(IMPORT.value)
    paths = [*arguments, *INPUT.value]
    if bool(paths) + bool(TEXT.value) + bool(DATASET.value) != 1:
        raise ZooError("name what to embed: files, or --text, or --dataset=NAME, and one of them alone")
    if not OUTPUT.value and not NEIGHBOURS.value:
        raise ZooError("nothing to do: give --output=FILE for the features, or --neighbours=K --against=EXAMPLES")
    if bool(NEIGHBOURS.value) != bool(AGAINST.value):
        raise ZooError("--neighbours and --against go together: how many, and of which examples")
    from zoo.evaluation import embed, predict
    from zoo.published import chosen_run

    if NEIGHBOURS.value and NEIGHBOURS.value != "auto":
        embed.refuse_odd_number(NEIGHBOURS.value)
    predict.refuse_missing(paths)
    run = chosen_run(RUN.value, MODEL.value, MODEL_FILE.value)
    loaded = predict.open_model(run, MODEL_FILE.value)
    if OUTPUT.value:
        predict.refuse_overwriting([*paths, *filter(None, [MODEL_FILE.value])], {"output": OUTPUT.value}, loaded.reads)
    data = embed.Data(run, loaded, DATASET.value, DATA_DIR.value)
    inputs = data.split(SPLIT.value) if DATASET.value else embed.files(paths, TEXT.value, loaded)
    embedder = embed.Embedder(loaded, LAYER.value, data)
    features = embedder.features(inputs)
    if OUTPUT.value:
        embedder.write(OUTPUT.value, FORMAT.value, inputs, features)
        shape = " × ".join(f"{size:,}" for size in features.shape)
        tell(f"{shape} features: {OUTPUT.value}{'' if OUTPUT.value.endswith(('.npz', '.csv')) else os.sep}")
    if NEIGHBOURS.value:
        print(embedder.compare(AGAINST.value, NEIGHBOURS.value, inputs, features))


if __name__ == "__main__":
    command_line.run(main, accepts_arguments=True)
