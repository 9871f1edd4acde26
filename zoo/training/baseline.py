"""Linear models of scikit-learn on a dataset's own split, as runs beside those of the zoo's models."""

import concurrent.futures
import concurrent.futures.process
import dataclasses
import multiprocessing
import os
import platform
import shlex
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zoo import datasets, runs
from zoo.config import Config, DatasetSection, load_config
from zoo.errors import ZooError, nearest
from zoo.training.record import git_revision, peak_memory_mib

MODELS = ("logistic_regression", "linear_svm")
GRIDS = {"image": (0.01, 0.1, 1.0), "table": (0.01, 0.1, 1.0), "text": (0.1, 1.0, 10.0)}  # of C, the inverse penalty
_MOST_ITERATIONS = 200
_PROBABILITIES = {
    "logistic_regression": "the model's own",
    "linear_svm": "softmax of the decision function, divided by a temperature that was fitted on validation",
}


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A fitted linear model, how it predicts, and what it costs and reaches on validation."""

    model: Any
    predict: Callable[[Any], np.ndarray]  # rows that the model reads → float32[examples, num_classes]
    temperature: float | None  # None: it has probabilities of its own
    settings: dict[str, Any]


def train_baseline(name: str, section: DatasetSection, runs_dir: str | os.PathLike = "runs", seed: int = 0) -> runs.Run:
    """Fit a linear model for each C of GRIDS, keep the one with the best validation accuracy, and write its run.

    Images are read as pixels, tables as standardized columns, texts as TF-IDF. Seconds and memory are those of the
    whole search.

    Args:
        name: logistic_regression (L-BFGS) or linear_svm (LIBLINEAR, one against the rest, squared hinge loss).
        section: which data, split as a training of that section splits them.
        runs_dir: where the run directory is made.
        seed: of LIBLINEAR's order; logistic_regression has no chance in it.

    Raises:
        ZooError: there is no such baseline, or the data cannot be had.
    """
    check_names([name])
    from zoo.evaluation.linear import fit_reader

    started = time.monotonic()
    dataset = datasets.load_configured(section)
    run = runs.create_run(runs_dir, name)
    try:
        read = fit_reader(dataset.info.kind, dataset.train.features)
        rows, validation = read(dataset.train.features), read(dataset.validation.features)
        data = (rows, dataset.train.labels, validation, dataset.validation.labels)
        candidates = [_fit(name, c, seed, *data, len(dataset.info.label_names)) for c in GRIDS[dataset.info.kind]]
        best = max(candidates, key=_on_validation)
        _write(run, name, section, dataset, read, candidates, best, seed, started)
    except BaseException:
        shutil.rmtree(run.path, ignore_errors=True)  # half a search cannot be resumed
        raise
    return run


def train_in_own_process(*arguments) -> runs.Run:
    """`train_baseline` in a new process, so that the peak of memory is the baseline's own.

    Raises:
        ZooError: as `train_baseline`, or the process was killed.
    """
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        try:
            return process.submit(train_baseline, *arguments).result()
        except concurrent.futures.process.BrokenProcessPool:
            raise ZooError(f"{arguments[0]}: its process was killed, by hand or for want of memory") from None


def check_names(names: Sequence[str]) -> None:
    """Raises: ZooError: there is no such baseline, or none is named."""
    for name in names:
        if name not in MODELS:
            raise ZooError(f"--models={name}: no such baseline; {nearest(name, MODELS)}")
    if not names:
        raise ZooError(f"--models: name one or more of {', '.join(MODELS)}")


def data_of(dataset_name: str | None, run: str | None, data_dir: str | None) -> DatasetSection:
    """Which data a baseline is fitted on: those of a name, or those of a run, split as its config says.

    Raises:
        ZooError: both or neither is given, or there is no such dataset or run.
    """
    if bool(dataset_name) == bool(run):
        raise ZooError(f"{'both' if run else 'neither'} of --dataset and --run given: say which data")
    if run:
        section = load_config(path=runs.open_run(run).path / "config.yaml").dataset
    else:
        section = DatasetSection(name=datasets.dataset_info(dataset_name).name)
    return section.model_copy(update={"data_dir": data_dir}) if data_dir else section


def _on_validation(candidate: Candidate) -> tuple[float, float]:
    """Accuracy, and where that is the same, likelihood."""
    settings = candidate.settings
    return settings["validation_accuracy"], -settings["validation_negative_log_likelihood"]


def _fit(name: str, c: float, seed: int, rows, labels, validation, validation_labels, num_classes: int) -> Candidate:
    from sklearn import metrics
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    started = time.monotonic()
    if name == "logistic_regression":
        model = LogisticRegression(C=c, max_iter=_MOST_ITERATIONS, tol=1e-3)
    else:
        model = LinearSVC(C=c, max_iter=_MOST_ITERATIONS, tol=1e-2, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # said in the line below, and in run.json
        model.fit(rows, labels)
    predict, temperature = _predictor(model, validation, validation_labels, num_classes)
    probabilities = predict(validation)
    settings = {
        "C": c,
        "validation_accuracy": float((probabilities.argmax(axis=1) == validation_labels).mean()),
        "validation_negative_log_likelihood": float(
            metrics.log_loss(validation_labels, probabilities, labels=range(num_classes))
        ),
        "converged": bool(np.max(model.n_iter_) < _MOST_ITERATIONS),
        "seconds": round(time.monotonic() - started, 2),
    }
    stopped = "" if settings["converged"] else f", stopped after {_MOST_ITERATIONS} iterations"
    accuracy, seconds = settings["validation_accuracy"], settings["seconds"]
    print(f"{name}: C={c:g}  validation accuracy {accuracy:.4f}  {seconds:.1f} s{stopped}", file=sys.stderr)
    return Candidate(model, predict, temperature, settings)


def _predictor(model, validation, validation_labels: np.ndarray, num_classes: int) -> tuple[Callable, float | None]:
    """Rows → float32[examples, num_classes], and the temperature that margins are divided by, if the model has them."""
    from zoo.evaluation.calibration import apply_temperature, fit_temperature

    def of_all_classes(columns: np.ndarray, absent: float) -> np.ndarray:
        """A class without a training row has no column of its own."""
        found = np.full((len(columns), num_classes), absent)
        found[:, model.classes_] = columns
        return found

    def logits(rows) -> np.ndarray:
        margins = model.decision_function(rows)
        columns = np.stack([-margins / 2, margins / 2], axis=1) if margins.ndim == 1 else margins
        return of_all_classes(columns, -1e9)

    if hasattr(model, "predict_proba"):
        return lambda rows: of_all_classes(model.predict_proba(rows), 0.0).astype("float32"), None
    temperature = fit_temperature(logits(validation), validation_labels)
    return lambda rows: apply_temperature(logits(rows), temperature).astype("float32"), temperature


def _write(
    run: runs.Run,
    name: str,
    section: DatasetSection,
    dataset,
    read: Callable,
    candidates: Sequence[Candidate],
    best: Candidate,
    seed: int,
    started: float,
) -> None:
    import sklearn

    from zoo.evaluation.outcome import write_outcome
    from zoo.evaluation.speed import FILE, measure_speed

    model, kind = best.model, dataset.info.kind

    def predict(features):
        return best.predict(read(features))

    config = {"model": {"name": name, "options": {"grid": list(GRIDS[kind])}}, "dataset": section.model_dump(),
              "training": {"seed": seed}}  # fmt: skip
    run.write_text("config.yaml", Config.model_validate(config).to_yaml())
    labels = {"label_names": list(dataset.info.label_names), "task": f"{kind}_classification",
              "dataset": dataset.info.name, "feature_names": dataset.feature_names}  # fmt: skip
    run.write_json("labels.json", labels)
    write_outcome(run, dataset, predict, {})
    wall_seconds, memory = round(time.monotonic() - started, 2), peak_memory_mib()
    run.write_json(FILE, measure_speed(predict, dataset.test.features))
    run.update_record(
        status="finished",
        command=shlex.join(["python", *sys.argv]),
        model=name,
        dataset=dataset.info.name,
        seed=seed,
        git_revision=git_revision(),
        versions={"python": platform.python_version(), "scikit-learn": sklearn.__version__},
        device=f"CPU ({os.cpu_count()} cores)",
        parameters=model.coef_.size + model.intercept_.size,
        flops=None if kind == "text" else 2 * model.coef_.size,  # that of a text depends on how many terms it has
        data_digest=dataset.digest,
        data_report=dataset.report,
        search=[candidate.settings for candidate in candidates],
        chosen=best.settings,
        probabilities=_PROBABILITIES[name],
        temperature=best.temperature,
        wall_seconds=wall_seconds,
        peak_memory_mib=memory,
    )
