"""Publish the weights of runs: files that ZOO_WEIGHTS_URL or the Hugging Face Hub can serve, and their record.

    python scripts/publish.py runs/mnist_mlp/20250101-120000-abc123
    python scripts/publish.py 'runs/mnist_*' --output=weights

A run is refused, and the exit status is 2, where it is not of the recipe, data and seeds of the leaderboard, or its
model does not give its figure exactly. docs/weights.md says how the folder is served.
"""

from absl import flags

from zoo import command_line
from zoo.errors import ZooError

OUTPUT = flags.DEFINE_string("output", None, "Folder of the files (default: weights/ of the repository).")
RECORD = flags.DEFINE_string("record", None, "Their record (default: docs/weights.json of the repository).")
LEADERBOARD = flags.DEFINE_string("leaderboard", None, "What runs are held against (default: docs/leaderboard.csv).")
SMALL_MB = flags.DEFINE_float("small_mb", 2.0, "Megabytes that the package carries: what it did, then the smallest.", 0)
DATA_DIR = flags.DEFINE_string("data_dir", None, "Where the data are (default: $TFDS_DATA_DIR).")
IMPORT = flags.DEFINE_list("import", [], "Modules of yours that register the models.")


def main(paths: list[str]) -> int:
    command_line.import_modules(IMPORT.value)
    from zoo.experiments.publish import publish

    if not paths:
        raise ZooError("publish what? name runs, such as runs/mnist_mlp, or a glob of them in quotes")
    return publish(paths, OUTPUT.value, RECORD.value, LEADERBOARD.value, SMALL_MB.value, DATA_DIR.value)


if __name__ == "__main__":
    command_line.run(main, accepts_arguments=True)
