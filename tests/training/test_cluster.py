"""What the environment says of a cluster: TF_CONFIG as it is, Slurm's variables made into one."""

import json

import pytest

from zoo.errors import ZooError
from zoo.training import cluster

STEP = {
    "SLURM_STEP_NUM_TASKS": "5", "SLURM_STEP_NODELIST": "n[2,10-11]", "SLURM_STEP_TASKS_PER_NODE": "2(x2),1",
    "SLURM_PROCID": "3", "SLURM_JOB_ID": "41", "SLURM_STEP_ID": "0", "SLURMD_NODENAME": "n10",
}  # fmt: skip


@pytest.fixture
def step(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)

    def give(**changes):
        for name, value in (STEP | changes).items():
            monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)

    return give


def test_a_step_is_a_cluster_in_slurms_own_order(step):
    """n10 comes after n2, tasks of one node have ports of their own."""
    step()
    addresses = cluster.cluster()["worker"]
    assert [address.split(":")[0] for address in addresses] == ["n2", "n2", "n10", "n10", "n11"]
    assert len({address.split(":")[1] for address in addresses}) == 5
    assert cluster.described_strategy() == "multi_worker" and not cluster.is_first_task()
    step(SLURM_JOB_ID="42")
    assert not {a.split(":")[1] for a in addresses} & {a.split(":")[1] for a in cluster.cluster()["worker"]}
    step(SLURM_PROCID="0", SLURMD_NODENAME="n2")
    assert cluster.is_first_task()


def test_tensorflow_is_told_and_tf_config_wins(step, monkeypatch):
    step()
    monkeypatch.setenv("TF_CONFIG", "")
    cluster.publish()
    assert json.loads(cluster.os.environ["TF_CONFIG"])["task"] == {"type": "worker", "index": 3}
    own = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(own))
    assert cluster.cluster() == own["cluster"]


@pytest.mark.parametrize(
    "changes",
    [
        {"SLURM_STEP_NODELIST": None}, {"SLURM_STEP_NODELIST": "n[2-"}, {"SLURM_STEP_TASKS_PER_NODE": "two"},
        {"SLURM_STEP_NUM_TASKS": "4"}, {"SLURM_PROCID": "9"}, {"SLURM_PROCID": "1", "SLURMD_NODENAME": "n10"},
    ],
)  # fmt: skip
def test_a_step_that_does_not_fit_together_is_one_line(step, changes):
    """The last is srun --distribution=cyclic: each worker would be sought on another one's node."""
    step(**changes)
    with pytest.raises(ZooError, match="srun"):
        cluster.cluster()


def test_one_task_or_a_job_array_is_no_cluster(step):
    step(SLURM_STEP_NUM_TASKS="1", SLURM_ARRAY_JOB_ID="7")
    assert cluster.cluster() == {} and cluster.described_strategy() is None


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("m5", ["m5"]),
        ("n[2,10-11],m5", ["n2", "n10", "n11", "m5"]),
        ("gpu[008-010]", ["gpu008", "gpu009", "gpu010"]),
        ("r[1-2]n[0-1]", ["r1n0", "r1n1", "r2n0", "r2n1"]),
        ("a-b[1-2].cluster,c-1", ["a-b1.cluster", "a-b2.cluster", "c-1"]),
    ],
)
def test_names_of_nodes(text, hosts):
    assert cluster.expand_hosts(text) == hosts


def test_a_job_array_is_told_that_its_tasks_are_alone(run_script):
    done = run_script("train", "--model=xor_mlp", "--strategy=multi_worker", SLURM_ARRAY_JOB_ID="4")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1) and "job array" in done.stderr
