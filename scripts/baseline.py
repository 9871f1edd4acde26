"""Simpler models as runs of the zoo: python scripts/baseline.py --dataset=mnist

Logistic regression and a linear SVM for classes, ridge regression and gradient boosting for numbers; n-grams and
compressors beside models that write. The same split, test rows and figures as a training on the same data, so that
compare.py shows them in one table. How strong the penalty is, or how large and how many the trees are, is chosen on
validation.

    python scripts/baseline.py --dataset=csv --data_dir=table.csv --models=logistic_regression
    python scripts/baseline.py --dataset=csv --data_dir=prices.csv --task=regression
    python scripts/baseline.py --run=runs/mnist_cnn/20250101-120000-abc123
"""

from absl import flags

from zoo import command_line
from zoo.command_words import command

DATASET = flags.DEFINE_string("dataset", None, "Data set; scripts/prepare_data.py shows all.")
DATA_DIR = flags.DEFINE_string("data_dir", None, "Where prepared data live, or your own file or folder.")
RUN = flags.DEFINE_string("run", None, "A run whose data and split to take, in place of --dataset.")
MODELS = flags.DEFINE_list("models", None, "Which baselines (default: all that go with the targets of the data).")
TASK = flags.DEFINE_string("task", None, "What the label column of your own table is for, such as regression.")
SET = flags.DEFINE_multi_string("set", [], "Override any key of the config's dataset, such as dataset.label=price.")
SEED = flags.DEFINE_integer("seed", 0, "Seed of what is drawn, as the order of linear_svm's solver.", 0, 2**31 - 1)
RUNS_DIR = flags.DEFINE_string("runs_dir", "runs", "Where run directories are made.")


def main() -> None:
    from zoo.experiments.baseline import baselines_of, check_names, data_of, train_in_own_process
    from zoo.tasks.catalog import get_task

    if MODELS.value is not None:
        check_names(MODELS.value)
    section = data_of(DATASET.value, RUN.value, DATA_DIR.value, TASK.value, SET.value)
    for name in MODELS.value or baselines_of(section):
        run = train_in_own_process(name, section, RUNS_DIR.value, SEED.value)
        summary = get_task(run.labels["task"]).summary(run.results["test"], run.labels)
        seconds = run.record["wall_seconds"]
        print(f"{name} on {section.name}: {summary}, {seconds:.0f} s, run {run.path}", flush=True)
    print(f"next: {command('compare')} --runs_dir={RUNS_DIR.value}")


if __name__ == "__main__":
    command_line.run(main)
