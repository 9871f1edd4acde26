"""What the environment says of a cluster: TF_CONFIG, Slurm's variables, TPU_NAME."""

import json
import os
import re

from zoo.command_words import command
from zoo.errors import ZooError
from zoo.safe_reading import parse_json

PORT_TAKEN = "another process has this port"
_FIRST_PORT, _PORTS = 12_000, 20_000  # below those that the system gives out by itself


def described_strategy() -> str | None:
    """The strategy that the environment asks for."""
    if len(cluster().get("worker", ())) + len(cluster().get("chief", ())) > 1:
        return "multi_worker"
    return "tpu" if os.environ.get("TPU_NAME") else None


def is_first_task() -> bool:
    """Whether the environment makes this process the first of its cluster: its job chief, else worker 0."""
    task = _tf_config().get("task", {})
    if "chief" in cluster():
        return task.get("type") == "chief"
    return task.get("index", 0) == 0


def cluster() -> dict:
    """The jobs of TF_CONFIG, or of a Slurm step, each with its addresses; empty without one."""
    return _tf_config().get("cluster", {})


def own_address() -> str:
    """host:port at which the others of the cluster seek this process."""
    config = _tf_config()
    return config["cluster"][config["task"]["type"]][config["task"]["index"]]


def publish() -> None:
    """Set TF_CONFIG to what Slurm says, for TensorFlow, whose own reading of it is wrong in many ways.

    It needs nvidia-smi, sorts n10 before n2, gives every job the same port, and replaces the GPUs that Slurm gave.
    """
    os.environ["TF_CONFIG"] = json.dumps(_tf_config())


def _tf_config() -> dict:
    text = os.environ.get("TF_CONFIG") or (json.dumps(_of_slurm()) if slurm_tasks() > 1 else "{}")
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


def _of_slurm() -> dict:
    """TF_CONFIG of a Slurm step, from its own variables: task by task, node by node, in Slurm's order.

    Raises:
        ZooError: a variable is missing or no such list, or the tasks do not lie node by node.
    """
    try:
        nodes = expand_hosts(os.environ["SLURM_STEP_NODELIST"])
        counts = expand_counts(os.environ["SLURM_STEP_TASKS_PER_NODE"])
        rank, job, step = (int(os.environ[f"SLURM_{name}"]) for name in ("PROCID", "JOB_ID", "STEP_ID"))
    except (KeyError, ValueError) as error:
        raise ZooError(f"Slurm's variables do not describe a step ({error}); start it by srun") from None
    hosts = [node for node, count in zip(nodes, counts, strict=False) for _ in range(count)]
    here = os.environ.get("SLURMD_NODENAME")
    if len(hosts) != slurm_tasks() or not 0 <= rank < len(hosts) or (here and hosts[rank] != here):
        raise ZooError(
            f"Slurm's task {rank} of {slurm_tasks()} does not lie where the order of the nodes puts it; give srun "
            "--distribution=block"
        )
    first = _FIRST_PORT + (job * 97 + step * 31) % _PORTS  # two jobs on a node do not meet
    addresses = [f"{host}:{first + number}" for number, host in enumerate(hosts)]
    return {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": rank}}


def expand_hosts(text: str) -> list[str]:
    """`n[2,10-11],m5` → `["n2", "n10", "n11", "m5"]`: Slurm's way to write names of nodes, in its order.

    Raises:
        ValueError: it is not written so.
    """
    hosts = []
    for part in re.findall(r"(?:[^,\[\]]+|\[[^\]]*\])+", text):
        names = [""]
        for plain, ranges in re.findall(r"([^\[\]]+)|\[([^\]]*)\]", part):
            endings = [plain] if plain else [end for each in ranges.split(",") for end in _range(each)]
            names = [name + ending for name in names for ending in endings]
        hosts += names
    return hosts


def _range(text: str) -> list[str]:
    low, _, high = text.partition("-")
    return [str(number).zfill(len(low)) for number in range(int(low), int(high or low) + 1)]


def expand_counts(text: str) -> list[int]:
    """`2(x3),1` → `[2, 2, 2, 1]`: Slurm's way to write how many tasks each node has.

    Raises:
        ValueError: it is not written so.
    """
    counts = []
    for part in text.split(","):
        count, _, times = part.rstrip(")").partition("(x")
        counts += [int(count)] * int(times or 1)
    return counts


def _index(task: dict) -> int:
    return task["index"] if isinstance(task.get("index"), int) else -1


def slurm_tasks() -> int:
    """How many processes Slurm has started together; 1 without Slurm."""
    return int(os.environ.get("SLURM_STEP_NUM_TASKS") or 1)
