"""What a run ends with: figures, predictions and pictures of a model that is done learning."""

from collections.abc import Callable
from typing import Any

import numpy as np

from zoo.runs import Run


def write_outcome(run: Run, dataset, predict: Callable[[Any], np.ndarray], results: dict[str, Any]) -> None:
    """Judge a classifier on validation and test, and write results.json, predictions and pictures into its run.

    A dataset without its test split is judged on validation alone.

    Args:
      run: where to write.
      dataset: a `zoo.datasets.Dataset`.
      predict: features of a split → float32[examples, num_classes] probabilities.
      results: what else results.json holds.
    """
    from zoo.drawing import figures
    from zoo.measures.metrics import classification_results

    names = list(dataset.info.label_names)
    for split_name, file in (("validation", "validation_predictions.npz"), ("test", "predictions.npz")):
        split = getattr(dataset, split_name)
        if split is None:
            continue
        probabilities = predict(split.features)
        results[split_name] = classification_results(probabilities, split.labels, names)
        np.savez_compressed(run.path / file, ids=split.ids, labels=split.labels, probabilities=probabilities)
    if dataset.bayes_accuracy is not None:
        results["bayes_accuracy"] = dataset.bayes_accuracy
    run.write_json("results.json", results)
    if run.history_file.exists():
        figures.save_training_curves(run.history_file, run.path / "training.png")
    if dataset.test is not None and dataset.info.kind != "table":
        figures.save_confusion_matrix(results["test"], names, run.path / "confusion_matrix.png")
        figures.save_worst_mistakes(
            dataset.test.features,
            dataset.test.labels,
            probabilities,
            dataset.test.ids,
            names,
            run.path / "mistakes.png",
        )
