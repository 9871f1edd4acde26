"""How duplicates raise a figure: the same linear SVM on a split that ignores them, and on the zoo's split."""

import os
import pathlib
from typing import Any

import numpy as np

from zoo.errors import ZooError


def measure_leak(name: str, data_dir: str | os.PathLike | None = None, seed: int = 0) -> dict[str, Any]:
    """Test accuracies of scikit-learn's TF-IDF + LinearSVC on a corpus without an official test split.

    Args:
        name: a corpus that the zoo splits by content, such as chinese_reviews.
        seed: of the naive split, whose test and validation are as large as those of the clean one.

    Returns:
        {"dataset", "clean": {"accuracy", "interval", "n", "test_rows_also_in_train"}, "naive": the same}.

    Raises:
        ZooError: the dataset has an official test split, or holds no texts.
    """
    from zoo import datasets
    from zoo.datasets import official, sources

    info = datasets.dataset_info(name)
    path = pathlib.Path(data_dir).expanduser() if data_dir else None
    everything, official_test, _ = official.load_arrays(name, path) if name in sources.SOURCES else (None, None, None)
    if everything is None or info.kind != "text" or info.targets is None or official_test is not None:
        raise ZooError(f"--dataset={name}: a corpus that the zoo splits itself is needed: bbc_news, chinese_reviews")
    clean = datasets.load(name, data_dir)
    order = np.random.default_rng(seed).permutation(len(everything))
    share = len(clean.test) / (len(clean.train) + len(clean.validation) + len(clean.test))
    bounds = np.cumsum([round(share * len(order)), round(share / 2 * len(order))])
    test, _, train = (everything.take(rows) for rows in np.split(order, bounds))
    return {
        "dataset": name,
        "clean": _judge(clean.train, clean.test),
        "naive": _judge(train, test),
    }


def _judge(train, test) -> dict[str, Any]:
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    from zoo.datasets.splits import overlap
    from zoo.evaluation.linear import term_counts
    from zoo.measures.classes import wilson_interval

    model = make_pipeline(term_counts(train.features), LinearSVC(random_state=0)).fit(train.features, train.targets)
    right = int((model.predict(test.features) == test.targets).sum())
    return {
        "accuracy": right / len(test),
        "interval": wilson_interval(right, len(test)),
        "n": len(test),
        "test_rows_also_in_train": overlap(train, test),
    }


def leak_table(leak: dict[str, Any]) -> str:
    """The figures for people."""
    lines = [f"{leak['dataset']}: TF-IDF of words and pairs + LinearSVC"]
    for split in ("naive", "clean"):
        values = leak[split]
        low, high = values["interval"]
        lines.append(
            f"  {split} split: accuracy {values['accuracy']:.4f} ({low:.4f} to {high:.4f}); "
            f"{values['test_rows_also_in_train']:,} of {values['n']:,} test rows are in train too"
        )
    return "\n".join(lines)


def save_leak_picture(leak: dict[str, Any], path: str | os.PathLike) -> None:
    """Two bars with their intervals.

    Raises:
        ZooError: the file cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 2.6), layout="constrained")
    axes = figure.add_subplot()
    for position, (split, color) in enumerate((("clean", "#0072B2"), ("naive", "#D55E00"))):
        values = leak[split]
        low, high = values["interval"]
        spread = [[values["accuracy"] - low], [high - values["accuracy"]]]
        axes.barh(position, values["accuracy"], xerr=spread, color=color, height=0.6, capsize=4)
        share = values["test_rows_also_in_train"] / values["n"]
        axes.text(0.508, position, f"{values['accuracy']:.3f}   {share:.0%} of test is in train", color="white",
                  va="center")  # fmt: skip
    axes.set(xlim=(0.5, 1), yticks=(0, 1), yticklabels=("split by content", "split by row"), xlabel="test accuracy")
    axes.set_title(f"{leak['dataset']}: the same linear model, the same texts", fontsize=10, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    try:
        figure.savefig(path, format="png", dpi=130)
    except OSError as error:
        raise ZooError(f"--output={path}: cannot be written ({error.strerror}); name another file") from None
