"""Whether a model, its task, the data and the settings of a training fit together, checked before any work."""

from typing import Any

from zoo import datasets
from zoo.config import Config, with_values
from zoo.errors import ZooError, shortened
from zoo.models import catalog
from zoo.registry import plural
from zoo.settings import TrainingSection
from zoo.tasks import OWN_SETTINGS, Training
from zoo.tasks.catalog import all_tasks, get_task


def refuse_unfitting(config: Config, info) -> None:
    """Check what is known before the data are read.

    Args:
        config: of the training.
        info: the `zoo.datasets.DatasetInfo`, in which None says that the user's file decides.

    Raises:
        ZooError: the model reads or learns something else than the data hold, or a setting does not go with its task.
    """
    model = catalog.model_info(config.model.name)
    if model.reads == "columns" and info.kind == "table":
        pass  # numbers alone are a mixed table too
    elif model.reads != (info.kind or model.reads):
        hint = (
            " (a text table has the columns text and label; --set dataset.label=NAME says the label)"
            if info.name == "csv"
            else ""
        )
        held = f"dataset {info.name!r} holds {plural(info.kind)}{hint}"
        raise ZooError(f"model {model.name!r} reads {plural(model.reads)}, but {held}")
    task = model.task
    if config.dataset.task and get_task(config.dataset.task).name != task.name:
        told = get_task(config.dataset.task)
        raise ZooError(
            f"model {model.name!r} is of {task.words}, not of --task={told.name}; {_models(told, model.reads)}"
        )
    if task.targets and info.documents:
        untaught = [other for other in all_tasks() if not other.targets]
        fitting = [other for other in untaught if catalog.list_models(task=other.name, reads="text")]
        raise ZooError(
            f"model {model.name!r} is of {task.words}, which learns {_plural(task.targets)}, but dataset {info.name!r} "
            f"has none, only texts; {'; '.join(_models(other, 'text') for other in fitting)}"
        )
    if task.targets and info.targets and task.targets != info.targets:
        fitting = [other for other in all_tasks() if other.targets == info.targets]
        known = "; ".join(_models(other, model.reads) for other in fitting) or "no task of the zoo learns from them"
        raise ZooError(
            f"model {model.name!r} is of {task.words}, which learns {_plural(task.targets)}, but dataset {info.name!r} "
            f"has {_plural(info.targets)}; {known}"
        )
    defaults = TrainingSection()
    for key in OWN_SETTINGS:
        if key not in task.settings and getattr(config.training, key) != getattr(defaults, key):
            owners = [other.words for other in all_tasks() if key in other.settings]
            raise ZooError(
                f"training.{key} does not go with {task.words}: it is for {' and '.join(owners)}; leave it out"
            )
    _refuse_changed_pictures(config, task, info)
    task.refuse(config)


def _refuse_changed_pictures(config: Config, task, info) -> None:
    settings = config.dataset.augmentation
    if info.kind not in (None, "image") and settings != type(settings)():
        raise ZooError(f"dataset.augmentation is for images; {info.name!r} holds {plural(info.kind)}; leave it out")
    if info.kind not in (None, "image") and config.training.progressive_resizing:
        raise ZooError(
            f"training.progressive_resizing is for images; {info.name!r} holds {plural(info.kind)}; leave it out"
        )
    if not settings.mixes:
        return
    key = "dataset.augmentation." + ("mixup" if settings.mixup else "cutmix")
    if not task.mixes:
        fitting = " and ".join(other.words for other in all_tasks() if other.mixes)
        raise ZooError(f"{key} does not go with {task.words}: it is for {fitting}; leave it out")
    if config.training.batch_size == 1:
        raise ZooError(f"{key} mixes the pictures of a batch, and training.batch_size is 1; use --batch_size=2 or more")


def counts_of_examples(config: Config, dataset) -> tuple[int, int]:
    """How many examples of training and of validation the config's model sees."""
    info = catalog.model_info(config.model.name)
    options = info.options | config.model.options
    return tuple(info.task.count_examples(split, options) for split in (dataset.train, dataset.validation))


def check_dataset(config: Config, dataset) -> None:
    """Raises: ZooError: the rows are too few, the targets are none to learn from, or pictures are less than a crop."""
    settings = config.training
    task, rows = catalog.model_info(config.model.name).task, len(dataset.train)
    if settings.batch_size > rows and not task.tokenizes:  # which says itself what it makes of the texts
        raise ZooError(
            f"training.batch_size is {settings.batch_size}, but {dataset.info.name!r} has {rows} training rows; "
            f"use --batch_size={rows} or less"
        )
    if padding := config.dataset.augmentation.crop_padding:
        height, width = dataset.train.features.shape[1:3]
        if padding >= min(height, width):
            raise ZooError(
                f"dataset.augmentation.crop_padding is {padding}, which leaves nothing of some pictures of "
                f"{height}×{width}; use {min(height, width) - 1} or less"
            )
    task.check_targets(dataset)


def model_options(config: Config, dataset) -> dict[str, Any]:
    """The builder's options: the config's own, then those that follow from the data.

    Raises:
        ZooError: an option of the config contradicts the data.
    """
    from zoo.datasets import on_disk

    info = catalog.model_info(config.model.name)
    shapes = on_disk.each(list, on_disk.shapes(dataset.train.features))
    fitting = (
        {"input_shape": shapes}
        | _category_counts(info, config, dataset)
        | _user_and_item(info, dataset)
        | info.task.fitting_options(dataset, info.options)
    )
    for option, value in fitting.items():
        given = config.model.options.get(option)
        if given is not None and given != value:
            raise ZooError(f"model.options.{option} is {given}, but dataset {dataset.info.name!r} needs {value}")
    return {name: value for name, value in fitting.items() if name in info.option_names} | config.model.options


def load_data(config: Config):
    """The `zoo.datasets.Dataset` of a config, as its model reads it.

    Raises:
        ZooError: the data cannot be had, or it is not sure what they are for.
    """
    info = catalog.model_info(config.model.name)
    return datasets.load_configured(config.dataset, task=info.task, ask=True, reads=info.reads)


def row_weights(task, config: Config, dataset):
    """How much each training row counts, `float32[rows]`, by its class and by itself; None: all the same."""
    of_classes, own = task.row_weights(config, dataset), dataset.train.weights
    return of_classes if own is None else own if of_classes is None else own * of_classes


def with_columns(config: Config, dataset) -> Config:
    """The config with what each column of a table that was read as a mixed one is: so the run reads its data again."""
    own = dataset.info.name in ("csv", "parquet")
    if dataset.schema is None or not own and datasets.dataset_info(dataset.info.name).kind != "table":
        return config
    found = {column.name: column.kind for column in dataset.schema.columns} if own else {}
    kinds = (config.dataset.columns or {}) | found
    return with_values(config, {"dataset.columns": kinds}, "columns")


def _category_counts(info, config: Config, dataset) -> dict[str, Any]:
    """How many categories a model of columns is to have a row for."""
    from zoo.schema import frequent_categories

    features = dataset.train.features
    if "category_counts" not in info.option_names or "categories" not in features:
        return {}
    options = info.options | config.model.options
    found = frequent_categories(features["categories"], options["least_count"], options["most_categories"])
    return {"category_counts": [len(words) for words in found]}


def _user_and_item(info, dataset) -> dict[str, Any]:
    """The places of users and items among the categories, for a model that reads them alone."""
    from zoo.datasets.interactions import keys_of

    if "user_and_item" not in info.option_names:
        return {}
    keys, names = keys_of(dataset.schema), dataset.schema.names_of("categories") if dataset.schema else ()
    if keys is None:
        raise ZooError(
            f"model {info.name!r} needs columns user and item that are categories; here these are: "
            f"{shortened(', '.join(names)) or 'none'}; --set dataset.columns={{user: category, item: category}} makes "
            "numbers such"
        )
    return {"user_and_item": [names.index(key) for key in keys]}


def shorter_models(training: Training) -> list:
    """Models of the same builder for the lengths of `training.length_buckets`.

    Raises:
        ZooError: they do not go with the model.
    """
    from zoo.layers.front import text_layer
    from zoo.layers.word_piece import WordPieceTokenizer

    name, lengths, front = (
        training.config.model.name,
        training.config.training.length_buckets,
        text_layer(training.model),
    )
    if lengths and not isinstance(front, WordPieceTokenizer):
        raise ZooError(f"training.length_buckets: {name} cannot do with shorter texts; BERT classifiers alone can")
    if lengths and (sorted(set(lengths)) != lengths or lengths[-1] >= front.length):
        raise ZooError(
            f"training.length_buckets={lengths}: rising lengths below the model's, {front.length}, are needed"
        )
    return [catalog.create_model(name, **training.options | {"length": length}) for length in lengths]


def mixing_of(task, training: Training):
    """What mixes the examples of a batch, a `zoo.datasets.mixing.Mixing`, or None."""
    from zoo.datasets.mixing import Mixing

    settings = training.config.dataset.augmentation
    return Mixing(settings, task.soft_targets(training)) if settings.mixes else None


def augmentation_of(config: Config, dataset):
    """The random changes of the config, for images alone."""
    from zoo.datasets.augmentation import Augmentation

    return Augmentation(config.dataset.augmentation) if dataset.info.kind == "image" else None


def _models(task, reads: str) -> str:
    names = catalog.list_models(task=task.name, reads=reads)
    if not names:
        return f"no model of {task.words} reads {plural(reads)}"
    return f"models of {task.words} that read {plural(reads)}: {', '.join(names)}"


def _plural(targets: str) -> str:
    return f"{targets}es" if targets.endswith("s") else f"{targets}s"
