"""Configs: what they refuse, and how they say it."""

import pytest

import zoo


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("training.epoch=3", "training.epoch: unknown key; did you mean epochs"),
        ("training.optimizer.weight_decy=1", "training.optimizer.weight_decy: unknown key; did you mean weight_decay"),
        ("training.epochs=-1", "training.epochs: input should be greater than 0"),
        ("training.epochs=three", "training.epochs: input should be a valid integer"),
        ("training.optimizer.name=adan", "training.optimizer.name"),
        ("training.optimizer.learning_rate=.nan", "training.optimizer.learning_rate"),
        ("training.optimizer.momentum=0.9", "momentum belongs to sgd"),
        ("model.options.hidden_unit=[3]", "model.options.hidden_unit: unknown key; did you mean hidden_units"),
        ("training", "write key=value"),
        ("training.epochs=[", "not valid YAML"),
    ],
)
def test_mistakes_name_the_key(assignment, message):
    with pytest.raises(zoo.ZooError, match=message.replace("[", r"\[")) as caught:
        zoo.load_config("mnist_mlp", assignments=[assignment])
    assert "\n" not in str(caught.value)


def test_scientific_numbers_are_numbers():
    config = zoo.load_config("mnist_mlp", assignments=["training.optimizer.weight_decay=1e-4"])
    assert config.training.optimizer.weight_decay == 1e-4


def test_unknown_model_names_the_nearest():
    with pytest.raises(zoo.ZooError, match="mnist_mlp"):
        zoo.load_config("mnist_mpl")
