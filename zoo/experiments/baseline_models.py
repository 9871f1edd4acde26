"""The models of scikit-learn that stand beside the zoo's: what is searched, how each is fitted, what it costs."""

import dataclasses
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

_MOST_ITERATIONS = 200  # of linear classifiers
_MOST_TREES = 1_000
_TREES_OF_A_FOREST = 300
_ROWS_FOR_SEVERAL_THREADS = 20_000


@dataclasses.dataclass(frozen=True)
class Data:
    """What a search sees: rows as the models read them, and targets, of training and of validation."""

    rows: Any
    targets: np.ndarray
    validation: Any
    validation_targets: np.ndarray
    num_classes: int  # 0: targets are numbers
    categorical: int = 0  # how many columns, the first, are numbers of categories


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
    """What is tried of a model: settings by kind of data, and the function that fits one of them.

    Attributes:
        needs: (package, extra of the zoo), where Python and scikit-learn are not enough.
        as_it_is: whether features are not made rows of numbers first.
    """

    grid: dict[str, list[dict[str, Any]]]
    fit: Callable[[dict[str, Any], Data, int], Candidate]
    of_trees: bool = False
    needs: tuple[str, str] | None = None
    as_it_is: bool = False


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
    from sklearn.exceptions import ConvergenceWarning

    started = time.time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # said in run.json
        model.fit(data.rows, data.targets)
    predict, temperature = _probabilities(model, data)
    figures, rank = _on_validation(predict(data.validation), data)
    found = figures | {
        "converged": bool(np.max(model.n_iter_) < _MOST_ITERATIONS),
        "seconds": round(time.time() - started, 2),
    }
    sparse = not isinstance(data.rows, np.ndarray)  # for texts, the number of terms decides
    return Candidate(
        predict=predict,
        settings=settings | found,
        rank=rank,
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
    return _regressor(model.predict, settings, data, started, linear=True, parameters=size + 1, flops=2 * size)


def _hist_gradient_boosting(settings: dict[str, Any], data: Data, seed: int) -> Candidate:
    """Grows more trees than are needed, and keeps as many as are best on validation."""
    import threadpoolctl
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    started = time.time()
    rows, validation = _dense(data.rows), _dense(data.validation)
    kind = HistGradientBoostingClassifier if data.num_classes else HistGradientBoostingRegressor
    most = _MOST_TREES // max(1, data.num_classes) if data.num_classes > 2 else _MOST_TREES  # one a class in each step
    categories = list(range(data.categorical)) or None

    def grow(trees: int):
        grown = kind(
            max_iter=trees, early_stopping=False, random_state=seed, categorical_features=categories, **settings
        )
        # Threads wait for each other at every node of a tree: with few rows that takes longer than the work.
        threads = 1 if len(rows) < _ROWS_FOR_SEVERAL_THREADS else None
        with threadpoolctl.threadpool_limits(threads, user_api="openmp"):
            return grown.fit(rows, data.targets)

    grown = grow(most)
    stages = grown.staged_predict_proba(validation) if data.num_classes else grown.staged_predict(validation)
    errors = [_error(said, grown, data) for said in stages]
    trees = int(np.argmin(errors)) + 1
    model = grow(trees)
    leaves = trees * settings["max_leaf_nodes"] * (data.num_classes if data.num_classes > 2 else 1)
    return _of_trees(model, settings | {"trees": trees}, data, started, leaves)


def _random_forest(settings: dict[str, Any], data: Data, seed: int) -> Candidate:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    started = time.time()
    kind = RandomForestClassifier if data.num_classes else RandomForestRegressor
    model = kind(_TREES_OF_A_FOREST, random_state=seed, n_jobs=-1, **settings).fit(_dense(data.rows), data.targets)
    leaves = sum(tree.get_n_leaves() for tree in model.estimators_)
    return _of_trees(model, settings, data, started, leaves)


def _lightgbm(settings: dict[str, Any], data: Data, seed: int) -> Candidate:
    """Stops when 50 more trees do not better validation."""
    import lightgbm

    started = time.time()
    kind = lightgbm.LGBMClassifier if data.num_classes else lightgbm.LGBMRegressor
    rows, validation = _dense(data.rows), _dense(data.validation)
    # The second core pays for many rows alone, and on a busy machine its threads wait for each other for minutes.
    threads = 1 if len(rows) < 100_000 else -1
    model = kind(n_estimators=_MOST_TREES, random_state=seed, verbose=-1, n_jobs=threads, **settings)
    model.fit(
        rows, data.targets, eval_X=validation, eval_y=data.validation_targets,
        categorical_feature=list(range(data.categorical)), callbacks=[lightgbm.early_stopping(50, verbose=False)],
    )  # fmt: skip
    trees = int(model.best_iteration_)
    return _of_trees(model, settings | {"trees": trees}, data, started, trees * settings["num_leaves"])


def _of_trees(model, settings: dict[str, Any], data: Data, started: float, leaves: int) -> Candidate:
    if not data.num_classes:
        return _regressor(model.predict, settings, data, started, parameters=leaves)
    predict, _ = _probabilities(model, data)

    def answer(rows) -> np.ndarray:
        return predict(_dense(rows))

    figures, rank = _on_validation(answer(data.validation), data)
    found = settings | figures | {"seconds": round(time.time() - started, 2)}
    return Candidate(answer, found, rank, leaves, facts={"probabilities": "the model's own", "temperature": None})


def _error(said: np.ndarray, model, data: Data) -> float:
    """Of answers to validation: the mean squared error, or the negative log-likelihood of classes."""
    if not data.num_classes:
        return float(np.mean((said - data.validation_targets) ** 2))
    places = np.full(data.num_classes, -1)
    places[model.classes_] = np.arange(len(model.classes_))
    of_truth = places[data.validation_targets]
    likelihoods = np.where(of_truth < 0, 1e-15, said[np.arange(len(said)), of_truth])
    return float(-np.log(np.maximum(likelihoods, 1e-15)).mean())


def _dense(rows) -> np.ndarray:
    return np.asarray(rows.todense()) if hasattr(rows, "todense") else rows


def _on_validation(probabilities: np.ndarray, data: Data) -> tuple[dict[str, float], tuple[float, ...]]:
    """Figures on validation, and the rank of a classifier by them."""
    from sklearn import metrics

    labels = data.validation_targets
    accuracy = float((probabilities.argmax(axis=1) == labels).mean())
    likelihood = float(metrics.log_loss(labels, probabilities, labels=range(data.num_classes)))
    figures = {"validation_accuracy": accuracy, "validation_negative_log_likelihood": likelihood}
    return figures, (accuracy, -likelihood)


def _regressor(
    predict: Callable, settings: dict[str, Any], data: Data, started: float, linear: bool = False, **costs
) -> Candidate:
    def answer(rows) -> np.ndarray:
        return predict(rows if linear else _dense(rows)).astype("float32")

    error = float(np.sqrt(np.mean((answer(data.validation).astype("float64") - data.validation_targets) ** 2)))
    found = {"validation_rmse": error, "seconds": round(time.time() - started, 2)}
    return Candidate(predict=answer, settings=settings | found, rank=(-error,), **costs)


_KINDS = ("image", "table", "columns", "text", "sequence")
_OF_C = {"image": (0.01, 0.1, 1.0), "table": (0.01, 0.1, 1.0), "columns": (0.1, 1.0, 10.0), "text": (0.1, 1.0, 10.0),
         "sequence": (0.01, 0.1, 1.0)}  # fmt: skip
_C_GRID = {kind: [{"C": c} for c in values] for kind, values in _OF_C.items()}  # the inverse penalty
_BOOSTING = [{"learning_rate": rate, "max_leaf_nodes": leaves} for rate in (0.03, 0.1) for leaves in (7, 31, 63)]
_LIGHTGBM = [{"learning_rate": rate, "num_leaves": leaves} for rate in (0.03, 0.1) for leaves in (7, 31, 63)]
_FOREST = [{"min_samples_leaf": least} for least in (1, 3, 10)]

BASELINES = {
    "logistic_regression": Baseline(_C_GRID, _logistic_regression),
    "linear_svm": Baseline(_C_GRID, _linear_svm),
    "logistic_regression_per_label": Baseline(
        dict.fromkeys(_KINDS, [{"C": c} for c in (0.01, 0.1, 1.0, 10.0, 100.0)]), _logistic_regression_per_label
    ),
    "ridge": Baseline(dict.fromkeys(_KINDS, [{"alpha": alpha} for alpha in (0.1, 1.0, 10.0, 100.0, 1000.0)]), _ridge),
    "hist_gradient_boosting": Baseline(dict.fromkeys(_KINDS, _BOOSTING), _hist_gradient_boosting, of_trees=True),
    "random_forest": Baseline({"columns": _FOREST}, _random_forest, of_trees=True),
    "lightgbm": Baseline({"columns": _LIGHTGBM}, _lightgbm, of_trees=True, needs=("lightgbm", "boosting")),
}
