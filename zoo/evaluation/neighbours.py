"""The nearest examples by their features, and what they vote for: classification without training."""

import dataclasses
import pathlib
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.errors import ZooError
from zoo.evaluation import features as of_features
from zoo.evaluation.predict import READERS
from zoo.safe_reading import read_arrays

if TYPE_CHECKING:
    from zoo.datasets import Dataset
    from zoo.datasets.splits import Split
    from zoo.loading import LoadedModel

CHOICES = (1, 3, 5, 10, 20, 50)
_SHOWN = 5
_ROWS_AT_ONCE = 4096


@dataclasses.dataclass(frozen=True)
class Reference:
    """Examples to compare with: `str[examples]` ids, `float32[examples, feature]`, and labels, classes or numbers."""

    ids: np.ndarray
    features: np.ndarray
    labels: np.ndarray
    where: str

    @property
    def are_classes(self) -> bool:
        return self.labels.dtype.kind != "f"


def labels_of(split: "Split", dataset: "Dataset") -> np.ndarray | None:
    """The names of the classes of a split's rows, or its numbers; None where a row has no label or several."""
    if split.targets is None or split.targets.ndim != 1:
        return None
    if dataset.info.label_names:
        return np.array(dataset.info.label_names)[split.targets]
    return split.targets.astype("float64")


def of_file(path: pathlib.Path, width: int) -> Reference:
    """What `write_features` wrote as .npz.

    Raises:
        ZooError: it is damaged, has no labels, or its features are another model's.
    """
    arrays = read_arrays(path)
    if missing := {"ids", "features", "labels"} - arrays.keys():
        raise ZooError(f"--against={path}: has no {', '.join(sorted(missing))}; write it from labelled data, embed.py")
    ids, features, labels = (arrays[name] for name in ("ids", "features", "labels"))
    is_whole = len(ids) == len(features) == len(labels) and ids.ndim == labels.ndim == 1
    if features.ndim != 2 or features.dtype != "float32" or not is_whole or labels.dtype.kind not in "Uf":
        raise ZooError(f"--against={path}: ids, features and labels are not those of examples; write it again")
    if features.shape[1] != width:
        raise ZooError(
            f"--against={path}: {features.shape[1]} features an example, and this model gives {width}; write it with "
            "the same model and layer"
        )
    return Reference(ids, features, labels, str(path))


def of_folder(folder: pathlib.Path, network, loaded: "LoadedModel") -> Reference:
    """A folder of class folders, some examples in each.

    Raises:
        ZooError: there are no class folders, or a file cannot be read.
    """
    from zoo.datasets.own_folders import read_classes

    reader = READERS.get(loaded.reads)
    if reader is None or loaded.reads == "table":
        raise ZooError(f"--against={folder}: a folder of classes is for pictures and texts; name a .npz file or data")
    classes = read_classes(folder, reader.is_wanted, reader.words, "file")
    ids, inputs, labels = [], [], []
    for target, label in enumerate(classes.names):  # together, so that a notice comes once
        files = [file for file, its in zip(classes.files, classes.targets, strict=True) if its == target]
        names, found = reader.read(files, loaded)  # a file may hold several
        ids += names
        inputs.append(found)
        labels += [label] * len(names)
    features = of_features.features_of(network, np.concatenate(inputs))
    return Reference(np.array(ids), features, np.array(labels), str(folder))


@dataclasses.dataclass(frozen=True)
class Neighbours:
    """Of each input, nearest first: `int[inputs, k]` rows of the reference and `float32[inputs, k]` cosines."""

    reference: Reference
    rows: np.ndarray
    similarities: np.ndarray

    def votes(self, k: int) -> np.ndarray:
        """What the `k` nearest say: the class that most have, of two the one that is nearer; or their mean number."""
        labels = self.reference.labels[self.rows[:, :k]]
        if not self.reference.are_classes:
            return labels.mean(axis=1)
        names, numbers = np.unique(labels, return_inverse=True)
        numbers = numbers.reshape(labels.shape)
        nearness = np.zeros((len(labels), len(names)))
        for place in range(labels.shape[1]):
            # A vote counts 1, and a little more the nearer it is: less in all than one more vote.
            nearness[np.arange(len(labels)), numbers[:, place]] += 1 + 0.5 ** (place + 2)
        return names[nearness.argmax(axis=1)]

    def table(self, names: list[str], k: int) -> list[list[str]]:
        """A row an input: its name, the vote, the nearest with label, cosine and id."""
        rows = [["input", "vote", "nearest"]]
        for name, vote, near, cosines in zip(names, self.votes(k), self.rows, self.similarities, strict=True):
            shown = [
                f"{_text(self.reference.labels[row])} {cosine:.3f} ({self.reference.ids[row]})"
                for row, cosine in zip(near[:k][:_SHOWN], cosines, strict=False)
            ]
            rows.append([str(name), _text(vote), ", ".join(shown) + (", …" if k > _SHOWN else "")])
        return rows


def _text(label: Any) -> str:
    return f"{label:.6g}" if isinstance(label, np.floating) else str(label)


def nearest(reference: Reference, features: np.ndarray, k: int) -> Neighbours:
    """The `k` nearest by cosine.

    Raises:
        ZooError: there are not so many examples to compare with.
    """
    from sklearn.neighbors import NearestNeighbors

    if k > len(reference.ids):
        raise ZooError(f"--neighbours={k}: {reference.where} has {len(reference.ids)} examples; ask for fewer")
    # Among vectors of length 1 the order of distances is that of cosines, and scikit-learn's search is far faster.
    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(_of_length_one(reference.features))
    found = [search.kneighbors(_of_length_one(part)) for part in _parts(features)]
    distances, rows = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    return Neighbours(reference, rows, (1 - distances**2 / 2).astype("float32"))


def _of_length_one(features: np.ndarray) -> np.ndarray:
    units = np.empty(features.shape, "float32")
    for part, unit in zip(_parts(features), _parts(units), strict=True):
        unit[:] = part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12)
    return units


def _parts(array: np.ndarray):
    return (array[start : start + _ROWS_AT_ONCE] for start in range(0, len(array), _ROWS_AT_ONCE))


def best_k(reference: Reference, features: np.ndarray, labels: np.ndarray) -> tuple[int, float]:
    """The number of neighbours of `CHOICES` that is right most often on validation, and how often."""
    choices = [k for k in CHOICES if k <= len(reference.ids)]
    found = nearest(reference, features, choices[-1])
    right = {k: float((found.votes(k) == labels).mean()) for k in choices}
    best = max(choices, key=right.get)
    return best, right[best]
