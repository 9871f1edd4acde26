"""What a run says of itself in run.json."""

import os
import platform
import subprocess
import sys
import time

from zoo.command_words import typed
from zoo.config import Config
from zoo.processor import bfloat16_unit, peak_memory
from zoo.runs import Run
from zoo.settings import AugmentationSection
from zoo.shipped import shipped
from zoo.tasks import Training
from zoo.training import weight_pruning
from zoo.training.strategy import strategy_name
from zoo.version import __version__


def start_record(run: Run, config: Config, dataset, model, trainer, plan, strategy) -> None:
    """Write config.yaml and what run.json can say before the first step."""
    import keras
    import tensorflow as tf

    from zoo.training import adapters

    before = run.record if (run.path / "run.json").exists() else {}
    run.write_config(config.to_yaml())
    devices = [tf.config.experimental.get_device_details(d).get("device_name", d.name) for d in
               tf.config.list_physical_devices("GPU")]  # fmt: skip
    run.update_record(
        status="running",
        command=before.get("command") or typed(),
        resumed=before["resumed"] + 1 if before else 0,
        model=config.model.name,
        dataset=dataset.info.name,
        seed=config.training.seed,
        git_revision=git_revision(),
        versions={
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "zoo": __version__,
        },
        device=", ".join(devices) or f"CPU ({', '.join(filter(None, (f'{os.cpu_count()} cores', bfloat16_unit())))})",
        strategy=strategy_name(strategy),
        replicas=strategy.num_replicas_in_sync,
        process={"host": platform.node(), "id": os.getpid()},
        precision=config.training.precision,
        xla=bool(trainer.jit_compile),  # Keras may have refused it, as it does under determinism
        steps_per_call=plan.steps_per_call,
        parameters=adapters.count_parameters(model),
        data_digest=dataset.digest,
        data_report=dataset.report,
    )


def finish_record(run: Run, started: float, training: Training, trainer, history, checkpoints) -> str | None:
    """Close the record of a run that began, or went on, at `started` (`time.monotonic()`), and drop its checkpoints.

    Returns a line of advice where the training often waited for data.
    """
    if training.config.training.pruning:
        run.update_record(pruned=weight_pruning.sizes(training.model))
    waited = trainer.data_wait_seconds / max(history.seconds_of_training, 1e-9)
    run.update_record(
        status="finished",
        wall_seconds=wall_seconds(run, started),
        seconds_to_first_call=round((history.first_call_ended or time.monotonic()) - started, 2),
        data_wait_share=round(waited, 4),
        checkpoints_written=checkpoints.count,
        checkpoint_seconds=round(checkpoints.seconds_saving, 3),
        peak_memory_mib=peak_memory_mib(),
    )
    for checkpoint in run.checkpoints.glob("step-*.npz"):
        checkpoint.unlink()
    run.update_record(flops=flops(training.model))
    if waited <= 0.1:
        return None
    more = ", or leave a transform of dataset.augmentation out" if _augments(training.config) else ""
    return f"training waited for data {waited:.0%} of its time: the processor makes batches; give it more cores{more}"


def _augments(config) -> bool:
    return config.dataset.augmentation != AugmentationSection()


def flops(model) -> int | None:
    """As `count_flops`; None if counting fails, so that a finished training is not lost."""
    from zoo.evaluation.flops import count_flops

    try:
        return count_flops(model)
    except Exception as error:  # the model may be the user's: Keras and the profiler may raise anything
        print(f"floating-point operations not counted: {' '.join(str(error).split())[:200]}", file=sys.stderr)
        return None


def git_revision() -> str | None:
    """The commit of the zoo's own checkout, `+changes` where files differ from it; None where no git is."""
    folder = shipped("")
    if not (folder / ".git").exists():
        return None
    try:
        revision = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=True)
        changes = subprocess.run(
            ["git", "status", "--porcelain"], cwd=folder, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return revision.stdout.strip() + ("+changes" if changes.stdout.strip() else "")


def wall_seconds(run: Run, started: float) -> float:
    """Seconds since `started` (`time.monotonic()`), with those of the run before it was interrupted."""
    return round(time.monotonic() - started + run.record.get("wall_seconds", 0), 2)


def peak_memory_mib() -> int:
    """The most memory that this process has held."""
    return round(peak_memory() / 2**20)
