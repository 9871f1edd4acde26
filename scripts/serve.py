"""Serve a trained model over HTTP, in TensorFlow Serving's REST form, with a page to try it.

    python scripts/serve.py --run=runs/mnist_cnn/20250101-120000-abc123
    python scripts/serve.py --model=mnist_cnn
    python scripts/serve.py --model_file=model.keras --model_name=digits --port=9000

Then open http://127.0.0.1:8501, or POST {"instances": [row, …]} to /v1/models/<name>:predict, or to a writing model
{"prompt": "…"} to …:generate. Ctrl-C and SIGTERM answer what was asked before, and end with status 0. --host=0.0.0.0
lets other machines in: give --token_file then, and put a proxy with TLS before it.
"""

from absl import flags

from zoo import command_line

RUN = flags.DEFINE_string("run", None, "Folder of a run.")
MODEL = flags.DEFINE_string("model", None, "Name of weights that the zoo publishes, in place of --run.")
MODEL_FILE = flags.DEFINE_string("model_file", None, "A model file, in place of --run.")
MODEL_NAME = flags.DEFINE_string("model_name", None, "Its name in addresses (default: the run's model, or the file's).")
HOST = flags.DEFINE_string("host", "127.0.0.1", "Address to listen at; 0.0.0.0 lets other machines in.")
PORT = flags.DEFINE_integer("port", 8501, "Port; 0 takes a free one.", 0, 65535)
ALLOWED_HOSTS = flags.DEFINE_list("allowed_hosts", [], "Names that clients may call it by; * is any.")
TOKEN_FILE = flags.DEFINE_string("token_file", None, "A file with the token that requests have to bring.")
MAX_BATCH_SIZE = flags.DEFINE_integer("max_batch_size", 32, "Rows that are computed together.", 1, 4096)
MAX_WAIT_MS = flags.DEFINE_float("max_wait_ms", 0.0, "Milliseconds that a row waits for others to join.", 0, 10_000)
MAX_QUEUE = flags.DEFINE_integer("max_queue", 1024, "Rows that may wait; more get 503.", 1)
MAX_BODY_MB = flags.DEFINE_float("max_body_mb", 8.0, "Millions of bytes of a request; more get 413.", 0.001)
REQUEST_TIMEOUT = flags.DEFINE_float("request_timeout", 30.0, "Seconds to receive a request, and to answer it.", 0.1)
MAX_TOKENS = flags.DEFINE_integer("max_tokens", 1024, "Of a model that writes: tokens a request.", 1, 1_000_000)
MAX_GENERATIONS = flags.DEFINE_integer(
    "max_generations", 4, "Of a model that writes: texts at the same time; more get 503.", 1, 256
)
IMPORT = flags.DEFINE_list("import", [], "Modules of yours that register the model's classes.")


def main() -> int:
    command_line.import_modules(IMPORT.value)
    from zoo.published import chosen_run
    from zoo.serving.limits import Limits
    from zoo.serving.server import serve

    limits = Limits(
        MAX_BATCH_SIZE.value, MAX_WAIT_MS.value, MAX_QUEUE.value, MAX_BODY_MB.value, REQUEST_TIMEOUT.value,
        MAX_TOKENS.value, MAX_GENERATIONS.value,
    )  # fmt: skip
    where = HOST.value, PORT.value, ALLOWED_HOSTS.value, TOKEN_FILE.value
    run = chosen_run(RUN.value, MODEL.value, MODEL_FILE.value)
    return serve(run, MODEL_FILE.value, limits, MODEL_NAME.value or MODEL.value, *where)


if __name__ == "__main__":
    command_line.run(main)
