"""What an answer holds, made from what the model computed."""

from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.serving.requests import Signature

if TYPE_CHECKING:
    from zoo.loading import LoadedModel

_TYPES = {"uint8": "DT_UINT8", "float32": "DT_FLOAT", "string": "DT_STRING", "row": "DT_STRING",
          "series": "DT_FLOAT"}  # fmt: skip


def predictions(answers: np.ndarray, columnar: bool) -> dict[str, Any]:
    """`float32[rows, …]` → the answer to each row: probabilities, in the order of the label names, or numbers."""
    return {"outputs" if columnar else "predictions": answers.tolist()}


def results(model: "LoadedModel", answers: np.ndarray) -> dict[str, Any]:
    """`float32[rows, …]` → what the task's own verb answers, a value a row."""
    return {"results": model.task.serve(answers, model.labels)}


def explanations(model: "LoadedModel", answers: np.ndarray, found: list[dict[str, Any]]) -> dict[str, Any]:
    """`float32[rows, …]` answers and what was found for each row → both, the answers as the task describes them."""
    named = [
        {key: value for key, value in model.task.describe(row, model.labels).items() if key != "probabilities"}
        | explanation
        for row, explanation in zip(answers, found, strict=True)
    ]
    return {"explanations": named}


def status() -> dict[str, Any]:
    """Of the one version, in TensorFlow Serving's form."""
    status = {"error_code": "OK", "error_message": ""}
    return {"model_version_status": [{"version": "1", "state": "AVAILABLE", "status": status}]}


def metadata(model: "LoadedModel", name: str, signature: Signature, extra: dict[str, Any]) -> dict[str, Any]:
    """The model's signature in TensorFlow Serving's form; beside it, under `zoo`, its labels and `extra`."""
    answer_shape = model.task.answers(np.zeros((1, *model.model.output_shape[1:]))).shape[1:]
    described = {
        "inputs": {signature.input_name: _tensor(_TYPES[signature.dtype], signature.shape)},
        "outputs": {model.task.output: _tensor("DT_FLOAT", answer_shape)},
        "method_name": "tensorflow/serving/predict",
    }
    ours = {
        "task": model.task.name,
        "reads": model.reads,
        "verb": model.task.verb,
        "writes": model.task.writes,
        "target_name": model.labels.get("target_name") or "",
        "unit": model.labels.get("unit") or "",
        "dataset": model.dataset,
        "label_names": model.label_names,
        "feature_names": model.feature_names,
        "thresholds": model.labels.get("thresholds"),
        "schema": model.labels.get("schema"),
        **extra,
    }
    return {
        "model_spec": {"name": name, "signature_name": "", "version": "1"},
        "metadata": {"signature_def": {"signature_def": {"serving_default": described}}, "zoo": ours},
    }


def _tensor(dtype: str, shape: tuple[int, ...]) -> dict[str, Any]:
    sizes = [{"size": str(size), "name": ""} for size in (-1, *shape)]
    return {"dtype": dtype, "tensor_shape": {"dim": sizes, "unknown_rank": False}}
