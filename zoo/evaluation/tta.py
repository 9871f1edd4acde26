"""Test-time augmentation: a model's mean answer to several views of a picture, in figures of their own.

It takes as many times the seconds as there are views, so its figures are never those of the model itself.
"""

import dataclasses
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.datasets import on_disk
from zoo.errors import ZooError
from zoo.measures import statistics
from zoo.registry import plural
from zoo.runs import open_run
from zoo.tasks import Task
from zoo.tasks.catalog import get_task

if TYPE_CHECKING:
    from zoo.loading import LoadedModel

WAYS = ("recipe", "mirror", "shift", "mirror_and_shift")


@dataclasses.dataclass(frozen=True)
class View:
    """A picture shifted by whole pixels, black from outside, and mirrored or not."""

    mirrored: bool = False
    down: int = 0
    right: int = 0

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """`uint8[batch, height, width, channel]` → the same shape and dtype."""
        if self.mirrored:
            images = images[:, :, ::-1]
        (rows, from_rows), (columns, from_columns) = _moved(self.down), _moved(self.right)
        moved = np.zeros_like(images)
        moved[:, rows, columns] = images[:, from_rows, from_columns]
        return moved

    def __str__(self) -> str:
        places = {(0, 0): "", (-1, 0): "up", (1, 0): "down", (0, -1): "left", (0, 1): "right"}
        return " ".join(filter(None, ["mirrored" * self.mirrored, places[self.down, self.right]])) or "as it is"


def views_of(loaded_model: "LoadedModel", way: str, run: str | os.PathLike | None = None) -> list[View]:
    """The views that are averaged, the picture as it is first.

    Args:
        loaded_model: a classifier of pictures.
        way: of `WAYS`. `mirror` adds each view's mirror image, `shift` shifts by a pixel up, down, left and right;
          `recipe` does what the run trained with.
        run: whose recipe that is.

    Raises:
        ZooError: the model is none of pictures to classes, or its recipe says nothing or has neither.
    """
    if loaded_model.reads != "image" or loaded_model.task.output != "probabilities":
        raise ZooError(
            f"--tta: {loaded_model.path} answers {plural(loaded_model.reads)} with {loaded_model.task.output}; "
            "views are averaged of pictures whose answers are probabilities"
        )
    mirror, shift = "mirror" in way, "shift" in way
    if way == "recipe":
        if not run:
            raise ZooError(f"--tta: {loaded_model.path} has no recipe to take views from; give --tta=mirror or =shift")
        trained_with = open_run(run).config.dataset.augmentation
        mirror, shift = trained_with.horizontal_flip, max(trained_with.shift_pixels, trained_with.crop_padding) >= 1
        if not mirror and not shift:
            raise ZooError(
                f"--tta: {run} was trained without horizontal_flip, shift_pixels and crop_padding, so that its recipe "
                "has no views; give --tta=mirror or =shift"
            )
    places = [(0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)] if shift else [(0, 0)]
    return [View(mirrored, *place) for mirrored in ((False, True) if mirror else (False,)) for place in places]


def mean_answers(loaded_model: "LoadedModel", features: Any, views: Sequence[View]) -> np.ndarray:
    """Pictures as a `zoo.datasets.Split` has them → their answers, `[examples, …]`, averaged over the views."""
    found = [
        np.mean([loaded_model.answers(view(block)) for view in views], axis=0, dtype="float64").astype("float32")
        for block in on_disk.blocks(features)
    ]
    return np.concatenate(found) if found else loaded_model.answers(features)


def against_plain(loaded_model: "LoadedModel", split, plain: np.ndarray, views: Sequence[View]) -> dict[str, Any]:
    """What averaging over the views changes on a split.

    Args:
        loaded_model: of the views.
        split: a `zoo.datasets.Split`.
        plain: answers to its pictures as they are.
        views: of `views_of`.

    Returns:
        {"views": in words, "results": what the task's `results` returns, "metric": the headline, "difference": of the
        headline, with views less without, "interval": 95 %, test rows drawn for both together, "p": over test rows}.
    """
    task = loaded_model.task
    answers = mean_answers(loaded_model, split.features, views)
    scores = [
        task.scores(each, split.targets, loaded_model.labels)[None].astype("float64") for each in (answers, plain)
    ]
    values = [float(task.headline_of(each.mean())) for each in scores]
    return {
        "views": [str(view) for view in views],
        "results": task.results(answers, split.targets, loaded_model.labels),
        "metric": task.headline.name,
        "difference": values[0] - values[1],
        "interval": list(statistics.paired_headline_interval(*scores, task.headline_of)),
        "p": float(statistics.pairwise_p(scores)[0][0, 1]),
    }


def lines(tta: dict[str, Any], evaluation: dict[str, Any], task: Task) -> list[str]:
    """What `against_plain` returned, for people."""
    views, decimals = tta["views"], task.headline.decimals
    low, high = (f"{end:+.{decimals}f}" for end in tta["interval"])
    return [
        f"mean of {len(views)} views of each picture ({', '.join(views)}):",
        "",
        *task.results_lines(tta["results"], evaluation),
        "",
        f"with views less without: {task.headline.words} {tta['difference']:+.{decimals}f} (95 % interval {low} to "
        f"{high}, p = {tta['p']:.2g}, over {tta['results']['n']:,} rows)",
    ]


def over_seeds(evaluations: Sequence[dict[str, Any]]) -> str:
    """The mean difference of several runs, each against itself, and its interval over seeds (Student's t)."""
    task = get_task(evaluations[0]["task"])
    differences, decimals = [evaluation["tta"]["difference"] for evaluation in evaluations], task.headline.decimals
    low, high = (f"{end:+.{decimals}f}" for end in statistics.seeds_interval(differences))
    return (
        f"{len(differences)} runs, with views less without: {task.headline.words} {np.mean(differences):+.{decimals}f} "
        f"(95 % interval over runs {low} to {high})"
    )


def _moved(by: int) -> tuple[slice, slice]:
    """Where the rows of a picture go, and where they come from."""
    return slice(max(by, 0), min(by, 0) or None), slice(max(-by, 0), min(-by, 0) or None)
