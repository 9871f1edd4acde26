"""Compare runs: figures with intervals over seeds, and which models the test set can tell apart.

    python scripts/compare.py --models='mnist_*'
    python scripts/compare.py runs/mnist_cnn 'runs/mnist_mlp*' --format=markdown
    python scripts/compare.py --format=html --output=report.html

Runs on other data or another split stand in a table of their own; what cannot be read is named on stderr.
docs/comparison.md says what the intervals and p-values cover.
"""

import sys

from absl import flags

from zoo import command_line
from zoo.comparison import table
from zoo.errors import ZooError
from zoo.runs import write_output

RUNS_DIR = flags.DEFINE_string("runs_dir", "runs", "Folder of the runs, where no path is given.")
MODELS = flags.DEFINE_list("models", ["*"], "Patterns of model names.")
LEADERBOARD = flags.DEFINE_string("write_leaderboard", None, "CSV file for the receipts of the runs.")
FORMAT = flags.DEFINE_enum("format", "terminal", ["terminal", "markdown", "csv", "json", "html"], "Form of it.")
OUTPUT = flags.DEFINE_string("output", None, "File to write in place of printing; html needs one.")
COLUMNS = flags.DEFINE_list("columns", table.DEFAULT_COLUMNS, f"Some of {', '.join(table.COLUMNS)}.")


def main(paths: list[str]) -> None:
    if FORMAT.value == "html" and not OUTPUT.value:
        raise ZooError("--format=html writes a file: say which, --output=report.html")
    results, refused = table.read_results(table.find_runs(paths or [RUNS_DIR.value], MODELS.value))
    for line in refused:
        print(line, file=sys.stderr)
    if not results:
        raise ZooError("no run is left to compare; train a model first")
    if LEADERBOARD.value:
        from zoo.comparison import receipts

        write_output("--write_leaderboard", LEADERBOARD.value, receipts.leaderboard(results))
    if FORMAT.value == "html":
        from zoo.comparison.report import html_page

        text = html_page(results, refused, COLUMNS.value)
    else:
        text = table.render(table.compare(results), COLUMNS.value, FORMAT.value)
    if OUTPUT.value:
        write_output("--output", OUTPUT.value, text + "\n")
        print(f"{OUTPUT.value}: {len(results)} runs")
    else:
        print(text)


if __name__ == "__main__":
    command_line.run(main, accepts_arguments=True)
