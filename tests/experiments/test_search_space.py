"""Search spaces: what they refuse, and that what is drawn is a value of the config."""

import json

import pytest

import zoo
from zoo.experiments.search_space import read_space


@pytest.fixture
def space(tmp_path):
    def read(text):
        (tmp_path / "space.yaml").write_text(text)
        return read_space(tmp_path / "space.yaml", zoo.load_config("mnist_mlp"))

    return read


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no search space"),
        ("- a", "no search space"),
        ("a: [", "not valid YAML"),
        ("training.optimizer.learning_rat: {low: 0.1, high: 1.0}", "did you mean learning_rate"),
        ("training.optimiser.learning_rate: {low: 0.1, high: 1.0}", "did you mean optimizer"),
        ("model.options.hidden_unit: {choices: [[1]]}", "did you mean hidden_units"),
        ("training.optimizer.learning_rate: {low: 0.1, hihg: 1.0}", "did you mean high"),
        ("training.optimizer.learning_rate: {low: 1.0, high: 0.1}", "low 1.0 is above high 0.1"),
        ("training.optimizer.learning_rate: {low: 0.0, high: 0.1}", "greater than 0"),
        ("training.optimizer.weight_decay: {low: 0.0, high: 0.1, log: true}", "log"),
        ("training.optimizer.learning_rate: {low: small, high: 0.1}", "low: a number is needed"),
        ("training.optimizer.learning_rate: {low: 0.01}", "high: a number is needed"),
        ("training.optimizer.learning_rate: 0.1", "write {low"),
        ("training.batch_size: {low: 1.5, high: 3.5}", "training.batch_size"),
        ("training.batch_size: {choices: []}", "list of different values"),
        ("training.batch_size: {choices: [64, 64]}", "list of different values"),
        ("training.batch_size: {choices: [64], low: 1}", "choices stand alone"),
        ("training.seed: {low: 0, high: 9}", "lucky seed"),
        ("dataset.validation_fraction: {low: 0.1, high: 0.5}", "same validation rows"),
        ("claim.accuracy: {low: 0.1, high: 0.5}", "claims nothing"),
    ],
)
def test_mistakes_are_one_line_with_file_and_key(space, text, words):
    with pytest.raises(zoo.ZooError) as caught:
        space(text)
    assert words in str(caught.value) and "space.yaml" in str(caught.value) and "\n" not in str(caught.value)


def test_a_rule_between_values_waits_for_what_is_drawn(space):
    space("training.optimizer.name: {choices: [sgd, adam]}\ntraining.optimizer.momentum: {choices: [0.0, 0.9]}")


def test_what_is_drawn_is_valid_and_of_its_kind(space):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    read = space(
        "training.optimizer.learning_rate: {low: 1e-4, high: 1e-2, log: true}\n"
        "training.epochs: {low: 3, high: 9, step: 3}\n"
        "model.options.hidden_units: {choices: [[64, 64], [8]]}\n"
        "training.optimizer.clip_norm: {choices: [null, 1.0]}\n"
    )
    study = optuna.create_study()
    drawn = [read.values(study.ask(dict(read.distributions)).params) for _ in range(40)]
    for values in drawn:
        zoo.config.with_values(zoo.load_config("mnist_mlp"), values, "drawn")
    assert {values["training.epochs"] for values in drawn} == {3, 6, 9}
    assert {json.dumps(values["model.options.hidden_units"]) for values in drawn} == {"[64, 64]", "[8]"}
    assert {values["training.optimizer.clip_norm"] for values in drawn} == {None, 1.0}
    assert sum(values["training.optimizer.learning_rate"] < 1e-3 for values in drawn) > 8  # a tenth, were it not log


def test_the_example_of_the_repository_is_valid():
    import pathlib

    examples = list((pathlib.Path(__file__).parents[2] / "configs/sweeps").glob("*.yaml"))
    assert examples
    for path in examples:
        assert read_space(path, zoo.load_config(path.stem)).distributions
