"""Names of tasks, their figures, and what former versions wrote."""

import pytest

import zoo
from zoo.config import Config
from zoo.errors import ZooError
from zoo.tasks import Metric
from zoo.tasks.catalog import all_tasks, get_task, read_labels, register_task
from zoo.tasks.regression import Regression


def test_a_task_is_found_by_name_and_a_wrong_one_answered():
    assert [task.name for task in all_tasks()][:4] == [
        "classification",
        "regression",
        "multi_label",
        "masked_language_model",
    ]
    with pytest.raises(ZooError, match="'regresion'.*regression"):
        get_task("regresion")
    with pytest.raises(ZooError, match="reads 'table', task 'classification'"):
        zoo.register_model("old", reads="table", task="table_classification")(lambda: None)


def test_a_taken_name_and_a_figure_that_is_better_both_ways_are_refused():
    class Mine(Regression):
        pass

    with pytest.raises(ZooError, match="'regression' is already that of zoo.tasks.regression"):
        register_task(Mine())

    class Other(Regression):
        name, headline, figures = "other", Metric("accuracy", "less"), ()

    with pytest.raises(ZooError, match="accuracy is better the other way round in task 'classification'"):
        register_task(Other())
    assert "other" not in [task.name for task in all_tasks()]


def test_what_is_better_follows_the_metric():
    accuracy, rmse = get_task("classification").headline, get_task("regression").headline
    assert accuracy.goodness(0.9) > accuracy.goodness(0.8) and rmse.goodness(0.8) > rmse.goodness(0.9)
    texts = {0.98: "0.9800", 59.73412: "59.7341", 1525.7049: "1525.70", 112007.2592: "112007", 1e12: "1000000000000"}
    assert {value: rmse.text(value) for value in texts} == texts and rmse.text(0.000012345) == "1.234e-05"
    assert accuracy.within([0.95, 1.02]) == (0.95, 1.0) and rmse.within([-3.0, 120.0]) == (0.0, 120.0)


@pytest.mark.parametrize(
    ("former", "reads", "task"),
    [
        ({"task": "image_classification", "label_names": ["a", "b"]}, "image", "classification"),
        ({"task": "table_classification", "label_names": ["a", "b"]}, "table", "classification"),
        ({"task": "text_classification", "label_names": ["a", "b"]}, "text", "classification"),
        ({"task": "masked_language_model", "label_names": []}, "text", "masked_language_model"),
    ],
)
def test_labels_of_former_versions_are_read(former, reads, task):
    assert read_labels(former) == former | {"reads": reads, "task": task}


def test_labels_of_this_version_stay_and_foreign_files_are_classifiers():
    labels = {"task": "regression", "reads": "table", "unit": "m"}
    assert read_labels(labels) == labels | {"label_names": []}
    assert read_labels({"author": "x"}) == {"author": "x", "label_names": [], "task": "classification"}


def test_a_claim_of_a_former_config_is_one_of_accuracy():
    cost = {"interval": [0.98, 0.99], "seeds": 5, "seconds": 9.0, "peak_memory_mib": 100, "command": "train"}
    sections = {"model": {"name": "mnist_mlp"}, "dataset": {"name": "mnist"}}
    former = Config.model_validate(sections | {"claim": {"accuracy": 0.985} | cost})
    now = Config.model_validate(sections | {"claim": {"metric": "accuracy", "value": 0.985} | cost})
    assert former == now and "accuracy: " not in former.to_yaml()
