"""From the first flag to the last answer."""

import asyncio
import collections
import json
import re
import signal
import socket
import time
import zipfile

import pytest

from zoo.loading import save_model

PREDICT = "/v1/models/table:predict"
GOOD = b'{"instances": [[0, 1]]}'
WHOLE = f"POST {PREDICT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(GOOD)}\r\n\r\n".encode() + GOOD


def assert_refused(done, *words):
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([], "neither of --run and --model_file"),
        (["--run=nowhere"], "no such run"),
        (["--model_file=none.keras"], "no such model file"),
        (["--model_file=x.keras", "--host=no.such.host.invalid"], "--host=no.such.host.invalid"),
        (["--model_file=x.keras", "--host=192.0.2.1"], "--host=192.0.2.1 --port=8501: cannot be used"),
        (["--model_file=x.keras", "--port=70000"], "port"),
        (["--model_file=x.keras", "--max_batch_size=0"], "max_batch_size"),
        (["--model_file=x.keras", "--request_timeout=nan"], "request_timeout"),
    ],
)
def test_mistakes_are_one_line(run_script, flags, words):
    assert_refused(run_script("serve", *flags), words)


def test_help_is_quick_and_needs_no_extra(run_script):
    done = run_script("serve", "--help", fresh=True)
    assert done.returncode == 0 and "--max_queue" in done.stdout


def test_a_port_that_is_taken(run_script, table_file):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert_refused(run_script("serve", f"--model_file={table_file}", f"--port={port}"), f"--port={port}", "in use")


def test_names_that_no_address_can_hold(run_script, table_file):
    done = run_script("serve", f"--model_file={table_file}", "--model_name=a/b:c", "--port=0")
    assert_refused(done, "--model_name=a/b:c")


@pytest.mark.slow
def test_untrusted_files_do_nothing(run_script, table_file, tmp_path):
    import keras

    witness = tmp_path / "ran"
    inputs = keras.Input((2,))
    code = f"lambda x: (open({str(witness)!r}, 'w').close(), x)[1]"
    keras.Model(inputs, keras.layers.Lambda(eval(code), output_shape=(2,))(inputs)).save(tmp_path / "lambda.keras")
    witness.unlink(missing_ok=True)
    for number, name in enumerate(("../ran", "assets/../../ran", str(witness))):
        path = tmp_path / f"slip{number}.keras"
        path.write_bytes(table_file.read_bytes())
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(zipfile.ZipInfo(name), "outside")
        assert_refused(run_script("serve", f"--model_file={path}", "--port=0"), "refused", "ran")
    assert_refused(run_script("serve", "--model_file=lambda.keras", "--port=0"), "refused", "Lambda")
    assert not witness.exists() and not (tmp_path.parent / "ran").exists()


def test_a_model_of_open_size_is_refused(run_script, tmp_path):
    import keras

    inputs = keras.Input((None, None, 1))
    outputs = keras.layers.Dense(2, activation="softmax")(keras.layers.GlobalAveragePooling2D()(inputs))
    save_model(keras.Model(inputs, outputs), tmp_path / "open.keras", {"task": "image_classification"})
    done = run_script("serve", "--model_file=open.keras", "--port=0")
    assert done.returncode == 2 and "open size" in done.stderr.splitlines()[-1]


@pytest.fixture
def server(start_server, table_file):
    return start_server(f"--model_file={table_file}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_accepted_is_answered_and_what_comes_later_refused(server, number):
    idle = server.connect()
    idle.request("POST", PREDICT, GOOD)
    assert idle.getresponse().read()
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as early:
        head = f"POST {PREDICT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(GOOD)}\r\n\r\n".encode()
        early.sendall(head + GOOD[:5])
        time.sleep(0.3)
        server.process.send_signal(number)
        time.sleep(0.3)
        status, headers, answer = server.request("POST", PREDICT, GOOD)
        assert (status, headers["retry-after"], headers["connection"]) == (503, "1", "close")
        assert answer == {"error": "the server is stopping"}
        assert server.request("GET", "/health")[::2] == (503, {"live": True, "ready": False})
        assert server.request("GET", "/health/live")[0] == 200
        time.sleep(0.5)
        early.sendall(GOOD[5:])
        received = b""
        while part := early.recv(65536):
            received += part
    head, _, content = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ") and b"connection: close" in head
    assert len(json.loads(content)["predictions"]) == 1
    assert server.process.wait(20) == 0
    idle.close()


async def ask_on(port, keeps, counts):
    """Asks until the server is gone, on one connection or on a new one each time; counts what becomes of it."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return  # nothing was accepted
        try:
            closes = False
            while not closes:
                writer.write(WHOLE)
                head = await reader.readuntil(b"\r\n\r\n")
                content = await reader.readexactly(int(re.search(rb"content-length: (\d+)", head)[1]))
                status = int(head.split()[1])
                counts[status] += 1
                assert list(json.loads(content)) == ["predictions" if status == 200 else "error"]
                closes = b"\r\nconnection: close" in head or not keeps
                assert status == 200 or closes
        except (OSError, asyncio.IncompleteReadError):
            counts["lost"] += 1
        finally:
            writer.close()


def test_no_request_is_lost_when_it_stops_under_load(server):
    counts = collections.Counter()

    async def all_clients():
        clients = [asyncio.create_task(ask_on(server.port, number % 2, counts)) for number in range(200)]
        await asyncio.sleep(1)
        server.process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(asyncio.gather(*clients), 60)

    asyncio.run(all_clients())
    assert server.process.wait(20) == 0
    assert counts[200] > 200 and counts[503] > 100 and set(counts) == {200, 503}


def test_who_waited_to_be_let_in_gets_an_answer_too(server):
    """The process is stopped meanwhile, so that the signal comes before any of them is let in."""
    server.process.send_signal(signal.SIGSTOP)
    waiting = [socket.create_connection(("127.0.0.1", server.port), timeout=60) for _ in range(300)]
    for connection in waiting[::2]:
        connection.sendall(WHOLE)
    server.process.send_signal(signal.SIGTERM)
    server.process.send_signal(signal.SIGCONT)
    for connection in waiting[1::2]:
        connection.sendall(WHOLE)
    for connection in waiting:
        with connection, connection.makefile("rb") as file:
            assert file.readline() in (b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 503 Service Unavailable\r\n")
    assert server.process.wait(20) == 0


def test_a_second_signal_does_not_wait(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as slow:
        slow.sendall(f"POST {PREDICT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n".encode())
        time.sleep(0.3)
        server.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert server.process.poll() is None
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(10) == 1
    assert "1 requests were left unanswered" in server.stderr.read_text()
