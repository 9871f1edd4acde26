"""Manifests for Kubernetes: the same training on several pods, which find each other by name."""

import io
import json
import re
from typing import Any

from zoo.command_words import command
from zoo.errors import ZooError, shortened

_PORT = 2222
_INDEX = "metadata.annotations['batch.kubernetes.io/job-completion-index']"
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,30}[a-z0-9])?")
_SAVING_SECONDS = 120
# Exit status 2 is a mistake of the user, which would come again.
_MISTAKES = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [2]}}
# A node that is drained, or pods of more weight, are no failure.
_MOVED_PODS = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
_FINAL = {"name": "mistakes", "action": "FailJobSet", "onJobFailureReasons": ["PodFailurePolicy"]}


def manifests(
    trained: list[str], workers: int, max_restarts: int, image: str, name: str, kind: str, volume: str
) -> str:
    """YAML for `kubectl apply -f -`.

    A `job` needs no operator: each pod that ended is started again, when its peers have ended too. A `jobset` (of
    JobSet, https://jobset.sigs.k8s.io) starts all pods again together.

    Args:
        trained: the command that trains.
        workers: how many pods.
        max_restarts: how often all pods may be started again.
        image: with the zoo in it.
        name: of all that is made.
        kind: job or jobset.
        volume: a PersistentVolumeClaim that all pods may write, mounted as /shared.

    Raises:
        ZooError: an argument is no name, or the command does not resume.
    """
    from ruamel.yaml import YAML

    _refuse(trained, image, name, volume)
    template = {"metadata": {"labels": {"app": name}}, "spec": _pod(trained, workers, image, name, kind, volume)}
    job = {
        "completions": workers,
        "parallelism": workers,
        "completionMode": "Indexed",
        # Without its peers a worker ends too, and each end counts.
        "backoffLimit": workers * max_restarts if kind == "job" else 0,
        "podReplacementPolicy": "Failed",  # else a name stands for two pods for a while
        "podFailurePolicy": {"rules": [_MISTAKES, _MOVED_PODS]},
        "template": template,
    }
    if kind == "job":
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name},
            # Peers must find a pod that is not ready yet: it is ready once it has found them.
            "spec": {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": {"app": name}},
        }
        documents = [service, {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": job}]
    else:
        jobset = {
            "failurePolicy": {"maxRestarts": max_restarts, "rules": [_FINAL]},
            "network": {"enableDNSHostnames": True, "publishNotReadyAddresses": True},
            "replicatedJobs": [{"name": "worker", "replicas": 1, "template": {"spec": job}}],
        }
        documents = [
            {"apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "metadata": {"name": name}, "spec": jobset}
        ]
    yaml, text = YAML(), io.StringIO()
    yaml.width = 1000
    yaml.representer.ignore_aliases = lambda _: True
    yaml.dump_all(documents, text)
    return text.getvalue()


def addresses(workers: int, name: str, kind: str) -> list[str]:
    """host:port of each worker, as the cluster's names will be."""
    host = f"{name}-{{}}.{name}" if kind == "job" else f"{name}-worker-0-{{}}.{name}"
    return [f"{host.format(number)}:{_PORT}" for number in range(workers)]


def _pod(trained: list[str], workers: int, image: str, name: str, kind: str, volume: str) -> dict[str, Any]:
    cluster = json.dumps({"worker": addresses(workers, name, kind)})
    # Kubernetes puts the number of the pod into the text; without a shell, signals reach Python.
    config = f'{{"cluster": {cluster}, "task": {{"type": "worker", "index": $(WORKER_INDEX)}}}}'
    container = {
        "name": "worker",
        "image": image,
        "command": trained,
        "env": [
            {"name": "WORKER_INDEX", "valueFrom": {"fieldRef": {"fieldPath": _INDEX}}},
            {"name": "TF_CONFIG", "value": config},
            {"name": "PYTHONUNBUFFERED", "value": "1"},
        ],
        "ports": [{"containerPort": _PORT}],
        "volumeMounts": [{"name": "shared", "mountPath": "/shared"}],
    }
    pod = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": _SAVING_SECONDS,
        "containers": [container],
        "volumes": [{"name": "shared", "persistentVolumeClaim": {"claimName": volume}}],
    }
    return pod | ({"subdomain": name} if kind == "job" else {})


def _refuse(trained: list[str], image: str, name: str, volume: str) -> None:
    if not trained:
        raise ZooError(
            f"launch what? {command('launch')} --engine=kubernetes --image=IMAGE --print -- {command('train')} "
            "--model=NAME --runs_dir=/shared/runs --resume=auto"
        )
    if not image or not re.fullmatch(r"[\w./:@-]+", image):
        raise ZooError(f"--image={shortened(image or '')}: the name of an image with the zoo in it is needed")
    for flag, value in (("name", name), ("volume", volume)):
        if not _NAME.fullmatch(value):
            raise ZooError(
                f"--{flag}={shortened(value)}: lower-case letters, digits and hyphens, at most 32, and a letter first"
            )
    if "--resume=auto" not in trained:
        raise ZooError("--engine=kubernetes: add --resume=auto to the command, or pods would begin anew each time")
    if not any(word.startswith("--runs_dir=/shared") for word in trained):
        raise ZooError("--engine=kubernetes: add --runs_dir=/shared/runs to the command; pods share nothing else")
