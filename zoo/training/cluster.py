"""What the environment says of a cluster: TF_CONFIG, Slurm's variables, TPU_NAME."""

import os

from zoo.command_words import command
from zoo.errors import ZooError
from zoo.safe_reading import parse_json


def described_strategy() -> str | None:
    """The strategy that the environment asks for."""
    if len(cluster().get("worker", ())) + len(cluster().get("chief", ())) > 1 or slurm_tasks() > 1:
        return "multi_worker"
    return "tpu" if os.environ.get("TPU_NAME") else None


def is_first_task() -> bool:
    """Whether the environment makes this process the first of its cluster: its job chief, else worker 0."""
    task = _tf_config().get("task", {})
    if "chief" in cluster():
        return task.get("type") == "chief"
    return (task.get("index") or int(os.environ.get("SLURM_PROCID") or 0)) == 0


def cluster() -> dict:
    """TF_CONFIG's jobs, each with its addresses; empty without one."""
    return _tf_config().get("cluster", {})


def _tf_config() -> dict:
    text = os.environ.get("TF_CONFIG") or "{}"
    try:
        config = dict(parse_json(text, "TF_CONFIG"))
    except (ZooError, ValueError, TypeError):
        raise ZooError(f"TF_CONFIG is not a JSON object: {text[:60]!r}; {command('launch')} sets a right one") from None
    jobs, task = config.get("cluster", {}), config.get("task", {})
    described = isinstance(jobs, dict) and all(isinstance(addresses, list) for addresses in jobs.values())
    if not described or not isinstance(task, dict):
        raise ZooError(
            'TF_CONFIG: write {"cluster": {"worker": ["host:port", …]}, "task": {"type": "worker", "index": 0}}, with '
            f"the index of each worker; given: {text[:60]!r}"
        )
    if jobs and not 0 <= _index(task) < len(jobs.get(task.get("type"), ())):
        raise ZooError(f"TF_CONFIG: the cluster has no task {task}; its jobs: {', '.join(sorted(jobs))}")
    return config


def _index(task: dict) -> int:
    return task["index"] if isinstance(task.get("index"), int) else -1


def slurm_tasks() -> int:
    """How many processes Slurm has started together; 1 without Slurm."""
    return int(os.environ.get("SLURM_STEP_NUM_TASKS") or 1)
