"""The test rows on which two models disagree, with what the models saw there."""

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.command_words import command
from zoo.datasets import on_disk
from zoo.datasets.sequences import length
from zoo.errors import ZooError
from zoo.runs import Predictions, Run
from zoo.tasks.catalog import get_task

EXAMPLES = 24  # of a pair of models
_CHARACTERS = 280
_PIXELS = 64  # longer side of a picture


def between(
    names: tuple[str, str], first: Predictions, second: Predictions, label_names: Sequence[str]
) -> dict[str, Any]:
    """Counts of how two classifiers agree, and up to EXAMPLES rows on which they do not, the surest mistakes first.

    Args:
        names: of both models.
        first: predictions of one model.
        second: of the other, on the same rows.
        label_names: of the classes.

    Returns:
        {"names", "counts": [(what, rows)], "groups": [{"title", "rows", "examples": [{"row": its place in the split,
        "id", "truth", "answers": [{"model", "label", "probability", "right"}]}]}]}.
    """
    labels, parts = first.targets, (first, second)
    predicted = [part.answers.argmax(axis=1) for part in parts]
    right = [of_part == labels for of_part in predicted]
    differ = predicted[0] != predicted[1]
    groups = {
        f"only {names[0]} is right": differ & right[0],
        f"only {names[1]} is right": differ & right[1],
        "both are wrong, each in its own way": differ & ~right[0] & ~right[1],
    }
    shown = dict(zip(groups, _shares([int(rows.sum()) for rows in groups.values()]), strict=True))
    sureness = sum(np.where(is_right, 0, part.answers.max(axis=1)) for part, is_right in zip(parts, right, strict=True))

    def example(row: int) -> dict[str, Any]:
        answers = [
            {"model": name, "label": label_names[of_part[row]], "right": bool(is_right[row]),
             "probability": float(part.answers[row].max())}
            for name, part, of_part, is_right in zip(names, parts, predicted, right, strict=True)
        ]  # fmt: skip
        return {"row": row, "id": first.ids[row], "truth": label_names[labels[row]], "answers": answers}

    found = []
    for title, rows in groups.items():
        rows = np.flatnonzero(rows)
        surest = rows[np.argsort(-sureness[rows], kind="stable")][: shown[title]]
        if len(rows):
            found.append({"title": title, "rows": len(rows), "examples": [example(int(row)) for row in surest]})
    alike = {"right together": right[0] & right[1], "wrong together, with one answer": ~differ & ~right[0]}
    counts = [(title, int(rows.sum())) for title, rows in (alike | groups).items()]
    return {"names": names, "counts": counts, "groups": found}


def _shares(sizes: Sequence[int]) -> list[int]:
    """EXAMPLES, shared as evenly as the sizes of the groups allow."""
    shares = [0] * len(sizes)
    for _ in range(min(EXAMPLES, sum(sizes))):
        shares[min((i for i in range(len(sizes)) if shares[i] < sizes[i]), key=shares.__getitem__)] += 1
    return shares


def read_examples(run: Run, ids: np.ndarray, rows: Sequence[int]) -> dict[int, dict[str, str]]:
    """What a run's model saw in rows of its test split: row → {"picture": PNG as a data URI} or {"text"}.

    Reads only data that this machine has: nothing is fetched or prepared.

    Raises:
        ZooError: the data are not here, cannot be read, or are no longer those that the run saw.
    """
    from zoo import datasets

    section = _dataset_section(run)
    if not datasets.is_at_hand(section.name, section.data_dir):
        raise ZooError(f"{section.name} is not prepared on this machine; {command('prepare_data')} does it")
    dataset = datasets.load_configured(section, task=get_task(run.labels["task"]))
    if dataset.digest != run.record["data_digest"]:
        raise ZooError(f"the data of {section.name} on this machine are not those that the runs saw")
    places = {identity: place for place, identity in enumerate(dataset.test.ids.tolist())}
    if not places.keys() >= set(ids.tolist()):  # of all rows: few of them could be there by chance
        raise ZooError(f"the test split of {section.name} on this machine names its rows otherwise than the runs do")
    return {row: _shown_row(dataset, place) for row, place in ((row, places[ids[row].item()]) for row in rows)}


def _dataset_section(run: Run):
    """The `dataset` of config.yaml alone: its model may be registered by a module that is not here."""
    import pydantic

    from zoo.settings import DatasetSection

    try:
        return DatasetSection.model_validate(run.dataset_values)
    except pydantic.ValidationError:
        raise ZooError(f"{run.path}: the dataset in its config.yaml is of another version of the zoo") from None


def _shown_row(dataset, place: int) -> dict[str, str]:
    """A row of the test split."""
    features = on_disk.take(dataset.test.features, [place])
    if dataset.schema is None:
        return _shown(on_disk.each(lambda array: array[0], features), dataset.feature_names)
    cells = {name: dataset.schema.written(features, name)[0] for name in dataset.schema.names}
    return {"text": _shortened(", ".join(f"{name} {cell}" for name, cell in cells.items() if cell))}


def _shown(features: Any, feature_names: Sequence[str] | None) -> dict[str, str]:
    """uint8[height, width, channel], float32[time, channel], float32[feature], a text, or several of them by name."""
    if isinstance(features, dict):
        parts = {name: _shown(np.atleast_1d(part), [name]) for name, part in features.items()}
        return {"text": _shortened(", ".join(part["text"] for part in parts.values() if "text" in part))}
    if isinstance(features, bytes | str):
        text = features.decode("utf-8", "replace") if isinstance(features, bytes) else features
        return {"text": _shortened(text)}
    if np.ndim(features) == 3:
        return {"picture": _data_uri(features)}
    steps = ""
    if np.ndim(features) == 2:
        features = features[: length(features)]
        steps, features = f"{len(features)} steps, means: ", np.nanmean(features, axis=0)
    names = feature_names or [f"x{number}" for number in range(len(features))]
    cells = ", ".join(f"{name} {value:.4g}" for name, value in zip(names, features, strict=True))
    return {"text": _shortened(steps + cells)}


def _data_uri(image: np.ndarray) -> str:
    from PIL import Image

    picture = Image.fromarray(np.asarray(image[..., 0] if image.shape[-1] == 1 else image, "uint8"))
    picture.thumbnail((_PIXELS, _PIXELS))
    stream = io.BytesIO()
    picture.save(stream, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _CHARACTERS else text[: _CHARACTERS - 1] + "…"
