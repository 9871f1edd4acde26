"""Servers as users start them, each in a process of its own, and what they serve."""

import contextlib
import dataclasses
import http.client
import json
import os
import pathlib
import re
import runpy
import signal
import socket
import sys
import time

import keras
import numpy as np
import pytest
from loaded import small_writer
from PIL import Image
from sklearn.datasets import load_digits

import zoo
from zoo import datasets
from zoo.datasets.splits import Split
from zoo.datasets.texts import as_array
from zoo.loading import save_model
from zoo.training import preprocessing

REPOSITORY = pathlib.Path(__file__).parents[2]
TEXTS = ["good book good film", "bad bad film", "a book of bad words", "a good story of a good book"]


class Server:
    """A process of scripts/serve.py, and a client of it."""

    def __init__(self, fork_server, folder: pathlib.Path, flags: list):
        command = [sys.executable, str(REPOSITORY / "scripts" / "serve.py"), "--port=0", *map(str, flags)]
        self.stdout, self.stderr = folder / "stdout", folder / "stderr"
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
        self.process = fork_server.start(command, folder, environment, self.stdout, self.stderr)
        self.stdout.touch()
        deadline = time.monotonic() + 120
        while not (ready := re.search(r"(\S+) is served at http://[\d.]+:(\d+)", self.stdout.read_text())):
            assert self.process.poll() is None and time.monotonic() < deadline, self.stderr.read_text()
            time.sleep(0.02)
        self.name, self.port = ready[1], int(ready[2])
        self.address = f"http://127.0.0.1:{self.port}/"

    def connect(self, timeout=60) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(self, method, path, body=None, headers=None):
        """Status, headers, and the parsed JSON or text of an answer."""
        connection = self.connect()
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        is_json = response.getheader("content-type") == "application/json"
        return response.status, dict(response.getheaders()), json.loads(content) if is_json else content.decode()

    def post(self, verb, body):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.request("POST", f"/v1/models/{self.name}:{verb}", content, {"Content-Type": "application/json"})

    def exchange(self, *parts, pause=0.0, half_close=False, wait=60) -> bytes:
        """Sends the parts with pauses; returns all that the server says until it closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait) as connection:
            received = b""
            with contextlib.suppress(OSError):  # the server has closed
                for part in parts:
                    connection.sendall(part)
                    time.sleep(pause)
                if half_close:
                    connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionError):
                while part := connection.recv(65536):
                    received += part
            return received

    def bytes_in_memory(self) -> int:
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(re.search(r"VmRSS:\s+(\d+)", status)[1])

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture(scope="session")
def start_server(fork_server, tmp_path_factory):
    """A function that starts scripts/serve.py with flags; the servers end with the session."""
    servers = []

    def start(*flags, folder: pathlib.Path | None = None) -> Server:
        server = Server(fork_server, folder or tmp_path_factory.mktemp("server"), list(flags))
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.process.kill()
    for server in servers:  # whatever a test has sent, it is never a fault of the server
        assert "Traceback" not in server.stderr.read_text(), server.stderr.read_text()


@pytest.fixture(scope="session")
def handwriting():
    """`uint8[1797, 28, 28, 1]` and labels: scikit-learn's digits, enlarged to 20 pixels in 28 as MNIST's are."""
    bunch = load_digits()
    enlarged = [Image.fromarray((image * 15.9).astype("uint8")).resize((20, 20), 2) for image in bunch.images]
    return np.pad(np.stack(enlarged), ((0, 0), (4, 4), (4, 4)))[..., None], bunch.target.astype("int32")


@pytest.fixture(scope="session")
def digits_run(handwriting, tmp_path_factory):
    """mnist_mlp after a few seconds of training."""
    images, labels = handwriting
    info = dataclasses.replace(datasets.dataset_info("image_folder"), label_names=tuple("0123456789"))
    parts = [Split(images[a:b], labels[a:b], np.arange(a, b)) for a, b in ((0, 1500), (1500, 1650), (1650, 1797))]
    settings = ["dataset.name=image_folder", "dataset.augmentation={}", "training.epochs=12", "training.xla=off"]
    settings += ["training.batch_size=50", "training.optimizer={name: adam, learning_rate: 0.01}"]
    config = zoo.load_config("mnist_mlp", assignments=settings)
    dataset = datasets.Dataset(info, *parts, digest="sha256:test", report={})
    return zoo.train(config, tmp_path_factory.mktemp("runs"), dataset=dataset, show_progress=False)


@pytest.fixture(scope="session")
def digits_server(start_server, digits_run):
    return start_server(f"--run={digits_run.path}")


@pytest.fixture(scope="session")
def text_file(tmp_path_factory):
    model = zoo.create_model("text_cnn", num_classes=2, vocabulary_size=30, length=12, filters=4)
    preprocessing.adapt(model, as_array(TEXTS))
    path = tmp_path_factory.mktemp("models") / "taste.keras"
    save_model(model, path, {"label_names": ["<b>no</b>", "yes"], "task": "text_classification"})
    return path


@pytest.fixture(scope="session")
def text_server(start_server, text_file):
    return start_server(f"--model_file={text_file}")


@pytest.fixture(scope="session")
def table_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "table.keras"
    labels = {"label_names": ["no", "yes"], "task": "table_classification", "feature_names": ["left", "right"]}
    model, generator = zoo.create_model("xor_mlp"), np.random.default_rng(0)
    model.set_weights([generator.uniform(0.5, 1.5, weights.shape) for weights in model.get_weights()])
    save_model(model, path, labels)
    return path


@pytest.fixture(scope="session")
def table_server(start_server, table_file):
    return start_server(f"--model_file={table_file}", "--model_name=my.table-1")


SLOW_LAYER = """
import time

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("slow")
class Slow(keras.layers.Layer):
    def call(self, x):
        def sleep(values):
            time.sleep(float(values[0, 0]))
            return values

        return tf.ensure_shape(tf.numpy_function(sleep, [x], tf.float32), x.shape)
"""


@pytest.fixture(scope="session")
def hasty_server(start_server, tmp_path_factory):
    """It computes one row at a time, which takes as many seconds as the row's first number says, and lets two wait."""
    folder = tmp_path_factory.mktemp("slow")
    (folder / "slow_layer.py").write_text(SLOW_LAYER)
    module = runpy.run_path(str(folder / "slow_layer.py"))
    inputs = keras.Input((2,))
    outputs = keras.layers.Dense(2, activation="softmax")(module["Slow"]()(inputs))
    save_model(keras.Model(inputs, outputs), folder / "slow.keras", {"task": "table_classification"})
    flags = ["--model_file=slow.keras", "--import=slow_layer", "--model_name=my.table-1", "--request_timeout=0.5"]
    return start_server(*flags, "--max_batch_size=1", "--max_queue=2", "--max_body_mb=0.01", folder=folder)


@pytest.fixture(scope="session")
def rents_run(tmp_path_factory):
    """A model of three columns that predicts rents."""
    generator = np.random.default_rng(0)
    features = generator.uniform(0, 10, (300, 3)).astype("float32")
    targets = (features @ [100, -20, 5] + 300).astype("float32")
    info = dataclasses.replace(datasets.dataset_info("csv"), targets="number", target_name="rent", unit="€")
    parts = [Split(features[a:b], targets[a:b], np.arange(a, b)) for a, b in ((0, 200), (200, 250), (250, 300))]
    rents = datasets.Dataset(info, *parts, digest="sha256:r", report={}, feature_names=("size", "distance", "age"))
    overrides = {"dataset.name": "csv", "training.epochs": 30, "training.batch_size": 20}
    overrides |= {"training.optimizer.learning_rate": 0.02, "training.optimizer.weight_decay": 0.0}
    config = zoo.load_config("diabetes_mlp", overrides=overrides)
    return zoo.train(config, tmp_path_factory.mktemp("runs"), dataset=rents, show_progress=False)


@pytest.fixture(scope="session")
def rents_server(start_server, rents_run):
    return start_server(f"--run={rents_run.path}", "--max_batch_size=8")


@pytest.fixture(scope="session")
def writer_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "writer.keras"
    model = small_writer().model
    states, embedding = model.get_layer("final_norm"), model.get_layer("token_embedding")
    gamma, beta, weights = (np.array(each) for each in (states.gamma, states.beta, embedding.embeddings))
    # Without an end, so that a text is as long as it is asked to be.
    gamma[0], beta[0], weights[:, 0], weights[model.get_layer("tokenizer").end, 0] = 0, 1, 0, -1e4
    for variable, value in ((states.gamma, gamma), (states.beta, beta), (embedding.embeddings, weights)):
        variable.assign(value)
    save_model(model, path, {"task": "language_model", "label_names": []})
    return path


@pytest.fixture(scope="session")
def writer_server(start_server, writer_file):
    flags = ["--max_generations=2", "--max_tokens=100000", "--request_timeout=8"]
    return start_server(f"--model_file={writer_file}", *flags)
