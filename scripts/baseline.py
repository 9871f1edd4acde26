"""Linear models of scikit-learn as runs of the zoo: python scripts/baseline.py --dataset=mnist

The same split, test rows and figures as a training on the same data, so that compare.py shows them in one table. How
strong the penalty is, is chosen on validation.

    python scripts/baseline.py --dataset=csv --data_dir=table.csv --models=logistic_regression
    python scripts/baseline.py --run=runs/mnist_cnn/20250101-120000-abc123
"""

from absl import flags

from zoo import command_line

DATASET = flags.DEFINE_string("dataset", None, "Data set; scripts/prepare_data.py shows all.")
DATA_DIR = flags.DEFINE_string("data_dir", None, "Where prepared data live, or your own file or folder.")
RUN = flags.DEFINE_string("run", None, "A run whose data and split to take, in place of --dataset.")
MODELS = flags.DEFINE_list("models", ["logistic_regression", "linear_svm"], "Which baselines.")
SEED = flags.DEFINE_integer("seed", 0, "Seed of linear_svm's solver.", 0, 2**31 - 1)
RUNS_DIR = flags.DEFINE_string("runs_dir", "runs", "Where run directories are made.")


def main() -> None:
    from zoo.training.baseline import check_names, data_of, train_in_own_process

    check_names(MODELS.value)
    section = data_of(DATASET.value, RUN.value, DATA_DIR.value)
    for name in MODELS.value:
        run = train_in_own_process(name, section, RUNS_DIR.value, SEED.value)
        test = run.results["test"]["accuracy"]
        low, high = test["interval"]
        print(
            f"{name} on {section.name}: test accuracy {test['value']:.4f} (95 % interval {low:.4f} to {high:.4f}), "
            f"{run.record['wall_seconds']:.0f} s, run {run.path}",
            flush=True,
        )
    print(f"next: python scripts/compare.py --runs_dir={RUNS_DIR.value}")


if __name__ == "__main__":
    command_line.run(main)
