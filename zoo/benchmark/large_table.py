"""What a large table of mixed columns costs: seconds to read and to learn, and memory, beside boosted trees."""

import concurrent.futures
import importlib.util
import multiprocessing
import os
import pathlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

from zoo.config import load_config
from zoo.errors import ZooError, nearest
from zoo.processor import usable_cores
from zoo.settings import DatasetSection
from zoo.text_table import align_columns

NETWORKS = ("table_mlp", "linear_table", "deepfm")
CONTENDERS = (*NETWORKS, "hist_gradient_boosting", "lightgbm")
_NUMBERS, _COUNTS = 8, (3, 20, 400, 5000)  # columns of numbers; how many categories each other column has
_MISSING = 0.1
_ROWS_A_GROUP = 100_000  # as Parquet has them
_TREES, _LEAVES, _LEARNING_RATE = 100, 31, 0.1
_BATCH = "training.batch_size=1024"


def write_table(file: pathlib.Path, rows: int, seed: int = 0) -> None:
    """A Parquet file of numbers and categories with gaps, a date, and a label that follows from them with noise."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet

    generator = np.random.default_rng(seed)
    effects = [generator.normal(size=count) for count in _COUNTS]
    writer = None
    for start in range(0, rows, _ROWS_A_GROUP):
        size = min(_ROWS_A_GROUP, rows - start)
        numbers = generator.normal(size=(_NUMBERS, size)).astype("float32")
        places = [generator.zipf(1.3, size) % count for count in _COUNTS]  # a few are frequent
        score = numbers[0] * numbers[1] + numbers[2] + np.abs(numbers[3])
        score += sum(of[place] for of, place in zip(effects, places, strict=True)) + generator.logistic(size=size)
        gaps = generator.random((_NUMBERS + len(_COUNTS), size)) < _MISSING
        columns = {f"number {n}": pa.array(numbers[n], mask=gaps[n]) for n in range(_NUMBERS)}
        for n, (count, place) in enumerate(zip(_COUNTS, places, strict=True)):
            words = pa.array([f"value {value}" for value in range(count)])
            columns[f"category {n}"] = words.take(pa.array(place, mask=gaps[_NUMBERS + n]))
        columns["date"] = pa.array(generator.integers(1_500_000_000, 1_700_000_000, size)).cast(pa.timestamp("s"))
        columns["label"] = pa.array(np.where(score > 1, "yes", "no"))
        table = pa.table(columns)
        writer = writer or pyarrow.parquet.ParquetWriter(file, table.schema)
        writer.write_table(table)
    writer.close()


def measure_table(
    rows: int, contenders: Sequence[str] | None = None, epochs: int = 5, assignments: Sequence[str] = ()
) -> dict[str, Any]:
    """Write such a table, and let each contender read it and learn from it, in a process of its own, one by one.

    The zoo's models train as their configs say, on batches of 1,024; boosting grows 100 trees of 31 leaves at 0.1.
    OpenMP has a thread for each core, unless OMP_NUM_THREADS says another number.

    Args:
        rows: of the table.
        contenders: of `CONTENDERS`; by default all that are installed.
        epochs: of the networks, after one that is not counted, in which programs are compiled.
        assignments: more of the networks' configs.

    Returns:
        {"rows", "file_mib", "threads", "contenders": {name: {"read", "prepare" (vocabularies, quantiles; of trees, the
        rows that they read), "learn" (an epoch, the median; of trees, the fit), "read_memory_mib" (the peak until
        then), "peak_memory_mib", "accuracy" (test)}}}. The first three are {"seconds", "cpu_seconds"}: where other
        programs work too, compare the seconds of the process on a CPU.

    Raises:
        ZooError: a contender is unknown or not installed, the rows are too few, or a process ends.
    """
    if epochs < 1:
        raise ZooError(f"--rounds={epochs}: at least 1 is needed")
    if rows < 5_000:
        raise ZooError(f"--table_rows={rows}: at least 5,000 are needed")
    names = _chosen(contenders)
    told = os.environ.get("OMP_NUM_THREADS", "")
    os.environ["OMP_NUM_THREADS"] = threads = told if told.isdigit() and int(told) else str(usable_cores())
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "table.parquet")
        write_table(file, rows)
        found = {}
        for name in names:
            found[name] = _in_own_process(
                _network if name in NETWORKS else _trees, name, str(file), epochs, assignments
            )
            print(f"{name}: {_text(found[name]['learn'])}", file=sys.stderr, flush=True)
        size = file.stat().st_size
    return {"rows": rows, "file_mib": size / 2**20, "threads": int(threads), "contenders": found}


def table_costs(result: dict[str, Any]) -> str:
    """A line a contender."""
    lines = [("seconds (on a CPU)", "read", "prepare", "an epoch, or the fit", "peak MiB", "after reading", "accuracy")]
    for name, found in result["contenders"].items():
        seconds = (_text(found[key]) for key in ("read", "prepare", "learn"))
        memory = (f"{found[key]:,.0f}" for key in ("peak_memory_mib", "read_memory_mib"))
        lines.append((name, *seconds, *memory, f"{found['accuracy']:.4f}"))
    threads = f"{result['threads']} thread{'s' if result['threads'] > 1 else ''}"
    return f"{result['rows']:,} rows, {result['file_mib']:.0f} MiB of Parquet, {threads}\n{align_columns(lines)}"


def _text(seconds: dict[str, float]) -> str:
    return f"{seconds['seconds']:.1f} ({seconds['cpu_seconds']:.1f})"


class _Stopwatch:
    """Seconds since it was made, of the clock and of this process on a CPU."""

    def __init__(self):
        self.started = time.perf_counter(), time.process_time()

    def read(self) -> dict[str, float]:
        return {
            "seconds": time.perf_counter() - self.started[0],
            "cpu_seconds": time.process_time() - self.started[1],
        }


def _chosen(contenders: Sequence[str] | None) -> list[str]:
    for name in contenders or ():
        if name not in CONTENDERS:
            raise ZooError(f"--models={name}: not measured on a large table; {nearest(name, CONTENDERS)}")
    installed = importlib.util.find_spec("lightgbm") is not None
    if contenders and "lightgbm" in contenders and not installed:
        raise ZooError("--models=lightgbm needs a package: pip install 'keras-model-zoo[boosting]'")
    return list(contenders or (name for name in CONTENDERS if name != "lightgbm" or installed))


def _in_own_process(measure: Callable, name: str, *arguments) -> dict[str, Any]:
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        try:
            return process.submit(measure, name, *arguments).result()
        except concurrent.futures.process.BrokenProcessPool:
            raise ZooError(f"{name}: its process was killed, by hand or for want of memory") from None


def _network(name: str, file: str, epochs: int, assignments: Sequence[str]) -> dict[str, Any]:
    from zoo.quiet import import_tensorflow

    import_tensorflow()
    from zoo.models import catalog
    from zoo.training import fit
    from zoo.training.callbacks import RunCallback
    from zoo.training.record import peak_memory_mib

    own = [f"dataset={{name: parquet, data_dir: {file!r}}}", _BATCH, *assignments, f"training.epochs={epochs + 1}"]
    config, info = load_config(name, assignments=own), catalog.model_info(name)
    dataset, found = _read(config.dataset, info.task, info.reads)
    prepare = _Stopwatch()
    of_epochs: list[dict[str, float]] = []

    class Watch(RunCallback):
        def on_train_begin(self, logs=None):
            found.setdefault("prepare", prepare.read())

        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = _Stopwatch()

        def on_test_begin(self, logs=None):
            of_epochs.append(self.epoch.read())

    with tempfile.TemporaryDirectory() as runs_dir:
        run = fit.train(config, runs_dir, dataset=dataset, show_progress=False, callbacks=[Watch()])
        found["accuracy"] = run.results["test"]["accuracy"]["value"]
    counted = of_epochs[1 : epochs + 1]
    found["learn"] = {key: statistics.median(each[key] for each in counted) for key in ("seconds", "cpu_seconds")}
    return found | {"peak_memory_mib": peak_memory_mib()}


def _trees(name: str, file: str, epochs: int, assignments: Sequence[str]) -> dict[str, Any]:
    from zoo.evaluation.linear import fit_tree_reader
    from zoo.tasks.catalog import get_task
    from zoo.training.record import peak_memory_mib

    dataset, found = _read(DatasetSection(name="parquet", data_dir=file), get_task("classification"), "columns")
    watch = _Stopwatch()
    read, categorical = fit_tree_reader(dataset.train.features)
    rows = read(dataset.train.features)
    found["prepare"] = watch.read()
    watch = _Stopwatch()
    model = _boosting(name, rows, dataset.train.targets, list(range(categorical)))
    found["learn"] = watch.read()
    found["accuracy"] = float((model.predict(read(dataset.test.features)) == dataset.test.targets).mean())
    return found | {"peak_memory_mib": peak_memory_mib()}


def _boosting(name: str, rows, targets, categories: list[int]):
    if name == "lightgbm":
        import lightgbm

        threads = int(os.environ["OMP_NUM_THREADS"])
        model = lightgbm.LGBMClassifier(
            n_estimators=_TREES, learning_rate=_LEARNING_RATE, num_leaves=_LEAVES, verbose=-1, random_state=0,
            n_jobs=threads,
        )  # fmt: skip
        return model.fit(rows, targets, categorical_feature=categories)
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=_TREES, learning_rate=_LEARNING_RATE, max_leaf_nodes=_LEAVES, early_stopping=False, random_state=0,
        categorical_features=categories,
    )  # fmt: skip
    return model.fit(rows, targets)


def _read(section: DatasetSection, task, reads: str) -> tuple[Any, dict[str, Any]]:
    """The table as a training reads it, and what that took."""
    from zoo import datasets
    from zoo.training.record import peak_memory_mib

    watch = _Stopwatch()
    dataset = datasets.load_configured(section, task=task, reads=reads)
    return dataset, {"read": watch.read(), "read_memory_mib": peak_memory_mib()}
