"""The tasks by name."""

from typing import Any

from zoo.errors import ZooError, nearest
from zoo.tasks import Task
from zoo.tasks.classification import Classification
from zoo.tasks.language_model import LanguageModel
from zoo.tasks.masked_language import MaskedLanguage
from zoo.tasks.multi_label import MultiLabel
from zoo.tasks.regression import Regression

_TASKS: dict[str, Task] = {
    task.name: task for task in (Classification(), Regression(), MultiLabel(), MaskedLanguage(), LanguageModel())
}

# In the first version, the name of a task also said what its models read.
_FORMER = {
    "image_classification": ("image", "classification"),
    "table_classification": ("table", "classification"),
    "text_classification": ("text", "classification"),
}


def register_task(task: Task) -> Task:
    """Add a task of the user's own, before the models that are of it.

    Raises:
        ZooError: the name is another task's, or one of its figures is better the other way round in another task.
    """
    taken = _TASKS.get(task.name)
    if taken and _origin(taken) != _origin(task):
        raise ZooError(f"task {task.name!r} is already that of {type(taken).__module__}; give yours another name")
    for other in _TASKS.values():
        known = {metric.name: metric.better for metric in (other.headline, *other.figures)}
        for metric in (task.headline, *task.figures):
            if other is not taken and known.get(metric.name, metric.better) != metric.better:
                raise ZooError(
                    f"task {task.name!r}: {metric.name} is better the other way round in task {other.name!r}"
                )
    _TASKS[task.name] = task
    return task


def all_tasks() -> list[Task]:
    """Every task, the user's own last."""
    return list(_TASKS.values())


def get_task(name: str) -> Task:
    """Raises: ZooError: no such task; the text names the nearest."""
    if name in _FORMER:
        reads, task = _FORMER[name]
        raise ZooError(
            f"unknown task {name!r}; what a model reads is apart from it now: reads {reads!r}, task {task!r}"
        )
    if name not in _TASKS:
        raise ZooError(
            f"unknown task {name!r}; {nearest(name, _TASKS)} (one of your own: --import the module that registers it)"
        )
    return _TASKS[name]


def read_labels(labels: dict[str, Any]) -> dict[str, Any]:
    """The labels of a file or a run, in the words of this version."""
    if "task" not in labels:  # of a file from elsewhere
        return {"label_names": []} | labels | {"task": "classification"}
    if labels["task"] in _FORMER:
        reads, task = _FORMER[labels["task"]]
        return labels | {"reads": reads, "task": task}
    # The only other task of the first version was pre-training, of texts.
    return {"label_names": [], "reads": "text"} | labels


def _origin(task: Task) -> tuple[str, str]:
    return type(task).__module__, type(task).__qualname__
