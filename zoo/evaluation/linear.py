"""How each kind of data becomes rows for scikit-learn's linear models."""

import re

import numpy as np

MOST_TERMS = 30_000


def term_counts(texts: np.ndarray):
    """An unfitted TF-IDF of words and pairs of words; of characters where the texts are Chinese.

    Args:
        texts: object[examples], of which the first tell the script.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    # Without spaces between words, characters and pairs of them are the terms.
    chinese = sum(bool(re.search(r"[\u4e00-\u9fff]", text)) for text in texts[:100]) > 50
    analyzer = "char" if chinese else "word"
    return TfidfVectorizer(analyzer=analyzer, ngram_range=(1, 2), sublinear_tf=True, max_features=MOST_TERMS)


def fit_reader(kind: str, features: np.ndarray):
    """A function from features of a split to the rows that a linear model reads, fitted on the training split.

    Args:
        kind: image (pixels from 0 to 1), table (columns of mean 0 and deviation 1) or text (`term_counts`).
        features: of the training split.
    """
    if kind == "text":
        terms = term_counts(features).fit(features)
        return lambda texts: terms.transform(texts)
    if kind == "image":
        return lambda images: np.asarray(images[:], "float32").reshape(len(images), -1) / 255
    from sklearn.preprocessing import StandardScaler

    return StandardScaler().fit(features).transform
