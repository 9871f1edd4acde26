"""From a user's files, or a dataset, to features on disk and to their nearest examples."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo.datasets import on_disk
from zoo.errors import ZooError
from zoo.evaluation import evaluate, neighbours, predict
from zoo.evaluation import features as of_features
from zoo.measures.classes import wilson_interval
from zoo.text_table import align_columns

if TYPE_CHECKING:
    from zoo.datasets import Dataset
    from zoo.loading import LoadedModel


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Examples: `str[examples]` ids, features as the model reads them, labels if they are known.

    `split` is the split of which dataset they are; None of files.
    """

    ids: np.ndarray
    features: on_disk.Features
    labels: np.ndarray | None = None
    split: tuple[str, str] | None = None


def refuse_odd_number(text: str) -> None:
    """Raises: ZooError: the text is no number of neighbours."""
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 10_000:
        raise ZooError(f"--neighbours={text}: a number from 1 to 10,000 is needed, or auto")


def files(paths: Sequence[str], texts: Sequence[str], loaded: "LoadedModel") -> Inputs:
    """As scripts/predict.py reads them.

    Raises:
        ZooError: a path or its content cannot be read.
    """
    names, features = predict.take_texts(texts, loaded) if texts else predict.read_inputs(paths, loaded)
    return Inputs(np.array(names), features)


class Data:
    """The datasets that a model is shown, cut as the model's run cut them."""

    def __init__(self, run: str | None, loaded: "LoadedModel", name: str | None, data_dir: str | None):
        self.run, self.loaded, self.name, self.data_dir = run, loaded, name, data_dir
        self._read: dict[str, Dataset] = {}

    def dataset(self, name: str) -> "Dataset":
        """A dataset of that name; the run's own is read with all keys of the run's config."""
        if name not in self._read:
            is_own = self.run and name == self.loaded.dataset
            dataset = evaluate.load_dataset(self.run, self.loaded, None if is_own else name, self.data_dir)
            if is_own:
                evaluate.refuse_other_data(self.run, dataset)
            self._read[name] = dataset
        return self._read[name]

    def split(self, which: str, name: str | None = None) -> Inputs:
        """Rows of a dataset, with labels."""
        name = name or self.name
        dataset = self.dataset(name)
        split = getattr(dataset, which)
        features = evaluate.fitting_features(self.loaded, dataset, split)
        return Inputs(split.ids.astype(str), features, neighbours.labels_of(split, dataset), (name, which))


class Embedder:
    """A model up to its features, and what is done with them."""

    def __init__(self, loaded: "LoadedModel", layer: str | None, data: Data):
        """Raises: ZooError: there is no such layer."""
        self.loaded, self.data = loaded, data
        self.network = of_features.load_features(loaded, layer)

    def features(self, inputs: Inputs) -> np.ndarray:
        """`float32[examples, feature]`."""
        return of_features.features_of(self.network, inputs.features)

    def write(self, path: str | os.PathLike, kind: str | None, inputs: Inputs, features: np.ndarray) -> None:
        """As `zoo.evaluation.features.write_features`."""
        of_features.write_features(path, of_features.format_of(path, kind), inputs.ids, features, inputs.labels)

    def compare(self, against: str, number: str, inputs: Inputs, features: np.ndarray) -> str:
        """Find the nearest examples of each input, and say what they are; of a split, how often their vote is right.

        Args:
            against: an .npz file, a folder of classes or the name of a dataset.
            number: of neighbours; auto: chosen on the validation split of the dataset.
            inputs: what to compare.
            features: theirs.

        Raises:
            ZooError: the examples cannot be read, do not fit, or hold the inputs themselves.
        """
        if inputs.split == (against, "train"):
            raise ZooError(f"--against={against}: its training split would be compared with itself; --split=test")
        reference = self._reference(against)
        lines = []
        if number == "auto":
            if not inputs.split or inputs.split[0] != against or inputs.split[1] != "test":
                raise ZooError("--neighbours=auto goes with --dataset=NAME --split=test --against=NAME; give a number")
            held_out = self.data.split("validation", against)
            k, share = neighbours.best_k(reference, self.features(held_out), held_out.labels)
            lines.append(f"{k} neighbours are right most often on validation, {share:.4f} of {len(held_out.ids):,}")
        else:
            k = int(number)
        found = neighbours.nearest(reference, features, k)
        if inputs.labels is None or not reference.are_classes:
            return align_columns(found.table(list(inputs.ids), k))
        return "\n".join([*lines, *self._accuracies(found, k, inputs)])

    def _reference(self, against: str) -> neighbours.Reference:
        path = Path(against).expanduser()
        if path.is_dir():
            return neighbours.of_folder(path, self.network, self.loaded)
        if path.suffix == ".npz" or path.is_file():
            return neighbours.of_file(path, self.network.output_shape[-1])
        inputs = self.data.split("train", against)
        if inputs.labels is None:
            raise ZooError(f"--against={against}: its examples have no labels to vote with; name other data")
        return neighbours.Reference(inputs.ids, self.features(inputs), inputs.labels, against)

    def _accuracies(self, found: neighbours.Neighbours, k: int, inputs: Inputs) -> list[str]:
        """How often the neighbours are right, and, of a classifier of these classes, how often its head is."""
        lines = [_accuracy_line(f"{k} nearest of {len(found.reference.ids):,}", found.votes(k) == inputs.labels)]
        names = np.array(self.loaded.label_names)
        if self.loaded.task.output == "probabilities" and set(inputs.labels) <= set(names):
            answers = names[self.loaded.answers(inputs.features).argmax(axis=1)]
            lines.append(_accuracy_line("the model's own head", answers == inputs.labels))
        return lines


def _accuracy_line(who: str, right: np.ndarray) -> str:
    low, high = wilson_interval(int(right.sum()), len(right))
    return f"{who}: accuracy {right.mean():.4f} (95 % interval {low:.4f} to {high:.4f}) of {len(right):,} examples"
