"""The judgement of an exported file's answers."""

import numpy as np
import pytest

from zoo.export import parity
from zoo.tasks.catalog import get_task


def answers(labels, wrong=(), sure=0.9):
    probabilities = np.full((len(labels), 2), 1 - sure, "float32")
    probabilities[np.arange(len(labels)), labels] = sure
    probabilities[list(wrong)] = probabilities[list(wrong), ::-1]
    return probabilities


LABELS = np.arange(1000) % 2


def judge(of_file, reference, targets, quantized, task="classification"):
    labels = {"label_names": ["no", "yes"], "unit": ""}
    return parity.judge(get_task(task), of_file, reference, targets, labels, quantized)


def test_equal_answers_pass():
    found = judge(answers(LABELS, [3]), answers(LABELS, [3]), LABELS, quantized=False)
    assert found["failed"] == [] and found["max_abs_difference"] == 0 and found["label_agreement"] == 1
    assert found["accuracy"] == {"value": 0.999, "reference": 0.999}
    assert found["accuracy_change"] == {"value": 0, "interval": [0, 0]}


def test_a_float_file_may_not_be_off_anywhere():
    reference = answers(LABELS)
    off = reference.copy()
    off[7] += [2e-4, -2e-4]
    (reason,) = judge(off, reference, LABELS, quantized=False)["failed"]
    assert "max abs difference 0.0002" in reason
    assert judge(off, reference, LABELS, quantized=True)["failed"] == []


@pytest.mark.parametrize(
    ("wrong", "failed"), [(range(3), []), (range(4), ["accuracy"]), (range(6), ["label", "accuracy"])]
)
def test_a_quantized_file_may_lose_three_in_a_thousand(wrong, failed):
    found = judge(answers(LABELS, wrong), answers(LABELS), LABELS, quantized=True)
    assert [reason.split()[0] for reason in found["failed"]] == failed
    low, high = found["accuracy_change"]["interval"]
    assert low < -len(wrong) / 1000 < high <= 0


def test_better_by_more_than_the_limit_is_another_model_too():
    found = judge(answers(LABELS), answers(LABELS, range(4)), LABELS, quantized=True)
    assert [reason.split()[0] for reason in found["failed"]] == ["accuracy"]


@pytest.mark.parametrize("broken", [np.full((1000, 2), np.nan), np.zeros((1000, 3)), np.zeros((999, 2))])
def test_answers_that_are_none_fail(broken):
    found = judge(broken.astype("float32"), answers(LABELS), LABELS, quantized=True)
    assert len(found["failed"]) == 1


def test_numbers_are_compared_on_their_own_scale():
    generator = np.random.default_rng(0)
    targets = generator.normal(200_000, 50_000, 1000).astype("float32")
    reference = (targets + generator.normal(0, 5_000, 1000)).astype("float32")
    near, off = reference + 1, reference + 20
    assert judge(near, reference, targets, False, "regression")["failed"] == []
    (reason,) = judge(off, reference, targets, False, "regression")["failed"]
    assert "max abs difference 20" in reason
    found = judge(off, reference, targets, True, "regression")
    assert found["failed"] == [] and found["metric"] == "rmse" and "label_agreement" not in found
    low, high = found["rmse_change"]["interval"]
    assert low < found["rmse_change"]["value"] < high
    (reason,) = judge(reference + 1000, reference, targets, True, "regression")["failed"]
    assert reason.startswith("rmse change ")
