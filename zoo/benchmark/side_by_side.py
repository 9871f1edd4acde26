"""Seconds an epoch of the zoo's training and of what else people use, in turns, within one run."""

import concurrent.futures
import importlib.metadata
import importlib.util
import multiprocessing
import platform
import statistics
import sys
from collections.abc import Sequence
from typing import Any

from zoo.benchmark.turns import Worker
from zoo.config import Config, load_config, validate
from zoo.errors import ZooError, nearest
from zoo.models import catalog
from zoo.processor import usable_cores
from zoo.training.fitting import resolved_precision

# Other models keep the batch size of their config.
BATCH_SIZES = {"mnist_mlp": 64, "simple_cnn": 128, "mnist_cnn": 128}
# What the libraries do not all have, or would draw differently, is off for all.
PLAIN = (
    "dataset.augmentation={}",
    "training.optimizer={name: adam, learning_rate: 1e-3}",
    "training.schedule={}",
    "training.label_smoothing=0.0",
    "training.average_last_epochs=null",
    "training.progressive_resizing=null",
    "training.distillation=null",
    "training.early_stopping=null",
)
_DROPPING = ("dropout", "drop_path")  # options of models
# Name → module, its arguments, the package that it needs.
CONTENDERS = {
    "zoo": ("zoo_loop", {}, "tensorflow"),
    "keras": ("plain_keras", {}, "tensorflow"),
    "pytorch": ("pytorch", {"data_loader": False}, "torch"),
    "pytorch_data_loader": ("pytorch", {"data_loader": True}, "torch"),
    "scikit_learn": ("scikit_learn", {}, "sklearn"),
    "arithmetic": ("arithmetic", {}, "tensorflow"),
}
_STEPS_OF_AUTOTUNE = [0.01 * (2**k - 1) for k in range(5, 13)]


def compare_models(
    models: list[str] | None = None, assignments: Sequence[str] = (), rounds: int = 5, contenders: Sequence[str] = ()
) -> dict[str, Any]:
    """`compare` for each model: `{"models": [...], "machine": {...}}`.

    Raises:
        ZooError: as `compare`; a model or a key of its config does not exist.
    """
    configs = [plain_config(model, assignments) for model in (BATCH_SIZES if models is None else models)]
    return {"models": [compare(config, rounds, contenders) for config in configs], "machine": _machine()}


def plain_config(model: str, assignments: Sequence[str] = ()) -> Config:
    """The model's config with its own precision, and the optimizer, batch size and data that all contenders share.

    Raises:
        ZooError: there is no such model or key, or the model is no classifier.
    """
    own = [f"training.batch_size={BATCH_SIZES[model]}"] if model in BATCH_SIZES else []
    own += [f"model.options.{name}=0.0" for name in _DROPPING if name in catalog.model_info(model).option_names]
    config = load_config(model, assignments=[*PLAIN, *own, *assignments])
    if catalog.model_info(model).task.targets != "class":  # the contenders' own loops know one loss, cross-entropy
        raise ZooError(f"--models={model}: the contenders train classifiers only; {model} predicts something else")
    return with_precision(config, resolved_precision(config.training.precision)[0])


def with_precision(config: Config, precision: str) -> Config:
    values = config.model_dump()
    values["training"]["precision"] = precision
    return validate(values, "benchmark")


def compare(config: Config, rounds: int = 5, contenders: Sequence[str] = ()) -> dict[str, Any]:
    """Let the contenders train the config's network, an epoch each a round, each in its process, one at a time.

    Args:
        config: from `plain_config`. The zoo trains at its precision and, where that is another, in float32; the others
            in float32.
        rounds: after one that is not counted, in which programs are compiled.
        contenders: of `CONTENDERS`; by default all that fit the network and are installed.

    Returns:
        {"model", "dataset", "examples", "batch_size", "parameters", "rounds", "threads", "contenders": {name:
        {"precision", "seconds" (median), "each_round", "divided_by": {name: {"median", "least", "most"}},
        "start_seconds", "first_epoch_seconds", "peak_memory_mib", "first_loss", …}}}; `divided_by` holds ratios of
        seconds, round by round, to the zoo's and to those of the matrix products alone.

    Raises:
        ZooError: a contender is unknown, not installed, or has no such network; the data cannot be had.
    """
    if rounds < 1:
        raise ZooError(f"--rounds={rounds}: at least 1 is needed")
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        from zoo.benchmark.zoo_loop import build_architecture

        architecture = pool.submit(build_architecture, config).result()
    chosen = _choose(contenders, architecture)
    workers: dict[str, Worker] = {}
    try:
        for name, (module, arguments) in _entries(chosen, config).items():
            shared = {"config": config, "architecture": architecture}
            _tell(config, f"starting {name}")
            workers[name] = Worker(name, module, shared | arguments)
        epochs: dict[str, list[dict]] = {name: [] for name in workers}
        for number in range(rounds + 1):
            for name in list(workers) if number % 2 else reversed(workers):
                epochs[name].append(workers[name].epoch())
                when = f"round {number}/{rounds}" if number else "first epoch"
                _tell(config, f"{when}: {name} {epochs[name][-1]['seconds']:.3f} s")
    finally:
        for worker in workers.values():
            worker.close()
    return _summary(config, workers, epochs)


def _tell(config: Config, message: str) -> None:
    print(f"{config.model.name}: {message}", file=sys.stderr, flush=True)


def _entries(chosen: list[str], config: Config) -> dict[str, tuple[str, dict[str, Any]]]:
    """Module and own arguments of each row: what has a precision of its own stands there once for each."""
    precisions = list(dict.fromkeys([config.training.precision, "float32"]))
    entries = {}
    for name in chosen:
        module, arguments, _ = CONTENDERS[name]
        if name in ("zoo", "arithmetic"):
            for precision in precisions:
                own = {"config": with_precision(config, precision)} if name == "zoo" else {"precision": precision}
                entries[f"{name} {precision}"] = (module, own)
        else:
            entries[name] = (module, arguments)
    return entries


def _choose(contenders: Sequence[str], architecture) -> list[str]:
    convolutional = any(
        layer.kind not in ("rescaling", "flatten", "reshape", "dense", "relu") for layer in architecture
    )
    chosen = []
    for name in contenders or CONTENDERS:
        if name not in CONTENDERS:
            raise ZooError(f"--contenders={name}: unknown; {nearest(name, CONTENDERS)}")
        package = CONTENDERS[name][2]
        obstacle = ""
        if name == "scikit_learn" and convolutional:
            obstacle = "MLPClassifier has dense layers only"
        elif name == "scikit_learn" and architecture[-1].output_shape[-1] == 2:
            obstacle = "MLPClassifier has one output for two classes"
        elif importlib.util.find_spec(package) is None:
            obstacle = f"{package} is not installed; pip install 'keras-model-zoo[benchmark]'"
        if obstacle and contenders:
            raise ZooError(f"--contenders={name}: {obstacle}")
        if obstacle:
            print(f"without {name}: {obstacle}", file=sys.stderr)
        else:
            chosen.append(name)
    return [name for name in CONTENDERS if name == "zoo" or name in chosen]


def _summary(config: Config, workers: dict[str, Worker], epochs: dict[str, list[dict]]) -> dict[str, Any]:
    counted = {name: [epoch["seconds"] for epoch in own[1:]] for name, own in epochs.items()}
    yardsticks = [name for name in counted if name.startswith(("zoo ", "arithmetic "))]
    rows = {}
    for name, seconds in counted.items():
        ratios = {yardstick: _divided(seconds, counted[yardstick]) for yardstick in yardsticks}
        rows[name] = {
            "precision": name.partition(" ")[2] or "float32",
            "seconds": statistics.median(seconds),
            "each_round": [round(value, 5) for value in seconds],
            "divided_by": ratios,
            "start_seconds": workers[name].start_seconds,
            "first_epoch_seconds": epochs[name][0]["seconds"],
            "peak_memory_mib": epochs[name][-1]["peak_memory_mib"],
        } | workers[name].facts
        if name.startswith(("zoo ", "keras")):  # no other reads its data through tf.data
            rows[name]["rounds_just_above_a_step_of_autotune"] = sum(map(just_above_a_step_of_autotune, seconds))
    first_zoo = workers[yardsticks[0]].facts
    return {
        "model": config.model.name,
        "dataset": config.dataset.name,
        "examples": first_zoo["examples"],
        "batch_size": config.training.batch_size,
        "parameters": first_zoo["parameters"],
        "rounds": len(counted[yardsticks[0]]),
        "threads": usable_cores(),
        "contenders": rows,
    }


def _divided(seconds: list[float], by: list[float]) -> dict[str, float]:
    ratios = [a / b for a, b in zip(seconds, by, strict=True)]
    return {"median": statistics.median(ratios), "least": min(ratios), "most": max(ratios)}


def just_above_a_step_of_autotune(seconds: float) -> bool:
    """Whether an epoch may have waited for tf.data's autotune thread, which wakes 10 ms × (2^k - 1) after its start."""
    return any(step <= seconds < 1.02 * step for step in _STEPS_OF_AUTOTUNE)


def _machine() -> dict[str, Any]:
    versions = {}
    for package in ("tensorflow", "keras", "torch", "scikit-learn", "numpy"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {"processor": platform.processor() or platform.machine(), "cores": usable_cores(), "versions": versions}
