"""Compare runs: figures with intervals over seeds, and which models the test set can tell apart.

    python scripts/compare.py --models='mnist_*'
    python scripts/compare.py runs/mnist_cnn 'runs/mnist_mlp*' --format=markdown
    python scripts/compare.py --models='mnist_*' --pretrained
    python scripts/compare.py --where='seconds<100 and accuracy>0.98' --sort_by=parameters
    python scripts/compare.py --columns=model,accuracy,flops,latency_ms,throughput,latency_device --measure_latency
    python scripts/compare.py --format=html --output=report.html
    python scripts/compare.py --models='fashion_mnist_*' --format=png --output=ranks.png

Runs on other data or another split stand in a table of their own; what cannot be read is named on stderr.
docs/comparison.md says what the columns, intervals and p-values cover.
"""

import sys

from absl import flags

from zoo import command_line
from zoo.comparison import columns
from zoo.errors import ZooError
from zoo.escaping import tell
from zoo.runs import write_output

RUNS_DIR = flags.DEFINE_string("runs_dir", "runs", "Folder of the runs, where no path is given.")
MODELS = flags.DEFINE_list("models", ["*"], "Patterns of model names.")
PRETRAINED = flags.DEFINE_bool("pretrained", False, "Compare published weights, beside the runs at paths, if any.")
SEEDS = flags.DEFINE_enum("seeds", "all", ["all", "best"], "All seeds of a config, or the best on validation.")
LEADERBOARD = flags.DEFINE_string("write_leaderboard", None, "CSV file to put the receipts of the runs into.")
FORMAT = flags.DEFINE_enum("format", "terminal", ["terminal", "markdown", "csv", "json", "html", "png"], "Form of it.")
OUTPUT = flags.DEFINE_string("output", None, "File to write in place of printing; html and png need one.")
COLUMNS = flags.DEFINE_list("columns", None, f"Some of {', '.join(columns.names())}; or of your own task's.")
WHERE = flags.DEFINE_multi_string("where", [], "Rows to keep, such as 'seconds<100 and model=mnist_*'.")
SORT_BY = flags.DEFINE_string("sort_by", None, "Column to sort by, the best first; -COLUMN the other way round.")
IMPORT = flags.DEFINE_list("import", [], "Modules of yours that register the models' tasks.")
MEASURE = flags.DEFINE_bool("measure_latency", False, "Measure each model's latency and throughput here and now.")


def main(paths: list[str]) -> None:
    command_line.import_modules(IMPORT.value)
    from zoo.comparison import table

    if FORMAT.value in ("html", "png") and not OUTPUT.value:
        raise ZooError(f"--format={FORMAT.value} writes a file: say which, --output=report.{FORMAT.value}")
    table.check_columns(COLUMNS.value if COLUMNS.value is not None else ["model"], SORT_BY.value)
    conditions = table.parse_conditions(WHERE.value)
    runs = []
    if PRETRAINED.value:
        from zoo.evaluation.published import measured_runs

        runs = measured_runs(MODELS.value)
    if paths or not PRETRAINED.value:
        runs += table.find_runs(paths or [RUNS_DIR.value], MODELS.value)
    results, notices = table.read_results(runs)
    if SEEDS.value == "best":
        results, chosen = table.best_seeds(results)
        notices += chosen
    for line in notices:
        tell(line)
    if not results:
        raise ZooError("no run is left to compare; train a model first")
    if MEASURE.value:
        from zoo.comparison.measuring import measure_latencies

        results = measure_latencies(results)
    if LEADERBOARD.value:
        from zoo.comparison import receipts

        print(receipts.write_leaderboard(LEADERBOARD.value, results), file=sys.stderr)

    def compare(chosen):
        return table.compare(chosen, conditions, SORT_BY.value)

    if FORMAT.value == "html":
        from zoo.comparison.report import html_page

        document = html_page(results, notices, COLUMNS.value, compare) + "\n"
    else:
        tables = compare(results)
        if not tables:
            raise ZooError(f"--where={' and '.join(WHERE.value)}: no row meets it; ask for less")
        if FORMAT.value == "png":
            from zoo.comparison.picture import png

            document = png(results, tables)
        else:
            document = table.render(tables, COLUMNS.value, FORMAT.value) + "\n"
    if OUTPUT.value:
        write_output("--output", OUTPUT.value, document)
        print(f"{OUTPUT.value}: {len(results)} runs")
    else:
        print(document, end="")


if __name__ == "__main__":
    command_line.run(main, accepts_arguments=True)
