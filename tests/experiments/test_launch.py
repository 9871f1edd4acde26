"""scripts/launch.py as a user runs it: none of the workers outlives the others."""

import functools
import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

PRINT_TASK = "import json, os; print('task', json.loads(os.environ['TF_CONFIG'])['task']['index'])"


@pytest.fixture
def launch(run_script):
    return functools.partial(run_script, "launch", fresh=True)


def processes_with(mark):
    """Ids of the processes whose command line holds the mark, but not of this test."""
    done = subprocess.run(["pgrep", "-f", mark], capture_output=True, text=True)
    return [int(line) for line in done.stdout.split() if int(line) != os.getpid()]


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_every_worker_has_its_task_and_its_log(launch, tmp_path):
    done = launch("--workers=3", "--", sys.executable, "-c", PRINT_TASK)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == ["[worker 1] task 1", "[worker 2] task 2", "task 0"]
    assert [(tmp_path / "logs" / f"worker-{i}.log").read_text() for i in range(3)] == [f"task {i}\n" for i in range(3)]


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core")
def test_workers_of_one_thread_have_cores_of_their_own(launch):
    program = "import os, time; time.sleep(0.5); print(os.sched_getaffinity(0))"
    done = launch("--workers=2", "--threads=1", "--", sys.executable, "-c", program)
    first, second = (line.removeprefix("[worker 1] ") for line in done.stdout.splitlines())
    assert first != second and "," not in first + second


def test_one_that_dies_ends_all_and_gives_the_status(launch, tmp_path):
    mark = f"mark-{tmp_path.name}-{os.getpid()}"
    program = (
        "import json, os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600) # {mark}'])\n"
        "if json.loads(os.environ['TF_CONFIG'])['task']['index'] == 1: sys.exit(3)\n"
        f"time.sleep(600) # {mark}\n"
    )
    done = launch("--workers=3", "--", sys.executable, "-c", program, timeout=60)
    assert done.returncode == 3
    assert processes_with(mark) == []


def test_restarts_are_counted_and_resume(launch, tmp_path):
    program = "import sys; print(sys.argv[1:]); sys.exit(1)"
    done = launch("--workers=1", "--max_restarts=2", "--", sys.executable, "-c", program)
    assert done.returncode == 1
    assert done.stdout.splitlines() == ["[]", "['--resume=auto']", "['--resume=auto']"]
    assert "restart 2 of 2" in done.stderr


def test_a_mistake_of_the_user_is_not_repeated(launch):
    done = launch("--workers=1", "--max_restarts=5", "--", sys.executable, "-c", "import sys; sys.exit(2)")
    assert (done.returncode, done.stderr) == (2, "")


def test_a_worker_that_hangs_is_told_and_ends_all(tmp_path):
    mark = f"mark-{tmp_path.name}-{os.getpid()}"
    launcher = os.path.join(os.path.dirname(__file__), "../../scripts/launch.py")
    program = f"import os, time; print(os.getpid(), flush=True); time.sleep(600) # {mark}"
    command = [sys.executable, launcher, "--workers=2", "--", sys.executable, "-c", program]
    log = tmp_path / "logs/worker-1.log"
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        wait_for(lambda: log.exists() and log.read_text().endswith("\n"))
        started = time.monotonic()
        os.kill(int(log.read_text()), signal.SIGSTOP)
        stderr = process.stderr.read()
        assert process.wait() == 128 + signal.SIGKILL
    assert time.monotonic() - started < 15
    assert stderr.count("\n") == 1 and "has been stopped for 10 s" in stderr
    assert processes_with(mark) == []


def test_a_port_that_another_process_took_is_no_end(launch, tmp_path):
    """The first time each worker finds its address taken, as a real one does; the second time with other addresses."""
    program = (
        "import json, os, pathlib, sys\n"
        "config = json.loads(os.environ['TF_CONFIG'])\n"
        "seen = pathlib.Path(f\"seen-{config['task']['index']}\")\n"
        "if seen.exists(): sys.exit(seen.read_text() == str(config['cluster']))\n"
        "seen.write_text(str(config['cluster']))\n"
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])\n"
    )
    (tmp_path / "workers.py").write_text(program)
    says = "import sys; from zoo.training.cluster import PORT_TAKEN; sys.exit('error: a:1: ' + PORT_TAKEN)"
    done = launch("--workers=2", "--", sys.executable, "workers.py", "-c", says)
    assert done.returncode == 0, done.stderr
    assert "once more with others" in done.stderr and "restart" not in done.stderr


@pytest.mark.slow
def test_a_port_that_is_taken_is_one_line(run_script):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        config = {"cluster": {"worker": [taken, "127.0.0.1:1"]}, "task": {"type": "worker", "index": 0}}
        done = run_script("train", "--model=xor_mlp", TF_CONFIG=json.dumps(config))
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert f"error: {taken}: another process has this port" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "launch what?"),
        (["--", "no-such-program"], "no-such-program: no such program"),
        (["--logs_dir=/proc/none", "--", "true"], "--logs_dir=/proc/none: cannot be written"),
        (["--workers=0", "--", "true"], "--workers=0"),
    ],
)
def test_mistakes_are_one_line(launch, arguments, words):
    done = launch(*arguments)
    assert done.returncode == 2
    assert words in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_reaches_all_workers(tmp_path, number):
    mark = f"mark-{tmp_path.name}-{os.getpid()}"
    launcher = os.path.join(os.path.dirname(__file__), "../../scripts/launch.py")
    command = [
        sys.executable,
        launcher,
        "--workers=2",
        "--",
        sys.executable,
        "-c",
        f"import time; time.sleep(600) # {mark}",
    ]
    environment = os.environ | {"PYTHONPATH": os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment)
    while len(processes_with(mark)) < 3:  # the launcher and its workers
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(timeout=30) == 128 + signal.SIGTERM  # which is what the workers get
    assert processes_with(mark) == []


SAVES = """
import os, pathlib, signal, sys, time
def save(*_):
    print("a line that nobody reads", flush=True)
    pathlib.Path("saved").touch()
    sys.exit(143)
signal.signal(signal.SIGTERM, save)
pathlib.Path("started").touch()
time.sleep(60)
"""


def test_a_terminal_that_closes_lets_the_workers_save(terminal, tmp_path):
    (tmp_path / "saves.py").write_text(SAVES)
    launcher = os.path.join(os.path.dirname(__file__), "../../scripts/launch.py")
    process = terminal.start([sys.executable, launcher, "--workers=1", "--", sys.executable, "saves.py"], tmp_path)
    wait_for((tmp_path / "started").exists)
    terminal.close()
    assert process.wait(timeout=30) == 143
    assert (tmp_path / "saved").exists()


def test_under_nohup_a_closed_terminal_stops_nothing(terminal, tmp_path):
    (tmp_path / "saves.py").write_text(SAVES)
    launcher = os.path.join(os.path.dirname(__file__), "../../scripts/launch.py")
    command = ["nohup", sys.executable, launcher, "--workers=1", "--", sys.executable, "saves.py"]
    process = terminal.start(command, tmp_path)
    wait_for((tmp_path / "started").exists)
    terminal.close()
    time.sleep(1)
    assert process.poll() is None and not (tmp_path / "saved").exists()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 143
