"""What a training starts from: the layers of a trained model, by kind and place, and a list of what was taken."""

import dataclasses
import pathlib
from typing import Any

import numpy as np

from zoo import decoders, encoders
from zoo.datasets.catalog import dataset_info
from zoo.errors import ZooError, first_few
from zoo.escaping import tell
from zoo.loading import LoadedModel, load_model
from zoo.registry import plural
from zoo.tasks import Task
from zoo.training import efficientnet_weights, preprocessing, pretrained
from zoo.training.layerwise import layers_by_name

_SHOWN = 6
PICTURES = "efficientnet_lite0"


@dataclasses.dataclass(frozen=True)
class Start:
    """Layers of the new model by what became of them, and layers of the old one that had no place.

    Attributes:
        source: whose weights they are, in words.
        taken: names of layers that are as they were.
        adapted: names of layers that were brought into another shape, and how.
        new: names of layers that begin from random or from the training data, and why.
        left: names of the old model's layers that are not used.
    """

    source: str
    taken: list[str]
    adapted: dict[str, str]
    new: dict[str, str]
    left: list[str]

    def __str__(self) -> str:
        parts = [f"{len(self.taken)} layers taken" + (f" ({first_few(self.taken, _SHOWN)})" if self.taken else "")]
        parts += [f"{name} adapted: {how}" for name, how in self.adapted.items()]
        for why in dict.fromkeys(self.new.values()):
            parts.append(f"new, {why}: {first_few([name for name, w in self.new.items() if w == why], _SHOWN)}")
        if self.left:
            parts.append(f"left: {first_few(self.left, _SHOWN)}")
        return f"init_from {self.source}: {'; '.join(parts)}"


def start(task: Task, model, init_from: str, dataset) -> Start:
    """Give a new model the weights that `init_from` names; what has none adapts to the training split.

    Args:
        task: of the model.
        model: as its builder made it.
        init_from: a model's name, a run, a `.keras` file, a checkpoint's folder, or a name of pretrained weights.
        dataset: whose training split it will learn.

    Raises:
        ZooError: there are no such weights, they are damaged, of another task or kind, or none of them fits.
    """
    if init_from in efficientnet_weights.PACKAGES:
        found = efficientnet_weights.read(init_from)
        _adapt(task, model, dataset)
        return _take_named(task, model, found, init_from)
    path = pathlib.Path(init_from).expanduser()
    tokenizer = next((layer for layer in model.layers if layer.name == "tokenizer"), None)
    if type(tokenizer).__name__ == "BytePairTokenizer":
        return _gpt_start(task, model, tokenizer, init_from, path, dataset)
    if tokenizer is not None or init_from in encoders.PACKAGES or (path / "config.json").is_file():
        return _bert_start(task, model, init_from, dataset)
    source = _trained(init_from, path)
    _refuse_unlike(source, task, dataset.info.kind, init_from)
    same_words = _take_vocabulary(model, source.model)
    _adapt(task, model, dataset, same_words)
    return _take(task, model, source, dataset, same_words, init_from)


def refuse_learned(init_from: str, dataset: str) -> None:
    """Raises: ZooError: what a training starts from has learned this dataset, and with it the rows to be held out."""
    path = pathlib.Path(init_from).expanduser()
    if {init_from} & {*encoders.PACKAGES, *efficientnet_weights.PACKAGES} or (path / "config.json").is_file():
        return
    if _trained(init_from, path).dataset != dataset:
        return
    if dataset_info(dataset).needs_data_dir:  # their names do not tell whether they are the same
        tell(f"notice: if {init_from} has learned these very data, it knows the held-out rows: figures too good")
        return
    raise ZooError(
        f"--cross_validation does not go with --init_from={init_from}: it has learned {dataset}, held-out rows too"
    )


def _adapt(task: Task, model, dataset, has_vocabulary: bool = False) -> None:
    preprocessing.adapt(model, dataset.train.features, has_vocabulary)
    task.adapt(model, dataset.train.targets)


def _trained(init_from: str, path: pathlib.Path) -> LoadedModel:
    source = load_model(path if path.exists() else init_from)
    if not hasattr(source.model, "layers"):
        raise ZooError(f"--init_from={init_from}: an exported model only answers; name the run or .keras file it is of")
    return source


def _refuse_unlike(source: LoadedModel, task: Task, reads: str, init_from: str) -> None:
    if source.reads != reads:
        theirs = plural(source.reads)
        raise ZooError(f"--init_from={init_from}: reads {theirs}, and this model {plural(reads)}; name another")
    if source.task.name != task.name:
        raise ZooError(f"--init_from={init_from}: is a model of {source.task.words}, not of {task.words}; name another")


# ---- layers of one model and of another


def _take(task: Task, model, source: LoadedModel, dataset, same_words: bool, init_from: str) -> Start:
    ours, theirs = layers_by_name(model), layers_by_name(source.model)
    head = {task.trains, task.output}
    of_columns = _first_layers(ours) if _has_other_columns(source, dataset) else set()
    first_convolution = next((name for name, layer in ours.items() if type(layer).__name__.startswith("Conv")), None)
    start, used = Start(str(source.path), [], {}, {}, []), set()
    for name, layer in ours.items():
        if name in head:
            continue
        if name in of_columns:
            weights, how = None, "the columns are others"
        elif name not in theirs:
            weights, how = None, "nothing at their place there"
        else:
            weights, how = _fitted(layer, theirs[name], same_words, name == first_convolution)
        if weights is None:
            start.new[name] = how
            continue
        _set(layer, weights)
        used.add(name)
        if how:
            start.adapted[name] = how
        else:
            start.taken.append(name)
    below = {name for name, layer in ours.items() if name not in head and layer.trainable_variables}
    if below and not below & used:
        why = first_few([f"{name} ({start.new[name]})" for name in ours if name in below], 3)
        raise ZooError(f"--init_from={init_from}: no layer of it fits {model.name}: {why}; name one of its family")
    used |= _take_head(task, ours, theirs, source, dataset, start)
    start.left.extend(name for name in theirs if name not in used)
    return start


def _fitted(layer, other, same_words: bool, is_first_convolution: bool) -> tuple[list[np.ndarray] | None, str]:
    """The other layer's weights in the shapes of the layer, and how they got there; or None, and why not."""
    weights, own = other.get_weights(), layer.get_weights()
    shapes, needed = [w.shape for w in weights], [w.shape for w in own]
    reads_words = type(layer).__name__ in ("Embedding", "TfIdf")
    if type(layer).__name__ != type(other).__name__ or len(weights) != len(own):
        return None, "another kind stands there"
    if reads_words and not same_words:
        return None, "the vocabulary is another"
    if shapes == needed:
        return weights, ""
    if reads_words and [s[1:] for s in shapes] == [s[1:] for s in needed]:
        rows = min(shapes[0][0], needed[0][0])
        for old, new in zip(weights, own, strict=True):
            new[:rows] = old[:rows]
        return own, f"its first {rows:,} words of {shapes[0][0]:,}"
    is_alike = shapes[1:] == needed[1:] and _but_for_channels(shapes[0]) == _but_for_channels(needed[0])
    if is_first_convolution and is_alike:
        before, after = shapes[0][-2], needed[0][-2]
        if (before, after) == (1, 3):
            return [np.repeat(weights[0], 3, axis=-2) / 3, *weights[1:]], "colour from grey, a third for each channel"
        if (before, after) == (3, 1):
            return [weights[0].sum(axis=-2, keepdims=True), *weights[1:]], "grey from colour, the sum of the channels"
    return None, "another shape"


def _but_for_channels(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape[:-2], shape[-1])


def _set(layer, weights: list[np.ndarray]) -> None:
    layer.set_weights(weights)
    if hasattr(layer, "finalize_state"):  # Normalization computes with copies of its weights
        layer.finalize_state()


# ---- what the data decide: vocabulary, columns, classes


def _take_vocabulary(model, source_model) -> bool:
    """Whether both models cut texts into words in one way; the new one then has the vocabulary of the other."""
    fronts = [next((each for each in m.layers if type(each).__name__ == "TextVectorization"), None)
              for m in (model, source_model)]  # fmt: skip
    if None in fronts:
        return False
    ours, theirs = (front.get_config() for front in fronts)
    if any(ours.get(key) != theirs.get(key) for key in ("split", "ngrams", "standardize")):
        return False
    vocabulary = fronts[1].get_vocabulary(include_special_tokens=False)
    fronts[0].set_vocabulary(vocabulary[: ours["max_tokens"] - 2])
    return True


def _has_other_columns(source: LoadedModel, dataset) -> bool:
    ours, theirs = dataset.feature_names, source.feature_names
    return bool(ours and theirs and list(ours) != list(theirs))


def _first_layers(layers: dict) -> set[str]:
    """Names of the layers from the input to the first that mixes columns."""
    names = list(layers)
    dense = [number for number, name in enumerate(names) if type(layers[name]).__name__ == "Dense"]
    return set(names[: dense[0] + 1])


def _take_head(task: Task, ours, theirs, source: LoadedModel, dataset, start: Start) -> set[str]:
    """Take the head where it answers the same on the same features, and return the names of its layers then."""
    names = [name for name in (task.trains, task.output) if name in ours]
    labels = task.labels(dataset.info)
    why = _other_answers(labels, source)
    if not why and start.new:
        why = "the layers below are new"
    columns = None if why else _columns_of_classes(labels["label_names"], source, ours[task.trains])
    weights = {name: theirs[name].get_weights() for name in names if name in theirs}
    if columns:
        weights = {name: [weight[..., columns] for weight in arrays] for name, arrays in weights.items()}
    if not why and (
        columns is None or any(_shapes(weights.get(n, ())) != _shapes(ours[n].get_weights()) for n in names)
    ):
        why = "another shape"
    if why:
        start.new.update(dict.fromkeys(names, why))
        return set()
    for name in names:
        _set(ours[name], weights[name])
    if columns and columns != list(range(len(source.label_names))):
        how = f"{len(columns)} of {len(source.label_names)} classes, by name"
        start.adapted.update(dict.fromkeys(names, how))
    else:
        start.taken.extend(names)
    return set(names)


def _shapes(arrays) -> list[tuple[int, ...]]:
    return [array.shape for array in arrays]


def _other_answers(labels: dict[str, Any], source: LoadedModel) -> str | None:
    """Why the old head does not answer what the new one is asked."""
    if not source.dataset:
        return "the old classes have no names"
    if not set(labels["label_names"]) <= set(source.label_names):
        return "the classes are others"
    if any(labels.get(key) != source.labels.get(key) for key in ("target_name", "unit")):
        return "the target is another"
    return None


def _columns_of_classes(names: list[str], source: LoadedModel, layer) -> list[int] | None:
    """Which columns of the old head are the classes; empty where the head has none; None where it cannot be cut."""
    if not names:
        return []
    if layer.units == 1 or source.model.output_shape[-1] == 1:
        return [] if names == source.label_names and source.model.output_shape[-1] == layer.units else None
    return [source.label_names.index(name) for name in names if name in source.label_names]


# ---- weights that are no model of ours


def _take_named(task: Task, model, found: dict[str, list[np.ndarray]], init_from: str) -> Start:
    """Weights by name of layer; the head is another."""
    start = Start(init_from, [], {}, {}, [])
    for name, layer in layers_by_name(model).items():
        if name == task.trains:
            start.new[name] = "the classes are others"
        elif _shapes(found.get(name, ())) != _shapes(layer.get_weights()):
            raise ZooError(f"--init_from={init_from}: has nothing for {model.name}'s {name}; it goes with {PICTURES}")
        else:
            _set(layer, found[name])
            start.taken.append(name)
    start.left.extend(name for name in found if name not in start.taken)
    return start


def _bert_start(task: Task, model, init_from: str, dataset) -> Start:
    words = pretrained.initialize(model, init_from)
    task.adapt(model, dataset.train.targets)
    path, ours = pathlib.Path(init_from).expanduser(), layers_by_name(model)
    start = Start(words, [name for name in ours if encoders.is_encoder(name)], {}, {}, [])
    is_encoder_alone = init_from in encoders.PACKAGES or (path / "config.json").is_file()
    source = None if is_encoder_alone else _trained(init_from, path)
    if source and source.task.name == task.name:
        _take_head(task, ours, layers_by_name(source.model), source, dataset, start)
    else:
        others = [name for name in ours if name not in start.taken]
        start.new.update(dict.fromkeys(others, "the pretrained model has no such head"))
    return start


def _gpt_start(task: Task, model, tokenizer, init_from: str, path: pathlib.Path, dataset) -> Start:
    """Tokens come with the weights: others would be other words."""
    if (path / "config.json").is_file():
        words = decoders.initialize(model, path)
        return Start(words, list(layers_by_name(model)), {}, {}, [])
    source = _trained(init_from, path)
    _refuse_unlike(source, task, dataset.info.kind, init_from)
    theirs = source.model.get_layer("tokenizer")
    tokenizer.set_vocabulary(theirs.tokens, theirs.merges, f"--init_from={init_from}")
    _adapt(task, model, dataset, has_vocabulary=True)
    return _take(task, model, source, dataset, True, init_from)
