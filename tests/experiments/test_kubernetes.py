"""launch.py --engine=kubernetes: what it prints is valid, and pods made of it train together."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from ruamel.yaml import YAML

import zoo

REPOSITORY = pathlib.Path(__file__).parents[2]
TRAIN = ["scripts/train.py", "--model=binary_mlp", "--runs_dir=/shared/runs", "--resume=auto"]


def printed(run_script, *flags, command=("python", *TRAIN)):
    done = run_script("launch", "--engine=kubernetes", "--image=r.example.org/zoo:1", "--print", *flags, "--", *command)
    assert done.returncode == 0, done.stderr
    return list(YAML(typ="safe").load_all(done.stdout))


@pytest.mark.parametrize("version", ["1.32", "1.37"])
def test_a_job_is_what_kubernetes_takes(run_script, version):
    validate = pytest.importorskip("kubernetes_validate").validate
    service, job = printed(run_script, "--workers=8", "--name=night")
    for document in (service, job):
        validate(document, version, strict=True)
    assert service["spec"]["clusterIP"] == "None" and job["spec"]["template"]["spec"]["subdomain"] == "night"
    assert service["spec"]["selector"].items() <= job["spec"]["template"]["metadata"]["labels"].items()
    assert job["spec"]["completions"] == 8 and job["spec"]["podReplacementPolicy"] == "Failed"


def test_a_jobset_is_what_its_operator_takes(run_script):
    models = pytest.importorskip("kubeflow_trainer_api.models")
    validate = pytest.importorskip("kubernetes_validate").validate
    (jobset,) = printed(run_script, "--kind=jobset", "--workers=3", "--max_restarts=4")
    read = models.JobsetV1alpha2JobSet.from_dict(jobset)
    assert read.spec.failure_policy.max_restarts == 4 and read.spec.replicated_jobs[0].replicas == 1
    job = jobset["spec"]["replicatedJobs"][0]["template"] | {"apiVersion": "batch/v1", "kind": "Job"}
    validate(job | {"metadata": {"name": "x"}}, "1.37", strict=True)


@pytest.mark.parametrize(
    ("flags", "command", "words"),
    [
        (["--print", "--image=a"], ["python", "train.py", "--runs_dir=/shared/runs"], "--resume=auto"),
        (["--print", "--image=a"], ["python", "train.py", "--resume=auto"], "--runs_dir=/shared"),
        (["--print"], ["python", *TRAIN], "--image"),
        (["--print", "--image=a;b"], ["python", *TRAIN], "--image"),
        (["--print", "--image=a", "--name=My_Job"], ["python", *TRAIN], "--name"),
        (["--image=a"], ["python", *TRAIN], "add --print"),
        (["--print", "--image=a"], [], "launch what?"),
    ],
)
def test_mistakes_are_one_line(run_script, flags, command, words):
    done = run_script("launch", "--engine=kubernetes", *flags, "--", *command)
    assert (done.returncode, done.stderr.count("\n"), done.stdout) == (2, 1, "") and words in done.stderr


def test_print_is_for_kubernetes(run_script):
    done = run_script("launch", "--print", "--", "python", *TRAIN)
    assert done.returncode == 2 and "--engine=kubernetes" in done.stderr


class Pod:
    """A process with a pod's command, its environment, and a file of names of its own in place of the cluster's."""

    def __init__(self, container, index, folder, names):
        variables = {"WORKER_INDEX": str(index)}
        for variable in container["env"][1:]:
            variables[variable["name"]] = variable["value"].replace("$(WORKER_INDEX)", str(index))
        # All pods share the ports of this machine.
        config = json.loads(variables["TF_CONFIG"])
        config["cluster"]["worker"] = [
            address.replace(":2222", f":{2222 + number}") for number, address in enumerate(config["cluster"]["worker"])
        ]
        variables["TF_CONFIG"] = json.dumps(config)
        self.hosts = folder / f"hosts-{index}"
        self.hosts.write_text("127.0.0.1 localhost\n" + names)
        words = [word.replace("/shared", str(folder)) for word in container["command"]]
        inside = f'mount --bind {self.hosts} /etc/hosts && exec "$@"'
        self.log = folder / f"pod-{index}.log"
        environment = os.environ | variables | {"PYTHONPATH": str(REPOSITORY)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", inside, "sh", *words], cwd=REPOSITORY, env=environment, stdout=log,
                stderr=log,
            )  # fmt: skip


@pytest.mark.slow
def test_pods_find_late_names_and_go_on_after_a_death(run_script, tmp_path):
    """Names of peers appear after the start; then a worker dies, its peer ends, and new pods of their names go on."""
    if os.geteuid() or subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("needs root and namespaces")
    more = ["--epochs=12", "--set=training.deterministic=true", "--set=training.checkpoint_minutes=0"]
    command = [sys.executable, str(REPOSITORY / "scripts/train.py"), *TRAIN[1:], *more]
    _, job = printed(run_script, "--workers=2", command=command)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    own = ["127.0.0.1 zoo-0.zoo\n", "127.0.0.1 zoo-1.zoo\n"]

    def finished(folder):
        (path,) = (folder / "runs/binary_mlp").iterdir()
        run = zoo.runs.open_run(path)
        assert (run.record["status"], run.record["replicas"]) == ("finished", 2)
        return np.concatenate([w.ravel() for w in zoo.load_model(run).model.get_weights()]), run.record["resumed"]

    (tmp_path / "whole").mkdir()
    pods = [Pod(container, index, tmp_path / "whole", own[index]) for index in range(2)]
    time.sleep(5)
    for pod in pods:
        pod.hosts.write_text("127.0.0.1 localhost\n" + "".join(own))
    assert [pod.process.wait(timeout=300) for pod in pods] == [0, 0], pods[0].log.read_text()[-3000:]

    folder = tmp_path / "killed"
    folder.mkdir()
    pods = [Pod(container, index, folder, "".join(own)) for index in range(2)]
    deadline = time.monotonic() + 200
    while not list(folder.glob("runs/binary_mlp/*/checkpoints/step-*.npz")):
        assert time.monotonic() < deadline and pods[0].process.poll() is None, pods[0].log.read_text()[-3000:]
        time.sleep(0.05)
    pods[1].process.send_signal(signal.SIGKILL)
    assert pods[0].process.wait(timeout=100) not in (0, 2), "its peer ends, and not as by a mistake of the user"
    pods[1].process.wait()
    pods = [Pod(container, index, folder, "".join(own)) for index in range(2)]
    assert [pod.process.wait(timeout=300) for pod in pods] == [0, 0], pods[0].log.read_text()[-3000:]
    (weights, resumed), (expected, _) = finished(folder), finished(tmp_path / "whole")
    assert resumed == 1
    np.testing.assert_array_equal(weights, expected)
