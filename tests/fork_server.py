"""Scripts in forks of a process that has imported TensorFlow, which saves each of them the seconds of the import.

The server only imports. That starts no device, no operation and no thread of TensorFlow, so that a fork is as good as a
new process, but for what happens during the import: its greeting, and the environment variables that it reads.
"""

import gc
import json
import os
import pathlib
import runpy
import signal
import subprocess
import sys
import tempfile
import time


class ForkServer:
    """The tests' end: starts the server with the first call, and takes it and its forks along when it closes."""

    def __init__(self, environment: dict[str, str]):
        self.environment = environment
        self.server = None

    def start(self, command, cwd, env, stdout, stderr) -> "Fork":
        """As `subprocess.Popen` of `[sys.executable, script, *arguments]`; the output goes to the ends of two files."""
        if self.server is None:
            self.server = subprocess.Popen(
                [sys.executable, __file__],
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # the greeting of TensorFlow
                text=True,
            )
        values = {"arguments": command[1:], "cwd": cwd, "env": dict(env), "stdout": stdout, "stderr": stderr}
        return Fork(self, self.ask(values))

    def run(self, command, cwd, env, timeout) -> subprocess.CompletedProcess:
        """As `subprocess.run`, with captured text."""
        return self.run_measured(command, cwd, env, timeout)[0]

    def run_measured(self, command, cwd, env, timeout) -> tuple[subprocess.CompletedProcess, dict]:
        """As `run`, with seconds of the processor, and bytes of memory at the most beyond those at its start."""
        with tempfile.TemporaryDirectory() as folder:
            stdout, stderr = pathlib.Path(folder, "stdout"), pathlib.Path(folder, "stderr")
            process = self.start(command, cwd, env, stdout, stderr)
            try:
                status = process.wait(timeout)
            except BaseException:
                process.kill()
                process.wait()
                raise
            done = subprocess.CompletedProcess(command, status, stdout.read_text(), stderr.read_text())
            return done, process.usage

    def ask(self, request: dict):
        self.server.stdin.write(json.dumps(request, default=str) + "\n")
        self.server.stdin.flush()
        return json.loads(self.server.stdout.readline())

    def close(self) -> None:
        if self.server is not None:
            self.server.stdin.close()
            self.server.wait()


class Fork:
    """What the tests use of `subprocess.Popen`."""

    def __init__(self, server: ForkServer, pid: int):
        self.server, self.pid, self.returncode, self.usage = server, pid, None, None

    def poll(self) -> int | None:
        if self.returncode is None and (reaped := self.server.ask({"reap": self.pid})):
            self.returncode, self.usage = reaped["status"], reaped["usage"]
        return self.returncode

    def wait(self, timeout: float = 300) -> int:
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
            time.sleep(0.005)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def serve() -> list[str] | None:
    """Fork for each request; returns the command line in the forks, and None when there are no more requests."""
    import keras  # noqa: F401
    import tensorflow  # noqa: F401

    gc.freeze()  # else each fork would copy, at its end, all that the import has made
    alive, held_at_start = set(), {}
    while line := sys.stdin.readline():
        request = json.loads(line)
        if "reap" in request:
            pid, status, usage = os.wait4(request["reap"], os.WNOHANG)
            alive -= {pid}
            answer = None
            if pid:
                peak = usage.ru_maxrss * 1024 - held_at_start.pop(pid)
                taken = {"seconds": usage.ru_utime + usage.ru_stime, "peak_bytes": max(0, peak)}
                answer = {"status": os.waitstatus_to_exitcode(status), "usage": taken}
        else:
            answer = os.fork()
            if answer == 0:
                _become(request)
                return request["arguments"]
            alive.add(answer)
            held_at_start[answer] = _bytes_held_by(answer)
        print(json.dumps(answer), flush=True)
    for pid in alive:
        os.kill(pid, signal.SIGKILL)
    return None


def _bytes_held_by(pid: int) -> int:
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _become(request: dict) -> None:
    """Take on the folder, the environment, the standard files and the search path that a new process would have."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    for descriptor, path in enumerate((os.devnull, request["stdout"], request["stderr"])):
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        os.dup2(file, descriptor)
        os.close(file)
    sys.path[0] = os.path.dirname(request["arguments"][0])
    sys.argv = request["arguments"]


if __name__ == "__main__":
    if arguments := serve():
        # To return from here, or raise, is how a script ends: with its status, its traceback, and what it left to do.
        runpy.run_path(arguments[0], run_name="__main__")
