"""Which devices train together: `--strategy` as a `tf.distribute` strategy, and what its workers do together."""

import functools
import os
import sys
import threading
from collections.abc import Callable

from zoo.command_words import command
from zoo.errors import ZooError
from zoo.quiet import import_tensorflow
from zoo.settings import TrainingSection
from zoo.training.cluster import PORT_TAKEN, cluster, described_strategy, is_first_task, own_address, publish
from zoo.training.combinations import check_combinations

_PEERS_SECONDS = 300


def refuse_early(settings: TrainingSection) -> None:
    """Check what needs no TensorFlow, whose import takes seconds.

    Raises:
        ZooError: the description of the cluster is missing or damaged, or a setting does not go with the strategy.
    """
    name = described_strategy() if settings.strategy == "auto" else settings.strategy
    check_combinations(name, settings)
    if name == "multi_worker" and not cluster():
        array = "a job array starts each task alone; " if os.environ.get("SLURM_ARRAY_JOB_ID") else ""
        raise ZooError(
            f"--strategy=multi_worker: no cluster is described; {array}set TF_CONFIG, start several tasks by Slurm's "
            f"srun, or try it here with {command('launch')} --workers=2 -- {command('train')} …"
        )


def refuse_workers(settings: TrainingSection, what: str) -> None:
    """Raises: ZooError: the settings or the environment ask for a cluster, and `what` runs in one process."""
    if (described_strategy() if settings.strategy == "auto" else settings.strategy) == "multi_worker":
        raise ZooError(f"{what} runs in one process; leave TF_CONFIG, srun and strategy multi_worker out")


def make_strategy(settings: TrainingSection):
    """The `tf.distribute.Strategy` that the settings and the environment ask for. Call it before any other TensorFlow.

    `auto` takes multi_worker where the environment describes a cluster (TF_CONFIG, or a Slurm step of several tasks),
    tpu where TPU_NAME is set, mirrored where there are several GPUs or virtual devices, else default.

    Raises:
        ZooError: devices or cluster are not there, or a setting does not go with the strategy.
    """
    import tensorflow as tf

    refuse_early(settings)
    name = settings.strategy if settings.strategy != "auto" else _automatic(settings)
    check_combinations(name, settings)
    _configure_devices(settings)
    if name == "default" and (settings.devices or 1) > 1:
        raise ZooError(f"--devices={settings.devices} needs --strategy=mirrored; default is one device")
    if name == "multi_worker":  # it must come before TensorFlow starts
        strategy = _multi_worker()
    else:
        import_tensorflow()
        strategy = {
            "default": tf.distribute.get_strategy,
            "mirrored": lambda: _mirrored(tuple(_devices(settings.devices))),
            "tpu": _tpu,
        }[name]()
    _check_batch_size(settings, strategy.num_replicas_in_sync)
    return strategy


def strategy_name(strategy) -> str:
    """One of `STRATEGIES`."""
    import tensorflow as tf

    kinds = {
        tf.distribute.MultiWorkerMirroredStrategy: "multi_worker",
        tf.distribute.MirroredStrategy: "mirrored",
        tf.distribute.TPUStrategy: "tpu",
    }
    return next((name for kind, name in kinds.items() if isinstance(strategy, kind)), "default")


def is_chief(strategy) -> bool:
    """Whether this process is the one that writes: the only one, or the first of a cluster."""
    return strategy_name(strategy) != "multi_worker" or is_first_task()


def total(strategy, values):
    """`float32[…]` of this worker, summed over all workers, which must all call this."""
    import tensorflow as tf

    if strategy_name(strategy) != "multi_worker":
        return values
    sums = _sum_over_workers_of(strategy)(tf.constant(values, tf.float32))
    return strategy.experimental_local_results(sums)[0].numpy()


@functools.cache
def _sum_over_workers_of(strategy):
    import tensorflow as tf

    def on_replica(values):
        context = tf.distribute.get_replica_context()
        first_of_worker = context.replica_id_in_sync_group % len(strategy.extended.worker_devices) == 0
        return context.all_reduce("SUM", tf.where(first_of_worker, values, tf.zeros_like(values)))

    return tf.function(lambda values: strategy.run(on_replica, args=(values,)), autograph=False)


def refuse_disagreement(strategy, start_step: int) -> None:
    """Raises: ZooError: the workers would start at different steps; all of them must call this."""
    steps = total(strategy, [float(start_step), 1.0])
    if steps[0] != start_step * steps[1]:
        raise ZooError(
            f"the workers do not see the same checkpoints (this one is at step {start_step}); --runs_dir must be a "
            "folder that all of them share"
        )


def distribute(strategy, build: Callable):
    """The dataset of `build(shard)`, a pipeline for each worker; a `zoo.datasets.pipeline.Shard` names its replicas.

    `build` must give one element for each replica in turn: the shares of one global batch follow each other.
    """
    from zoo.datasets.pipeline import Shard

    if strategy_name(strategy) == "default":
        return build(Shard())

    def for_worker(context):
        count = context.num_replicas_in_sync // context.num_input_pipelines
        return build(Shard(context.input_pipeline_id * count, count, context.num_replicas_in_sync))

    return strategy.distribute_datasets_from_function(for_worker)


def _automatic(settings: TrainingSection) -> str:
    import tensorflow as tf

    count = settings.devices or settings.virtual_devices or len(tf.config.list_physical_devices("GPU"))
    return described_strategy() or ("mirrored" if count > 1 else "default")


def _configure_devices(settings: TrainingSection) -> None:
    import tensorflow as tf

    try:
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
        if settings.virtual_devices:
            cpu = tf.config.list_physical_devices("CPU")[0]
            parts = [tf.config.LogicalDeviceConfiguration()] * settings.virtual_devices
            tf.config.set_logical_device_configuration(cpu, parts)
    except (RuntimeError, ValueError):  # TensorFlow runs already, with devices of an earlier training
        available = len(tf.config.list_logical_devices("CPU"))
        if settings.virtual_devices and available != settings.virtual_devices:
            raise ZooError(
                f"training.virtual_devices={settings.virtual_devices}: TensorFlow runs in this process with "
                f"{available} already; start a new one"
            ) from None


def _devices(count: int | None) -> list[str]:
    import tensorflow as tf

    names = [device.name for device in tf.config.list_logical_devices("GPU")]
    names = names or [device.name for device in tf.config.list_logical_devices("CPU")]
    if count and count > len(names):
        raise ZooError(
            f"--devices={count}: there are {len(names)} ({', '.join(names[:4])}); for trials on a CPU, "
            f"--virtual_devices={count}"
        )
    return names[:count]


# A second strategy in one process would number its exchanges from the start again. TensorFlow would confuse them with
# those of the first: "Shape mismatch in the collective instance".
@functools.cache
def _mirrored(devices: tuple[str, ...]):
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(devices)


@functools.cache
def _multi_worker():
    import tensorflow as tf

    publish()
    # TensorFlow waits for its peers for ever, and does not react to SIGTERM.
    watchdog = threading.Timer(_PEERS_SECONDS, _give_up)
    watchdog.daemon = True
    watchdog.start()
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(tf.distribute.cluster_resolver.TFConfigClusterResolver())
    except tf.errors.UnknownError as error:
        if "Could not start gRPC server" not in str(error):
            raise
        raise ZooError(f"{own_address()}: {PORT_TAKEN}; name another in TF_CONFIG") from None
    finally:
        watchdog.cancel()


def _give_up() -> None:
    print(
        f"error: not all workers of the cluster came within {_PEERS_SECONDS} s; start all of them, and check the "
        "addresses in TF_CONFIG and the firewall",
        file=sys.stderr,
        flush=True,
    )
    os._exit(2)


def _tpu():
    import tensorflow as tf

    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect(os.environ.get("TPU_NAME", "local"))
    except (ValueError, tf.errors.OpError) as error:
        raise ZooError(f"--strategy=tpu: no TPU answers ({str(error).splitlines()[0]}); set TPU_NAME") from None
    return tf.distribute.TPUStrategy(resolver)


def _check_batch_size(settings: TrainingSection, replicas: int) -> None:
    parts = settings.optimizer.gradient_accumulation_steps
    unit = replicas * parts
    if settings.batch_size % unit and "batch_size" not in settings.fit_to_rows:
        nearest = max(1, round(settings.batch_size / unit)) * unit
        what = " times ".join(
            f"{count} {name}"
            for count, name in ((replicas, "replicas"), (parts, "gradient_accumulation_steps"))
            if count > 1
        )
        raise ZooError(
            f"training.batch_size {settings.batch_size} is the global one and no multiple of {what}; "
            f"the nearest that is: --batch_size={nearest}"
        )
