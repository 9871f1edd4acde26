"""The pictures of the model cards, drawn from runs of seed 0, and small enough for a repository."""

import io
import os
import pathlib
import tempfile

from zoo.comparison import card_groups
from zoo.config import load_as_run, recipe
from zoo.errors import ZooError
from zoo.models import catalog
from zoo.runs import Run, write_atomically

WIDTHS = {"training": 900, "confusion_matrix": 640, "residuals": 760, "labels": 640}  # pixels, at most
COLOURS = 256


def draw(names: list[str], runs_dir: str | os.PathLike, root: pathlib.Path) -> list[pathlib.Path]:
    """Draw curves and answers, and keep groups of rows, of each model with a finished run of its config with seed 0.

    Args:
        names: registered models with a config.
        runs_dir: where runs/<model>/… are; a model without a run there keeps its pictures.
        root: the repository.

    Returns:
        the pictures that were written.

    Raises:
        ZooError: a picture cannot be written.
    """
    from zoo.drawing import figures

    drawn = []
    for name in names:
        run = _run_of_seed_0(name, runs_dir)
        if run is None:
            continue
        folder, test = root / "docs/models", run.results["test"]
        with tempfile.TemporaryDirectory() as temporary:
            pictures = {kind: pathlib.Path(temporary, f"{kind}.png") for kind in WIDTHS}
            task = catalog.model_info(name).task
            figures.save_training_curves(run.history, pictures["training"], task.headline)
            drawn += card_groups.keep(run, name, folder)
            task.draw_card(test, run.read_predictions("test"), run.labels, pathlib.Path(temporary))
            for kind, picture in pictures.items():
                if picture.exists():
                    drawn.append(folder / f"{name}_{kind}.png")
                    _write_small(picture, drawn[-1], WIDTHS[kind])
    return drawn


def _run_of_seed_0(name: str, runs_dir: str | os.PathLike) -> Run | None:
    """The newest finished run of the model's config as it is now."""
    for record in sorted(pathlib.Path(runs_dir, name).glob("*/run.json"), reverse=True):
        run = Run(record.parent)
        try:
            config = run.config
            of_config = recipe(config) == recipe(load_as_run(name, config.training.precision))
            if of_config and config.training.seed == 0 and run.record["status"] == "finished" and "test" in run.results:
                return run
        except ZooError:  # of another version, or damaged
            continue
    return None


def _write_small(picture: pathlib.Path, path: pathlib.Path, width: int) -> None:
    from PIL import Image

    image = Image.open(picture).convert("RGB")
    image.thumbnail((width, width), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(stream, "PNG", optimize=True)
    try:
        write_atomically(path, stream.getvalue())
    except OSError as error:
        raise ZooError(f"{path}: cannot be written ({error.strerror})") from None
