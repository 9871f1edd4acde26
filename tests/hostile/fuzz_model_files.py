"""Feeds damaged copies of a model file to `zoo.load_model` and lets what loads answer once; prints what goes wrong.

    python tests/hostile/fuzz_model_files.py FOLDER KIND COUNT SEED

FOLDER holds the files of `model_files.write_plain_files`; KIND is one of `TARGETS`. Each copy is opened in a fork, so
that a crash is seen. The trial that the zoo makes in a new process is a fork as well: to start Python for each would
take hours.
"""

import contextlib
import itertools
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from mutate import mutations, zip_mutations

MOST_BYTES, MOST_SECONDS, PATIENCE = 1 << 30, 10, 120
# The file that is damaged, in FOLDER, and the model that it belongs to.
TARGETS = {
    "keras": ("model.keras", "model.keras"),
    "onnx": ("model.onnx", "model.onnx"),
    "litert": ("model.tflite", "model.tflite"),
    "saved_model": ("model/saved_model.pb", "model"),
    "checkpoint": ("model/variables/variables.index", "model"),
}


def run_in_fork(function, stdout, stderr) -> tuple[int | None, resource.struct_rusage | None]:
    """(exit status, usage) of a fork that runs a function, with file descriptors; None, None where it never ends."""
    pid = os.fork()
    if pid == 0:
        try:
            os.dup2(stdout, 1)
            os.dup2(stderr, 2)
            os._exit(function())
        except BaseException:
            traceback.print_exc()
            os._exit(77)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        done, status, usage = os.wait4(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), usage
        time.sleep(0.002)
    os.kill(pid, 9)
    os.wait4(pid, 0)
    return None, None


def forked_trial(arguments: list[str], timeout: float) -> subprocess.CompletedProcess:
    """In place of `zoo.opening.trial._run`, which starts Python anew."""
    from zoo.opening import trial

    def call():
        sys.argv = ["trial", *arguments]
        with open(1, "w", closefd=False) as sys.stdout:  # what a test has put in its place knows no file
            trial.main()

    reading, writing = os.pipe()  # a file could not be written to: the trial forbids it
    status, _ = run_in_fork(call, writing, os.open(os.devnull, os.O_WRONLY))
    os.close(writing)
    with open(reading, errors="replace") as stream:
        if status is None:
            raise subprocess.TimeoutExpired("trial", timeout)
        return subprocess.CompletedProcess(arguments, status, stream.read(), "")


def open_and_ask(model: pathlib.Path) -> int:
    """0 where the model answers, 2 where it is refused in one line."""
    import zoo
    from zoo.opening import trial
    from zoo.opening.exported import example_of

    trial._run = forked_trial
    try:
        loaded = zoo.load_model(model)
        with contextlib.suppress(AttributeError):
            loaded.predict_probabilities(example_of(loaded.model))
    except zoo.ZooError as error:
        line = str(error)
        if not line.isprintable() or len(line) > 2000:
            print(f"not one line: {line!r}", file=sys.stderr)
            return 78
        return 2
    return 0


def fuzz(folder: pathlib.Path, kind: str, count: int, seed: int) -> dict:
    """Counts of how the copies ended, and a description of each that ended wrong."""
    damaged, model = TARGETS[kind]
    content = (folder / damaged).read_bytes()
    copies = zip_mutations(content, seed) if kind == "keras" else mutations(content, seed)
    outcome = {"answered": 0, "refused": 0, "wrong": []}
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory(prefix="fuzz-") as working:
        place, notes = pathlib.Path(working, "place"), pathlib.Path(working, "notes")
        (place / "temporary").mkdir(parents=True)
        notes.mkdir()
        for name in ("model.keras", "model.onnx", "model.tflite"):
            shutil.copy(folder / name, place)
        shutil.copytree(folder / "model", place / "model")
        os.chdir(place)
        os.environ["TMPDIR"] = tempfile.tempdir = str(notes)
        before = listing(place)
        for number, copy in enumerate(itertools.islice(copies, count)):
            (place / damaged).write_bytes(copy)
            with open(notes / "stderr", "w") as stderr:
                status, usage = run_in_fork(lambda: open_and_ask(place / model), stderr.fileno(), stderr.fileno())
            reasons = []
            if status not in (0, 2):
                reasons.append(f"ended with {status}: {(notes / 'stderr').read_text(errors='replace')[-1500:]}")
            elif (seconds := usage.ru_utime + usage.ru_stime) > MOST_SECONDS:
                reasons.append(f"took {seconds:.1f} s")
            elif (taken := (usage.ru_maxrss - own) << 10) > MOST_BYTES:
                reasons.append(f"took {taken >> 20} MiB")
            if listing(place) != before:
                reasons.append(f"left {sorted(set(listing(place)) ^ set(before))}")
            outcome["answered" if status == 0 else "refused"] += 1
            outcome["wrong"] += [f"{kind}, seed {seed}, copy {number}: {reason}" for reason in reasons]
            if reasons and (kept := os.environ.get("HOSTILE_KEEP")):
                pathlib.Path(kept, f"{kind}-{seed}-{number}").write_bytes(copy)
        os.chdir("/")
    return outcome


def listing(folder: pathlib.Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))


if __name__ == "__main__":
    import keras  # noqa: F401
    import tensorflow  # noqa: F401

    print(json.dumps(fuzz(pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
