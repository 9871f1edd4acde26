"""How each kind of data becomes rows for scikit-learn's linear models."""

import re

import numpy as np

from zoo.datasets import sequences as sequences_of_numbers
from zoo.schema import NO_DATE

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
        kind: image (pixels from 0 to 1), table (columns of mean 0 and deviation 1), text (`term_counts`), sequence (a
            summary of each channel, as columns of a table), or columns: numbers as of a table, the median where they
            are missing, with a mark; a column for each category.
        features: of the training split.
    """
    if kind == "text":
        terms = term_counts(features).fit(features)
        return lambda texts: terms.transform(texts)
    if kind == "image":
        return lambda images: np.asarray(images[:], "float32").reshape(len(images), -1) / 255
    if kind == "columns":
        return _mixed_rows(features)
    from sklearn.preprocessing import StandardScaler

    if kind == "sequence":
        scaler = StandardScaler().fit(_summaries(features))
        return lambda sequences: scaler.transform(_summaries(sequences))
    return StandardScaler().fit(features).transform


def _summaries(sequences) -> np.ndarray:
    """`float[examples, 6 * channel + 1]`: mean, deviation, least, greatest, first and last of each channel; the length.

    A channel without a value counts as 0 throughout.
    """

    def summary(sequence: np.ndarray) -> np.ndarray:
        steps, found = sequence[: sequences_of_numbers.length(sequence)].astype("float64"), []
        for values in steps.T:
            values = values[~np.isnan(values)] if not np.isnan(values).all() else np.zeros(1)
            found += [values.mean(), values.std(), values.min(), values.max(), values[0], values[-1]]
        return np.array([*found, len(steps)])

    return np.stack([summary(sequence) for sequence in sequences])


def fit_tree_reader(features: dict[str, np.ndarray]):
    """As `fit_reader` of columns, for models of trees, and how many columns, the first, hold categories by number.

    Missing numbers, dates and categories are NaN; texts become 50 numbers by latent semantic analysis.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    parts, categories = [], features.get("categories")
    if categories is not None:
        encoder = OrdinalEncoder(max_categories=250, handle_unknown="use_encoded_value", unknown_value=np.nan)
        encoder.fit(categories)
        parts.append(("categories", encoder.transform))
    parts += [(key, read) for key, read in (("numbers", np.asarray), ("dates", _days)) if key in features]
    texts = features.get("texts")
    for column in range(0 if texts is None else texts.shape[1]):
        analysis = make_pipeline(term_counts(texts[:, column]), TruncatedSVD(50, random_state=0)).fit(texts[:, column])
        parts.append(("texts", lambda rows, column=column, analysis=analysis: analysis.transform(rows[:, column])))

    def read(features):
        return np.hstack([part(features[key]).astype("float64") for key, part in parts])

    return read, 0 if categories is None else categories.shape[1]


def _mixed_rows(features: dict[str, np.ndarray]):
    import scipy.sparse
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    def numeric(rows: np.ndarray):
        filled = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
        return make_pipeline(filled, StandardScaler()).fit(rows).transform

    parts = []
    if "numbers" in features:
        parts.append(("numbers", numeric(features["numbers"])))
    if "dates" in features:
        of_days = numeric(_days(features["dates"]))
        parts.append(("dates", lambda dates: of_days(_days(dates))))
    if "categories" in features:
        marks = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=3).fit(features["categories"])
        parts.append(("categories", marks.transform))
    texts = features.get("texts")
    for column in range(0 if texts is None else texts.shape[1]):
        terms = term_counts(texts[:, column]).fit(texts[:, column])
        parts.append(("texts", lambda rows, column=column, terms=terms: terms.transform(rows[:, column])))
    return lambda features: scipy.sparse.hstack([part(features[key]) for key, part in parts]).tocsr()


def _days(dates: np.ndarray) -> np.ndarray:
    return np.where(dates == NO_DATE, np.nan, dates / 86_400)
