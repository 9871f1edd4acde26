"""A real Slurm on this machine: two tasks train together, and a job that is stopped ends where an undisturbed one does.

It needs root and Debian's packages: apt-get install --no-install-recommends slurm-wlm munge
"""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import numpy as np
import pytest

import zoo

pytestmark = pytest.mark.slow

REPOSITORY = pathlib.Path(__file__).parents[2]
_CONF = """\
ClusterName=zoo
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdSpoolDir={folder}/spool
SlurmdPidFile={folder}/slurmd.pid
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
JobRequeue=1
SlurmdParameters=config_overrides
NodeName=localhost NodeHostname={host} NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


@pytest.fixture(scope="module")
def slurm():
    """A cluster of one node, under a folder that the user munge may enter; the variables that lead to it."""
    if os.geteuid() or not all(map(shutil.which, ("slurmctld", "slurmd", "munged", "runuser"))):
        pytest.skip("needs root and Slurm: apt-get install --no-install-recommends slurm-wlm munge")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="zoo-slurm-", dir="/tmp"))
    folder.chmod(0o755)
    with socket.socket() as one, socket.socket() as other:
        ports = [each.bind(("127.0.0.1", 0)) or each.getsockname()[1] for each in (one, other)]
    host = socket.gethostname().split(".")[0]
    (folder / "slurm.conf").write_text(_CONF.format(host=host, folder=folder, ports=ports))
    (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")
    (folder / "state").mkdir()
    munge = folder / "munge"
    munge.mkdir()
    (munge / "key").write_bytes(os.urandom(128))
    (munge / "key").chmod(0o400)
    for path in (munge, munge / "key"):
        shutil.chown(path, "munge", "munge")
    files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    options = [f"--{name}={munge / file}" for name, file in files.items()]
    environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf"), "PYTHONPATH": str(REPOSITORY)}
    environment.pop("TF_CONFIG", None)
    try:
        for daemon in (
            ["runuser", "-u", "munge", "--", "munged", *options],
            ["slurmctld"],
            ["slurmd", "-N", "localhost"],
        ):
            subprocess.run(daemon, check=True, env=environment, timeout=30)
        wait_for(lambda: "idle" in said(["sinfo", "-h", "-o", "%T"], environment), 60)
    except (subprocess.SubprocessError, AssertionError) as error:  # a container that allows no daemons
        stop(folder)
        pytest.skip(f"Slurm does not start here: {error}")
    yield environment
    subprocess.run(["scancel", "--user=root", "--signal=KILL"], env=environment)
    time.sleep(1)
    stop(folder)


def stop(folder):
    for file in ("slurmd.pid", "slurmctld.pid", "munge/pid"):
        if (folder / file).exists():
            os.kill(int((folder / file).read_text()), signal.SIGTERM)
    time.sleep(1)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    """The job script of the guide, with a training of our own in it."""
    guide = (REPOSITORY / "docs/scaling.md").read_text()
    text = next(block for block in re.findall(r"((?:    .*\n|\n)+)", guide) if "#SBATCH" in block)
    lines = [line.removeprefix("    ") for line in text.strip("\n").split("\n")]
    (train,) = [line for line in lines if "scripts/train.py" in line]
    settings = (
        "--model=binary_mlp --epochs=20 --batch_size=1000 --set training.deterministic=true "
        "--set training.checkpoint_minutes=0 --set training.early_stopping=null"
    )
    ours = train.replace("python scripts/train.py", f"{sys.executable} {REPOSITORY / 'scripts/train.py'}")
    ours = ours.replace("--model=mnist_cnn", settings).replace("/shared/runs", "$RUNS")
    script = "\n".join(lines).replace(train, ours) + "\n"
    return (
        script.replace("--nodes=4", "--nodes=1")
        .replace("--ntasks-per-node=1", "--ntasks=2")
        .replace(" --gpus-per-node=8", "")
    )


def said(command, environment):
    return subprocess.run(command, env=environment, capture_output=True, text=True).stdout


def wait_for(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)


def submit(script, folder, slurm):
    """The number of the job, whose log is job.log."""
    folder.mkdir()
    (folder / "job.sh").write_text(script)
    command = ["sbatch", "--parsable", f"--output={folder}/job.log", str(folder / "job.sh")]
    environment = slurm | {"RUNS": str(folder / "runs")}
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def state(job, slurm):
    found = re.search(r"JobState=(\w+).*?Restarts=(\d+)", said(["scontrol", "show", "job", job], slurm), re.S)
    return found.group(1), int(found.group(2))


def finish(job, slurm, folder, seconds=600):
    wait_for(lambda: state(job, slurm)[0] in ("COMPLETED", "FAILED"), seconds)
    log = (folder / "job.log").read_text()
    assert state(job, slurm)[0] == "COMPLETED", log[-3000:]
    (path,) = (folder / "runs/binary_mlp").iterdir()
    run = zoo.runs.open_run(path)
    assert run.record["status"] == "finished" and run.record["replicas"] == 2
    return np.concatenate([w.ravel() for w in zoo.load_model(run).model.get_weights()]), run.record["resumed"]


@pytest.fixture(scope="module")
def undisturbed(slurm, script, tmp_path_factory):
    folder = tmp_path_factory.mktemp("slurm") / "whole"
    return finish(submit(script, folder, slurm), slurm, folder)[0]


def training(folder, epochs):
    """Whether so many epochs have been trained."""
    histories = list(folder.glob("runs/binary_mlp/*/history.csv"))
    return histories and histories[0].read_text().count("\n") > epochs


@pytest.mark.parametrize("event", ["requeue", "killed task"])
def test_a_stopped_job_ends_where_an_undisturbed_one_does(slurm, script, undisturbed, tmp_path, event):
    folder = tmp_path / "job"
    job = submit(script, folder, slurm)
    wait_for(lambda: training(folder, 3), 400)
    if event == "requeue":
        assert subprocess.run(["scontrol", "requeue", job], env=slurm).returncode == 0
    else:
        tasks = subprocess.run(["pgrep", "-f", f"runs_dir={folder}"], capture_output=True, text=True).stdout.split()
        os.kill(int(tasks[-1]), signal.SIGKILL)
    wait_for(lambda: state(job, slurm)[1] == 1, 300)
    weights, resumed = finish(job, slurm, folder)
    assert resumed == 1
    if event == "requeue":  # a worker whose peer was killed says so by TensorFlow's own error
        assert "Traceback" not in (folder / "job.log").read_text()
    np.testing.assert_array_equal(weights, undisturbed)
    assert subprocess.run(["pgrep", "-f", f"runs_dir={folder}"], capture_output=True).returncode == 1


def test_a_mistake_is_not_tried_again(slurm, script, tmp_path):
    folder = tmp_path / "job"
    job = submit(script.replace("--model=binary_mlp", "--model=no_such"), folder, slurm)
    wait_for(lambda: state(job, slurm)[0] == "FAILED", 300)
    assert state(job, slurm)[1] == 0 and "unknown model" in (folder / "job.log").read_text()
