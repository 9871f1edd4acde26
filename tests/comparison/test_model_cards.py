"""The README's table and the cards say what the leaderboard says; pictures come from runs of seed 0 of the config."""

import csv
import pathlib
import shutil

import pytest
from PIL import Image

import zoo
from zoo.comparison import card_pictures, model_cards

pytestmark = pytest.mark.slow

REPOSITORY = pathlib.Path(__file__).parents[2]
ROWS = list(csv.DictReader((REPOSITORY / "docs/leaderboard.csv").open(encoding="utf-8")))
ROWS_WITH_CARDS = [row for row in ROWS if row["model"] in model_cards.models_with_configs()]


@pytest.fixture
def copy(tmp_path):
    """The documents of the repository, to be changed."""
    shutil.copytree(REPOSITORY / "docs", tmp_path / "docs")
    shutil.copytree(REPOSITORY / "configs", tmp_path / "configs")
    shutil.copy(REPOSITORY / "README.md", tmp_path)
    return tmp_path


def test_readme_and_cards_are_as_the_command_writes_them(run_script):
    done = run_script("write_model_cards", "--check")  # in this process other tests may have registered models
    assert done.returncode == 0, done.stdout + done.stderr
    cards = {path.stem for path in (REPOSITORY / "docs/models").glob("*.md")}
    assert cards == {path.stem for path in (REPOSITORY / "configs").glob("*.yaml")}


@pytest.mark.parametrize(
    "row",
    ROWS_WITH_CARDS,
    ids=lambda row: f"{row['model']}-{row['dataset']}",
)
def test_the_figures_stand_in_the_table_and_on_the_card(row):
    (line,) = [
        line
        for line in (REPOSITORY / "README.md").read_text(encoding="utf-8").splitlines()
        if line.startswith(f"| [{row['model']}](docs/models/{row['model']}.md) | {row['dataset']} |")
    ]
    card = (REPOSITORY / f"docs/models/{row['model']}.md").read_text(encoding="utf-8")
    assert row["value"] in line and f"**{row['value']}**" in card
    assert f"{row['low']} to {row['high']}" in card
    parameters = f"{int(row['parameters']):,}"
    assert parameters in line and f"| **all** | | | **{parameters}** |" in card  # counted anew from the layers


def test_another_figure_another_layer_and_another_picture_are_written(copy):
    leaderboard = copy / "docs/leaderboard.csv"
    leaderboard.write_text(leaderboard.read_text().replace(",0.9875,", ",0.9876,"))
    card = copy / "docs/models/simple_cnn.md"
    card.write_text(card.read_text().replace("34,826", "34,827"))
    (copy / "docs/models/cifar10_lenet_training.png").write_bytes(b"")
    written = {path.name for path in model_cards.write(copy)} - {"config.md", "commands.md"}  # they tell of all models
    assert written == {"README.md", "mnist_mlp.md", "simple_cnn.md", "cifar10_lenet.md"}
    assert "0.9876 (0.9866–0.9884)" in (copy / "README.md").read_text()
    card = (copy / "docs/models/cifar10_lenet.md").read_text()
    assert "![learning curves of cifar10_lenet](cifar10_lenet_training.png)" in card


@pytest.mark.parametrize(
    ("name", "before", "after", "words"),
    [
        ("README.md", model_cards.END, "", "README.md"),
        ("docs/leaderboard.csv", "metric,value", "metric,valeu", "columns"),
        ("docs/leaderboard.csv", ",accuracy,", ",acuracy,", "metric is 'acuracy'"),
        ("docs/models/notes.yaml", "  simple_cnn:", "  simple:", "no_figure.simple_cnn"),
    ],
)
def test_what_is_missing_is_named(copy, name, before, after, words):
    (copy / name).write_text((copy / name).read_text().replace(before, after))
    with pytest.raises(zoo.ZooError, match=words):
        model_cards.write(copy)


def test_pictures_are_small_and_of_the_config_as_it_is(tmp_path):
    (tmp_path / "docs/models").mkdir(parents=True)
    run = zoo.train(zoo.load_config("binary_mlp"), tmp_path / "runs", show_progress=False)
    drawn = card_pictures.draw(["binary_mlp", "mnist_mlp"], tmp_path / "runs", tmp_path)
    assert [path.name for path in drawn] == ["binary_mlp_training.png", "binary_mlp_confusion_matrix.png"]
    for path in drawn:
        assert path.stat().st_size < 60_000
        assert 400 < Image.open(path).width <= 900
    config = (run.path / "config.yaml").read_text()
    for other in ("seed: 1", "epochs: 14", "no_such_key: 1"):
        name = other.partition(":")[0]
        lines = [f"  {other}" if line.startswith(f"  {name}:") else line for line in config.splitlines()]
        run.write_text("config.yaml", "\n".join(lines if lines != config.splitlines() else [*lines, other]))
        assert not card_pictures.draw(["binary_mlp"], tmp_path / "runs", tmp_path)


def test_the_pictures_of_the_repository_are_small():
    for path in (REPOSITORY / "docs/models").glob("*.png"):
        assert path.stat().st_size < 60_000, path
