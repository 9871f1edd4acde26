"""What a trained model makes of its input before it answers: features, as a model, an array and files."""

import csv
import io
import json
import os
import pathlib
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.datasets import on_disk
from zoo.errors import ZooError, nearest
from zoo.escaping import printable, spreadsheet_cell
from zoo.loading import LoadedModel, load_model, outputs_of
from zoo.runs import write_atomically

if TYPE_CHECKING:
    import keras

FORMATS = ("npz", "csv", "projector")


def load_features(model: Any, layer: str | None = None) -> "keras.Model":
    """A trained model up to its features, what its head stands on.

    Args:
        model: what `zoo.load_model` takes, or what it returned.
        layer: name of another layer. If it gives more than a row of numbers an example, such as a picture of them,
            the numbers of each channel are averaged over all positions, padding too.

    Returns:
        A `keras.Model`, raw input → `float32[batch, feature]`.

    Raises:
        ZooError: there is no such model, it is an exported one, or the layer does not exist or gives no such numbers.

    Example:
        features = zoo.load_features("mnist_cnn").predict(images)
    """
    import keras

    loaded = model if isinstance(model, LoadedModel) else load_model(model)
    network = loaded.model
    if not hasattr(network, "get_layer"):
        raise ZooError(f"{loaded.path}: an exported model has no layers; name the run or the .keras file that it is of")
    output = _output_of(loaded, layer)
    if not isinstance(output, keras.KerasTensor) or len(output.shape) < 2 or "float" not in output.dtype:
        raise ZooError(f"{loaded.path}: the layer {layer!r} gives no numbers an example; name one that computes")
    if len(output.shape) > 2:
        output = keras.ops.mean(output, axis=tuple(range(1, len(output.shape) - 1)))
    numbers = keras.layers.Activation("linear", dtype="float32", name="float32_features")(output)  # also of bfloat16
    return keras.Model(network.input, numbers, name="up_to_features")


def _output_of(loaded: LoadedModel, layer: str | None):
    layers = {each.name: each for each in loaded.model.layers}
    if layer is not None:
        if layer not in layers:
            raise ZooError(f"{loaded.path}: has no layer {printable(layer)!r}; {nearest(str(layer), layers)}")
        return layers[layer].output
    if "features" in layers:
        return layers["features"].output
    if loaded.task.trains in layers:  # files of before the layer had a name
        return layers[loaded.task.trains].input
    raise ZooError(f"{loaded.path}: has no layer features; name one, such as --layer={list(layers)[-2]}")


def features_of(network: "keras.Model", inputs: on_disk.Features) -> np.ndarray:
    """`float32[examples, feature]`, computed some examples at a time; in a file where memory cannot hold them."""
    found = on_disk.allocate((on_disk.count(inputs), network.output_shape[-1]), "float32", pathlib.Path.cwd())
    done = 0
    for block in on_disk.blocks(inputs):
        outputs = outputs_of(network, block)
        found[done : done + len(outputs)] = outputs
        done += len(outputs)
    return found


def format_of(path: str | os.PathLike, given: str | None) -> str:
    """The format of an output, if none is given by its suffix; what is no `.npz` or `.csv` is a projector's folder."""
    return given or {".npz": "npz", ".csv": "csv"}.get(pathlib.Path(path).suffix.lower(), "projector")


def write_features(
    path: str | os.PathLike, kind: str, ids: np.ndarray, features: np.ndarray, labels: np.ndarray | None
) -> None:
    """Write features with the ids and labels of their examples.

    Args:
        path: a file, or for `projector` a folder.
        kind: one of FORMATS: arrays `ids`, `features` and `labels`; a table; or what TensorBoard's projector shows.
        ids: of the examples.
        features: `float32[examples, feature]`.
        labels: `str[examples]` classes or `float[examples]` numbers, if they are known.

    Raises:
        ZooError: it cannot be written.
    """
    path = pathlib.Path(path)
    ids = np.array([str(each) for each in ids])
    try:
        if kind == "npz":
            stream = io.BytesIO() if features.nbytes < 1 << 28 else None
            arrays = {"ids": ids, "features": features} | ({} if labels is None else {"labels": labels})
            if stream is None:
                with path.open("wb") as file:
                    np.savez(file, **arrays)
            else:
                np.savez(stream, **arrays)
                write_atomically(path, stream.getvalue())
        elif kind == "csv":
            _write_csv(path, ids, features, labels)
        else:
            _write_projector(path, ids, features, labels)
    except OSError as error:
        raise ZooError(f"--output={path}: cannot be written ({error.strerror}); name another place") from None


def _write_csv(path: pathlib.Path, ids, features, labels) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        names = [f"feature_{number}" for number in range(features.shape[1])]
        writer.writerow(["id", *([] if labels is None else ["label"]), *names])
        for row, values in enumerate(features):
            label = [] if labels is None else [spreadsheet_cell(labels[row].item())]
            writer.writerow([spreadsheet_cell(str(ids[row])), *label, *map(_number, values)])


def _write_projector(folder: pathlib.Path, ids, features, labels) -> None:
    """Vectors and names as TSV, and the file by which TensorBoard finds them."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "vectors.tsv").open("w", encoding="utf-8") as file:
        file.writelines("\t".join(map(_number, values)) + "\n" for values in features)
    with (folder / "metadata.tsv").open("w", encoding="utf-8") as file:
        columns = [ids] if labels is None else [labels, ids]
        if labels is not None:  # a single column has no header, says TensorBoard
            file.write("label\tid\n")
        file.writelines("\t".join(map(printable, row)) + "\n" for row in zip(*columns, strict=True))
    about = {"tensor_name": "features", "tensor_path": "vectors.tsv", "metadata_path": "metadata.tsv"}
    lines = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in about.items())
    (folder / "projector_config.pbtxt").write_text(f"embeddings {{\n{lines}}}\n", encoding="utf-8")


def _number(value: np.float32) -> str:
    return f"{value:.7g}"
