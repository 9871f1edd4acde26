"""Average the weights of several runs into one model, chosen on validation: python scripts/soup.py RUN RUN …

    python scripts/soup.py 'runs/mnist_cnn/*'
    python scripts/soup.py runs/mnist_cnn/20250101-120000-abc123 runs/mnist_cnn/20250102-120000-def456 --method=uniform

The runs are of one model with the same options on the same data. The soup is a run of its own, in
runs/<model>_soup/, that every command reads; its soup.json has the ingredients. Test is read once, at the end.
"""

from absl import flags

from zoo import command_line
from zoo.errors import ZooError

METHOD = flags.DEFINE_enum(
    "method", "greedy", ["greedy", "uniform"], "Keep a run where validation is no worse with it, or average all."
)
RUNS_DIR = flags.DEFINE_string("runs_dir", "runs", "Where the soup's folder is made.")
DATA_DIR = flags.DEFINE_string("data_dir", None, "Where the data are (default: as in the runs, or $TFDS_DATA_DIR).")
IMPORT = flags.DEFINE_list("import", [], "Modules of yours that register the models.")


def main(paths: list[str]) -> int:
    command_line.import_modules(IMPORT.value)
    from zoo.experiments.soup import in_words, soup

    if not paths:
        raise ZooError("a soup of what? name runs, such as runs/mnist_cnn, or a glob of them in quotes")
    print(in_words(soup(paths, METHOD.value, RUNS_DIR.value, DATA_DIR.value)))
    return 0


if __name__ == "__main__":
    command_line.run(main, accepts_arguments=True)
