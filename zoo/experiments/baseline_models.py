"""The models of scikit-learn that stand beside the zoo's: what is searched, how each is fitted, what it costs."""

import dataclasses
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

_MOST_ITERATIONS = 200  # of linear classifiers
_MOST_TREES = 1_000
_ROWS_FOR_SEVERAL_THREADS = 20_000


@dataclasses.dataclass(frozen=True)
class Data:
    """What a search sees: rows as the models read them, and targets, of training and of validation."""

    rows: Any
    targets: np.ndarray
    validation: Any
    validation_targets: np.ndarray
    num_classes: int


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A fitted model, how it answers, and what it costs and reaches on validation."""

    predict: Callable[[Any], np.ndarray]  # rows that the model reads → answers
    settings: dict[str, Any]  # what was searched, and figures on validation
    rank: tuple[float, ...]  # the larger the better
    parameters: int
    flops: int | None = None
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)  # for run.json


@dataclasses.dataclass(frozen=True)
class Baseline:
    """What is tried of a model: settings by kind of data, and the function that fits one of them."""

    grid: dict[str, list[dict[str, Any]]]
    fit: Callable[[dict[str, Any], Data, int], Candidate]


def _logistic_regression(settings: dict[str, Any], data: Data, seed: int) -> Candidate:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=settings["C"], max_iter=_MOST_ITERATIONS, tol=1e-3)
    return _classifier(model, settings, data, "the model's own")


def _linear_svm(settings: dict[str, Any], data: Data, seed: int) -> Candidate:
    from sklearn.svm import LinearSVC

    model = LinearSVC(C=settings["C"], max_iter=_MOST_ITERATIONS, tol=1e-2, random_state=seed)
    how = "softmax of the decision function, divided by a temperature that was fitted on validation"
    return _classifier(model, settings, data, how)


def _classifier(model, settings: dict[str, Any], data: Data, probabilities_are: str) -> Candidate:
    from sklearn import metrics
    from sklearn.exceptions import ConvergenceWarning

    started = time.time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # said in run.json
        model.fit(data.rows, data.targets)
    predict, temperature = _probabilities(model, data)
    probabilities, labels = predict(data.validation), data.validation_targets
    accuracy = float((probabilities.argmax(axis=1) == labels).mean())
    likelihood = float(metrics.log_loss(labels, probabilities, labels=range(data.num_classes)))
    found = {
        "validation_accuracy": accuracy,
        "validation_negative_log_likelihood": likelihood,
        "converged": bool(np.max(model.n_iter_) < _MOST_ITERATIONS),
        "seconds": round(time.time() - started, 2),
    }
    sparse = not isinstance(data.rows, np.ndarray)  # for texts, the number of terms decides
    return Candidate(
        predict=predict,
        settings=settings | found,
        rank=(accuracy, -likelihood),
        parameters=model.coef_.size + model.intercept_.size,
        flops=None if sparse else 2 * model.coef_.size,
        facts={"probabilities": probabilities_are, "temperature": temperature},
    )


def _probabilities(model, data: Data) -> tuple[Callable, float | None]:
    """Rows → float32[examples, num_classes], and the temperature that margins are divided by, if the model has them."""
    from zoo.measures.calibration import apply_temperature, fit_temperature

    def of_all_classes(columns: np.ndarray, absent: float) -> np.ndarray:
        """A class without a training row has no column of its own."""
        found = np.full((len(columns), data.num_classes), absent)
        found[:, model.classes_] = columns
        return found

    def logits(rows) -> np.ndarray:
        margins = model.decision_function(rows)
        columns = np.stack([-margins / 2, margins / 2], axis=1) if margins.ndim == 1 else margins
        return of_all_classes(columns, -1e9)

    if hasattr(model, "predict_proba"):
        return lambda rows: of_all_classes(model.predict_proba(rows), 0.0).astype("float32"), None
    temperature = fit_temperature(logits(data.validation), data.validation_targets)
    return lambda rows: apply_temperature(logits(rows), temperature).astype("float32"), temperature


def _logistic_regression_per_label(settings: dict[str, Any], data: Data, seed: int) -> Candidate:
    """One for each label, which `check_targets` knows to differ among the training rows."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    from zoo.measures.labels import choose_thresholds, macro_f1_scores

    started = time.time()
    models = [LogisticRegression(C=settings["C"], max_iter=_MOST_ITERATIONS, tol=1e-3) for _ in data.targets.T]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # said in run.json
        for model, targets in zip(models, data.targets.T, strict=True):
            model.fit(data.rows, targets)

    def predict(rows) -> np.ndarray:
        return np.stack([model.predict_proba(rows)[:, 1] for model in models], axis=1).astype("float32")

    answers = predict(data.validation)
    said = answers >= choose_thresholds(answers, data.validation_targets)
    macro_f1 = float(macro_f1_scores(said, data.validation_targets.astype(bool)).mean())
    found = {
        "validation_macro_f1": macro_f1,
        "converged": all(model.n_iter_.max() < _MOST_ITERATIONS for model in models),
        "seconds": round(time.time() - started, 2),
    }
    size = sum(model.coef_.size for model in models)
    return Candidate(predict, settings | found, (macro_f1,), parameters=size + len(models), flops=2 * size)


def _ridge(settings: dict[str, Any], data: Data, seed: int) -> Candidate:
    from sklearn.linear_model import Ridge

    started = time.time()
    model = Ridge(alpha=settings["alpha"]).fit(data.rows, data.targets)
    size = int(np.size(model.coef_))
    return _regressor(model.predict, settings, data, started, parameters=size + 1, flops=2 * size)


def _hist_gradient_boosting(settings: dict[str, Any], data: Data, seed: int) -> Candidate:
    """Grows more trees than are needed, and keeps as many as are best on validation."""
    import threadpoolctl
    from sklearn.ensemble import HistGradientBoostingRegressor

    started = time.time()
    rows, validation = (np.asarray(part.todense()) if hasattr(part, "todense") else part
                        for part in (data.rows, data.validation))  # fmt: skip

    def grow(trees: int):
        grown = HistGradientBoostingRegressor(max_iter=trees, early_stopping=False, random_state=seed, **settings)
        # Threads wait for each other at every node of a tree: with few rows that takes longer than the work.
        threads = 1 if len(rows) < _ROWS_FOR_SEVERAL_THREADS else None
        with threadpoolctl.threadpool_limits(threads, user_api="openmp"):
            return grown.fit(rows, data.targets)

    errors = [np.mean((said - data.validation_targets) ** 2) for said in grow(_MOST_TREES).staged_predict(validation)]
    trees = int(np.argmin(errors)) + 1
    model = grow(trees)
    found = settings | {"trees": trees}
    return _regressor(model.predict, found, data, started, parameters=trees * settings["max_leaf_nodes"])


def _regressor(predict: Callable, settings: dict[str, Any], data: Data, started: float, **costs) -> Candidate:
    def answer(rows) -> np.ndarray:
        rows = np.asarray(rows.todense()) if hasattr(rows, "todense") else rows
        return predict(rows).astype("float32")

    error = float(np.sqrt(np.mean((answer(data.validation).astype("float64") - data.validation_targets) ** 2)))
    found = {"validation_rmse": error, "seconds": round(time.time() - started, 2)}
    return Candidate(predict=answer, settings=settings | found, rank=(-error,), **costs)


_KINDS = ("image", "table", "text")
_OF_C = {"image": (0.01, 0.1, 1.0), "table": (0.01, 0.1, 1.0), "text": (0.1, 1.0, 10.0)}  # the inverse penalty
_C_GRID = {kind: [{"C": c} for c in values] for kind, values in _OF_C.items()}

BASELINES = {
    "logistic_regression": Baseline(_C_GRID, _logistic_regression),
    "linear_svm": Baseline(_C_GRID, _linear_svm),
    "logistic_regression_per_label": Baseline(
        dict.fromkeys(_KINDS, [{"C": c} for c in (0.001, 0.01, 0.1, 1.0)]), _logistic_regression_per_label
    ),
    "ridge": Baseline(dict.fromkeys(_KINDS, [{"alpha": alpha} for alpha in (0.1, 1.0, 10.0, 100.0, 1000.0)]), _ridge),
    "hist_gradient_boosting": Baseline(
        dict.fromkeys(
            _KINDS,
            [{"learning_rate": rate, "max_leaf_nodes": leaves} for rate in (0.03, 0.1) for leaves in (7, 31, 63)],
        ),
        _hist_gradient_boosting,
    ),
}
