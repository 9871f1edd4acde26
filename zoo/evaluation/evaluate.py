"""A trained model against a split of a data set: figures, a table for people, and a folder of pictures."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo.errors import ZooError
from zoo.escaping import json_text, printable
from zoo.evaluation import figures, metrics
from zoo.evaluation.predict import open_model
from zoo.evaluation.slices import evaluate_slices, slices_table

if TYPE_CHECKING:
    from zoo.datasets import Dataset, Split
    from zoo.loading import LoadedModel

SPLITS = ("test", "validation", "train")


def evaluate(
    run: str | None = None,
    model_file: str | None = None,
    dataset_name: str | None = None,
    data_dir: str | None = None,
    split_name: str = "test",
    output: str | os.PathLike | None = None,
    slice_by: str | None = None,
) -> dict:
    """Evaluates a run's model, or a lone .keras file, on a data set: by default the one it was trained on.

    Args:
      run: a run's folder; the split is then carved as that run carved it.
      model_file: a .keras file, in place of `run`.
      dataset_name: another data set with the same classes.
      data_dir: where the data are, if not where the run, or the environment, says.
      split_name: "test", "validation" or "train".
      output: a folder for evaluation.json, confusion_matrix.png and mistakes.png.
      slice_by: also judge slices of the split, as `evaluate_slices` says.

    Returns:
      {"model", "dataset", "data_digest", "split", "results": what `classification_results` returns}, and "slices".

    Raises:
      ZooError: the model or data cannot be read, or do not fit each other, or `output` cannot be written.
    """
    loaded_model = open_model(run, model_file)
    dataset = load_dataset(run, loaded_model, dataset_name, data_dir)
    split = fitting_split(loaded_model, dataset, split_name)
    probabilities = loaded_model.predict_probabilities(split.features)
    evaluation = {
        "model": str(loaded_model.path),
        "dataset": dataset.info.name,
        "data_digest": dataset.digest,
        "split": split_name,
        "results": evaluate_split(probabilities, split, loaded_model.label_names),
    }
    if slice_by is not None:
        evaluation["slices"] = evaluate_slices(probabilities, split, dataset, slice_by)
    if output is not None:
        _write(evaluation, probabilities, split, loaded_model.label_names, Path(output))
    return evaluation


def evaluate_model(loaded_model: "LoadedModel", dataset: "Dataset", split_name: str) -> dict:
    """Predicts a split and returns its `classification_results`.

    Raises:
      ZooError: the data set's classes or features are not the model's, or the split is empty.
    """
    split = fitting_split(loaded_model, dataset, split_name)
    return evaluate_split(loaded_model.predict_probabilities(split.features), split, loaded_model.label_names)


def evaluate_split(probabilities: np.ndarray, split: "Split", label_names: Sequence[str]) -> dict:
    """Judges probabilities float32[examples, num_classes] that were predicted for a split.

    Raises:
      ZooError: the split is empty, or a probability is not finite.
    """
    return metrics.classification_results(probabilities, split.labels, label_names)


def results_table(evaluation: dict) -> str:
    """Returns what `evaluate` returned as text for people."""
    results = evaluation["results"]
    low, high = results["accuracy"]["interval"]
    area = "undefined, a class is absent" if results["roc_auc"] is None else f"{results['roc_auc']:.4f}"
    named = [(printable(name), values) for name, values in results["per_class"].items()]
    width = max(16, *(len(name) for name, _ in named))
    heading = f"{evaluation['model']} on {evaluation['dataset']}, {evaluation['split']} split"
    lines = [
        f"{printable(heading)}, {results['n']:,} examples",
        "",
        f"accuracy                    {results['accuracy']['value']:.4f}  (95 % interval {low:.4f} to {high:.4f})",
        f"macro F1                    {results['macro_f1']:.4f}",
        f"ROC-AUC, one against rest   {area}",
        f"negative log-likelihood     {results['negative_log_likelihood']:.4f}",
        f"expected calibration error  {results['expected_calibration_error']:.4f}",
        "",
        f"{'class':{width}}  precision  recall      F1  support",
    ]
    for name, values in named:
        lines.append(
            f"{name:{width}}  {values['precision']:9.4f}  {values['recall']:6.4f}  {values['f1']:6.4f}"
            f"  {values['support']:7,}"
        )
    if "slices" in evaluation:
        lines += ["", slices_table(evaluation["slices"])]
    return "\n".join(lines)


def load_dataset(
    run: str | None, loaded_model: "LoadedModel", dataset_name: str | None, data_dir: str | None
) -> "Dataset":
    from zoo import datasets

    if run and not dataset_name:
        from zoo.config import load_config

        # The run's own values: another validation fraction would mix training rows into its validation split.
        return datasets.load_configured(load_config(path=Path(run) / "config.yaml").dataset, data_dir)
    name = dataset_name or loaded_model.dataset
    if not name:
        raise ZooError(f"{loaded_model.path}: the file does not say which data it was trained on; give --dataset=NAME")
    own_images = datasets.dataset_info(name).feature_shape is None and len(loaded_model.model.input_shape) == 4
    return datasets.load(name, data_dir, image_shape=loaded_model.model.input_shape[1:] if own_images else None)


def fitting_split(loaded_model: "LoadedModel", dataset: "Dataset", split_name: str) -> "Split":
    """Returns the split, once the data are known to have the model's classes, in its order, and its features."""
    if split_name not in SPLITS:
        raise ZooError(f"--split={split_name}: no such split; known: {', '.join(SPLITS)}")
    classes, known = list(dataset.info.label_names), list(loaded_model.label_names)
    if classes != known:
        raise ZooError(
            f"{loaded_model.path}: its classes ({_few(known)}) are not those of {dataset.info.name} ({_few(classes)}); "
            "give a data set with the same classes in the same order"
        )
    split = getattr(dataset, split_name)
    shape, wanted = split.features.shape[1:], loaded_model.model.input_shape[1:]
    if len(shape) != len(wanted) or any(size not in (None, given) for size, given in zip(wanted, shape, strict=True)):
        raise ZooError(
            f"{loaded_model.path}: it reads examples of shape {wanted}, but those of {dataset.info.name} are {shape}; "
            "give a data set of that shape"
        )
    return split


def _few(names: list[str]) -> str:
    return f"{len(names)}: {', '.join(names[:4])}{', …' if len(names) > 4 else ''}"


def _write(
    evaluation: dict, probabilities: np.ndarray, split: "Split", label_names: Sequence[str], output: Path
) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
        text = json_text(evaluation) + "\n"
        (output / "evaluation.json").write_text(text, encoding="utf-8")
        figures.save_confusion_matrix(evaluation["results"], label_names, output / "confusion_matrix.png")
        figures.save_worst_mistakes(
            split.features, split.labels, probabilities, split.ids, label_names, output / "mistakes.png"
        )
    except OSError as error:
        raise ZooError(f"--output={output}: cannot be written ({error.strerror}); name another folder") from None
