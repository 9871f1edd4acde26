import numpy as np
import pytest
from PIL import Image

from zoo.drawing import figures
from zoo.measures.classes import classification_results
from zoo.run_files import read_history
from zoo.tasks import Metric

HEADER = "epoch,seconds,examples_per_second,learning_rate,loss,accuracy,validation_loss,validation_accuracy\n"

ACCURACY = Metric("accuracy")


def drawn(path):
    """The picture's size, and how much of it is not white."""
    with Image.open(path) as image:
        assert image.format == "PNG"
        pixels = np.asarray(image.convert("L"))
    return pixels.shape, float((pixels < 250).mean())


def texts_of(monkeypatch, draw):
    """Every text in the figure that `draw` saves."""
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    found = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure,
        "savefig",
        lambda figure, *args, **kwargs: (
            save(figure, *args, **kwargs),
            found.extend(text.get_text() for text in figure.findobj(Text)),
        ),
    )
    draw()
    return [text for text in found if text]


def write_history(path, epochs, validation=True):
    rows = []
    for epoch in range(1, epochs + 1):
        best = abs(epoch - 3) / 100
        rows.append(
            f"{epoch},1.5,4000,0.001,{1 / epoch},{1 - 0.5 / epoch}," + (f"{best},{0.9 - best}" if validation else ",")
        )
    path.write_text(HEADER + "\n".join(rows) + ("\n" if rows else ""))
    return path


@pytest.mark.parametrize("epochs", [0, 1, 5, 60])
@pytest.mark.parametrize("validation", [True, False])
def test_training_curves_of_any_length(tmp_path, epochs, validation):
    history = write_history(tmp_path / "history.csv", epochs, validation)
    figures.save_training_curves(read_history(history), tmp_path / "training.png", ACCURACY)
    (height, width), ink = drawn(tmp_path / "training.png")
    assert 500 < height < 1000 < width < 2000
    assert 0.005 < ink < 0.5


def test_training_curves_mark_the_best_validation_epoch(tmp_path, monkeypatch):
    history = write_history(tmp_path / "history.csv", 8)
    texts = texts_of(
        monkeypatch, lambda: figures.save_training_curves(read_history(history), tmp_path / "training.png", ACCURACY)
    )
    assert "best epoch 3: 0.9000" in texts
    assert {"train", "validation", "loss", "accuracy", "learning rate", "epoch"} <= set(texts)


@pytest.mark.parametrize("classes", [2, 10, 20, 30])
def test_confusion_matrix_grows_with_the_classes(tmp_path, classes):
    labels = np.arange(200) % classes
    names = [f"a long class name {index}" for index in range(classes)]
    results = classification_results(np.eye(classes)[labels], labels, names)
    figures.save_confusion_matrix(results, names, tmp_path / "confusion.png")
    (height, width), ink = drawn(tmp_path / "confusion.png")
    assert max(400, 55 * classes) < min(height, width) < max(height, width) < 3200
    assert ink > 0.02


def test_confusion_matrix_shows_counts_and_row_percentages(tmp_path, monkeypatch):
    labels = np.array([0] * 1000 + [1] * 4)
    predicted = np.array([0] * 999 + [1] + [1, 1, 1, 0])
    results = classification_results(np.eye(2)[predicted], labels, ["$5-$10", "more"])
    texts = texts_of(
        monkeypatch, lambda: figures.save_confusion_matrix(results, ["$5-$10", "more"], tmp_path / "confusion.png")
    )
    assert {"999\n>99%", "1\n<1%", "1\n25%", "3\n75%", "$5-$10", "more"} <= set(texts)


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (4,)])
@pytest.mark.parametrize("mistakes", [1, 7, 40])
def test_worst_mistakes_of_images_and_tables(tmp_path, shape, mistakes):
    generator = np.random.default_rng(0)
    features = generator.integers(0, 255, (50, *shape)).astype(np.uint8 if len(shape) == 3 else np.float32)
    labels = np.where(np.arange(50) < mistakes, 1, 0)
    probabilities = np.tile(np.float32([0.9, 0.1]), (50, 1))
    ids = np.array([f"folder/file{index}.png" for index in range(50)])
    path = tmp_path / "mistakes.png"
    figures.save_worst_mistakes(features, labels, probabilities, ids, ["cat", "dog"], path)
    (height, width), ink = drawn(path)
    assert 1200 < width < 1400
    assert 100 < height < 1800
    assert ink > 0.01


def test_worst_mistakes_come_surest_first_and_name_their_origin(tmp_path, monkeypatch):
    confidence = np.linspace(0.6, 0.95, 40)
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    labels = np.ones(40, int)
    labels[39] = 0  # the surest of all is right
    texts = texts_of(
        monkeypatch,
        lambda: figures.save_worst_mistakes(
            np.zeros((40, 8, 8, 1), np.uint8),
            labels,
            probabilities,
            np.arange(40) + 500,
            ["cat", "dog"],
            tmp_path / "m.png",
        ),
    )
    titles = [text for text in texts if text.startswith("dog → cat")]
    assert len(titles) == 25
    assert titles[0] == f"dog → cat  {confidence[38]:.2f}"
    assert titles == sorted(titles, reverse=True)
    assert "538" in texts and "539" not in texts and "513" not in texts
    assert any(text.startswith("39 mistakes in 40 examples") for text in texts)


def test_no_mistake_is_said_in_the_picture(tmp_path, monkeypatch):
    texts = texts_of(
        monkeypatch,
        lambda: figures.save_worst_mistakes(
            np.zeros((3, 8, 8, 1), np.uint8),
            np.zeros(3, int),
            np.eye(2)[[0, 0, 0]],
            np.arange(3),
            ["a", "b"],
            tmp_path / "m.png",
        ),
    )
    assert texts == ["No mistake in 3 examples"]
    assert drawn(tmp_path / "m.png")[1] > 0.01
