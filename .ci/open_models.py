"""Saved models stay open: one environment writes a file of every registered model, others read it and compare.

    python .ci/open_models.py write FOLDER
    python .ci/open_models.py read FOLDER 1e-6

Under KERAS_BACKEND=jax or torch, models without texts are read, with those of the zoo's layers that are plain Keras.
The models have random weights, what they learn from examples (means, vocabularies) is learned, and texts' are small.
"""

import importlib
import os
import pathlib
import sys

import numpy as np

SMALL = {"length": 16, "vocabulary_size": 500, "num_layers": 2}  # of texts
WORDS = ["shares", "goal", "film", "vote", "phone", "你好", "the", "of"]
LAYERS, TENSORFLOW_LAYERS = ["activations", "numeric_embeddings", "positions"], ["tf_idf", "word_piece"]


def write(folder: pathlib.Path) -> int:
    import keras

    import zoo
    from zoo.loading import save_model
    from zoo.training import preprocessing

    folder.mkdir(parents=True)
    for name in zoo.list_models():
        info, options = zoo.model_info(name), zoo.load_config(name).model.options
        if info.reads == "text":
            options |= {key: value for key, value in SMALL.items() if key in info.option_names}
        keras.utils.set_random_seed(0)
        model = zoo.create_model(name, **options)
        rows = example_rows(info.reads, model.input_shape[1:])
        preprocessing.adapt(model, rows)
        if info.task.targets == "number":
            info.task.adapt(model, np.linspace(900, 1100, len(rows), dtype="float32"))
        save_model(model, folder / f"{name}.keras", {})
        rows = rows.astype("U") if info.reads == "text" else rows
        np.savez(folder / f"{name}.npz", rows=rows, answers=model.predict(tensor(rows), verbose=0))
    print(f"{len(zoo.list_models())} models written by {versions()}")
    return 0


def example_rows(reads: str, shape: tuple[int, ...], count: int = 20) -> np.ndarray:
    generator = np.random.default_rng(0)
    if reads == "text":
        return np.array([" ".join(generator.choice(WORDS, 12)) for _ in range(count)], object)
    if reads == "image":
        return generator.integers(0, 256, (count, *shape), dtype="uint8")
    return generator.normal(size=(count, *shape)).astype("float32")


def tensor(rows: np.ndarray):
    """Texts as a tensor of strings, which Keras takes of no array."""
    if rows.dtype.kind != "U":
        return rows
    import tensorflow as tf

    return tf.constant(rows.astype(object))


def read(folder: pathlib.Path, limit: float) -> int:
    own_backend = os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow"
    import keras

    for name in LAYERS + TENSORFLOW_LAYERS * own_backend:
        importlib.import_module(f"zoo.layers.{name}")
    differences = {}
    for path in sorted(folder.glob("*.keras")):
        with np.load(path.with_suffix(".npz")) as written:
            rows, answers = written["rows"], written["answers"]
        if rows.dtype.kind != "U" or own_backend:
            found = keras.saving.load_model(path).predict(tensor(rows), verbose=0)
            # In parts of the answers, where they are large: numbers of regression.
            differences[path.stem] = float(np.abs(found - answers).max() / max(1, np.abs(answers).max()))
            print(f"  {path.stem:<24} {differences[path.stem]:.1e}")
    failed = [name for name, difference in differences.items() if not difference <= limit]  # NaN too
    print(f"{len(differences)} models read by {versions()}: largest difference {max(differences.values()):.1e}")
    if failed:
        print(f"more than {limit:g}: {', '.join(failed)}")
    return int(bool(failed))


def versions() -> str:
    import keras

    backend = importlib.import_module(keras.backend.backend())
    return f"Python {sys.version.split()[0]}, Keras {keras.__version__}, {backend.__name__} {backend.__version__}"


if __name__ == "__main__":
    action, path, *limit = sys.argv[1:]
    sys.exit(write(pathlib.Path(path)) if action == "write" else read(pathlib.Path(path), float(*limit)))
