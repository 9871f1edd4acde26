"""The reviews of clothing: what is in them, what is not, and how they are split."""

import numpy as np
import pytest

from zoo import datasets

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def reviews():
    return datasets.load("womens_clothing_reviews")


def test_the_reviews_are_those_of_the_package_without_the_stars(reviews):
    rows = [len(getattr(reviews, split)) for split in ("train", "validation", "test")]
    recommended = sum(int(getattr(reviews, split).targets.sum()) for split in ("train", "validation", "test"))
    assert sum(rows) == 23_486 and recommended == 19_314 and rows[2] == pytest.approx(23_486 / 5, abs=2)
    assert "Rating" not in reviews.schema.names
    numbers = np.concatenate([part.features["numbers"] for part in (reviews.train, reviews.validation, reviews.test)])
    assert numbers[:, 0].min() == 18 and numbers[:, 0].max() == 99 and numbers[:, 1].max() == 122


def test_a_text_is_in_one_split_and_rows_without_one_are_in_all(reviews):
    texts = {
        split: set(reviews.schema.column(getattr(reviews, split).features, "Review Text").tolist())
        for split in ("train", "validation", "test")
    }
    assert not texts["train"] & texts["validation"] - {""} and not texts["train"] & texts["test"] - {""}
    assert not texts["validation"] & texts["test"] - {""} and all("" in each for each in texts.values())
