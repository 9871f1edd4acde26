"""Write a run's model in the formats that people deploy, and prove in each format's own runtime that it is the same.

    python scripts/export.py --run=runs/mnist_cnn/20250101-120000-abc123 --format=all
    python scripts/export.py --model=mnist_cnn
    python scripts/export.py --run=runs/mnist_cnn/20250101-120000-abc123 --format=litert --quantize=int8

Every file is loaded in a new process and compared with Keras on the whole test split: a table here, parity.json beside
the file. The exit status is 1 if a file is outside its limits; it then lies in <format>.failed.
"""

import json

from absl import flags

from zoo import command_line
from zoo.errors import ZooError
from zoo.export import formats

RUN = flags.DEFINE_multi_string("run", [], "Folder of a run; may be repeated.")
MODEL = flags.DEFINE_string("model", None, "Name of weights that the zoo publishes, in place of --run.")
FORMAT = flags.DEFINE_multi_enum("format", ["all"], [*formats.FORMATS, "all"], "What to write; may be repeated.")
QUANTIZE = flags.DEFINE_enum(
    "quantize",
    None,
    list(formats.QUANTIZATIONS),
    "dynamic: int8 weights; int8: activations too, on the scales of training rows; float16: weights.",
)
OUTPUT = flags.DEFINE_string("output", None, "Folder of the formats' folders (default: RUN/exports, or exports/MODEL).")
DATA_DIR = flags.DEFINE_string("data_dir", None, "Where the data are (default: as in the run, or $TFDS_DATA_DIR).")
CHART = flags.DEFINE_string("chart", None, "Picture of the latencies, .svg or .png.")
JSON = flags.DEFINE_bool("json", False, "Print JSON in place of the table.")
IMPORT = flags.DEFINE_list("import", [], "Modules of yours that register the model's classes.")


def main() -> int:
    command_line.import_modules(IMPORT.value)
    from zoo.evaluation.published import measure
    from zoo.export import report
    from zoo.export.export import export
    from zoo.published import chosen_run

    if not RUN.value and not MODEL.value:
        raise ZooError("--run is missing: name the folder of a run, runs/mnist_cnn/…, or published weights by --model")
    if len(RUN.value) > 1 and OUTPUT.value:
        raise ZooError("--output takes the exports of one --run; leave it out, each run then keeps its own")
    runs = [chosen_run(run, MODEL.value) for run in RUN.value or [None]]
    if MODEL.value:
        measure(runs[0])  # its answers are what the exports are compared with
    output = OUTPUT.value or (f"exports/{MODEL.value}" if MODEL.value else None)
    exports = [export(run, FORMAT.value, QUANTIZE.value, output, DATA_DIR.value, IMPORT.value) for run in runs]
    if CHART.value:
        report.save_chart(exports, CHART.value)
    print(json.dumps(exports, indent=2) if JSON.value else "\n\n".join(map(report.parity_table, exports)))
    return int(any(facts["failed"] for files in exports for facts in files))


if __name__ == "__main__":
    command_line.run(main)
