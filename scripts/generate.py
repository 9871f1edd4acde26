"""Write text with a trained language model: python scripts/generate.py --run=RUN --prompt="In the beginning"

    python scripts/generate.py --model=bible_gpt --prompt="In the beginning" --num_samples=3 --seed=1
    python scripts/generate.py --run=runs/bible_gpt/20250101-120000-abc123 --max_tokens=500 --top_p=0.9
    python scripts/generate.py --run=runs/bible_gpt/20250101-120000-abc123 --prompt_file=begin.txt --format=json

The text comes as it is written, after the prompt; without a prompt the model begins a text of its own. Of the same seed
comes the same text, whatever --num_samples; the seed is told on standard error. docs/writing.md says more.
"""

import pathlib
import sys
import time

from absl import flags

from zoo import command_line
from zoo.errors import ZooError
from zoo.escaping import json_text, printable_text, tell

RUN = flags.DEFINE_string("run", None, "Folder of a run.")
MODEL = flags.DEFINE_string("model", None, "Name of weights that the zoo publishes, in place of --run.")
MODEL_FILE = flags.DEFINE_string("model_file", None, "A .keras file, in place of --run.")
PROMPT = flags.DEFINE_string("prompt", None, "The text to go on with.")
PROMPT_FILE = flags.DEFINE_string("prompt_file", None, "A UTF-8 file with it.")
MAX_TOKENS = flags.DEFINE_integer("max_tokens", 256, "How many tokens a text has at most.")
NUM_SAMPLES = flags.DEFINE_integer("num_samples", 1, "How many texts to write.")
TEMPERATURE = flags.DEFINE_float(
    "temperature", 0.8, "0 takes the most probable token each time; above 1 the improbable ones come more often."
)
TOP_K = flags.DEFINE_integer("top_k", None, "Choose among so many of the most probable tokens.")
TOP_P = flags.DEFINE_float("top_p", 1.0, "Choose among the fewest tokens that are so probable together.")
REPETITION_PENALTY = flags.DEFINE_float(
    "repetition_penalty", 1.0, "Above 1, tokens that are there already come less often; 1.2 is usual."
)
SEED = flags.DEFINE_integer("seed", None, "Of the same one comes the same text (default: a new one).")
STOP = flags.DEFINE_multi_string("stop", [], "A text ends before this; may be repeated.")
MAX_SECONDS = flags.DEFINE_float("max_seconds", None, "End after so many seconds.")
FORMAT = flags.DEFINE_enum("format", "text", ["text", "json"], "What is printed.")
IMPORT = flags.DEFINE_list("import", [], "Modules of yours that register the model's classes.")


def main() -> None:
    command_line.import_modules(IMPORT.value)
    from zoo.generation.options import Options

    options = Options(
        MAX_TOKENS.value, NUM_SAMPLES.value, TEMPERATURE.value, TOP_K.value, TOP_P.value, REPETITION_PENALTY.value,
        SEED.value, STOP.value, MAX_SECONDS.value,
    )  # fmt: skip
    prompt = _prompt()
    from zoo.evaluation.predict import open_model
    from zoo.generation.writing import Writer
    from zoo.published import chosen_run

    run = chosen_run(RUN.value, MODEL.value, MODEL_FILE.value)
    writer = Writer(open_model(run, MODEL_FILE.value))
    job = writer.job(prompt, options)
    for notice in job.notices:
        tell(f"notice: {notice}")
    began, first, samples = time.monotonic(), None, {}
    show = _Screen(prompt, options.num_samples) if FORMAT.value == "text" else lambda piece: None
    for piece in writer.write(job):
        first = first or time.monotonic()
        sample = samples.setdefault(piece.sample, {"text": "", "finish": None, "tokens": 0})
        sample |= {"text": sample["text"] + piece.text, "finish": piece.finish, "tokens": piece.tokens}
        show(piece)
    if FORMAT.value == "json":
        found = {"prompt": prompt, "seed": job.options.seed, "samples": [samples[number] for number in sorted(samples)]}
        print(json_text(found))
    now, tokens = time.monotonic(), sum(sample["tokens"] for sample in samples.values())
    # Before the first token TensorFlow traces the model.
    print(
        f"seed {job.options.seed}: {tokens:,} tokens in {now - began:.1f} s, the first after {first - began:.1f} s"
        + (f", then {tokens / (now - first):.0f} tokens/s" if now > first and tokens > 1 else ""),
        file=sys.stderr,
    )


def _prompt() -> str:
    if PROMPT.value is not None and PROMPT_FILE.value is not None:
        raise ZooError("both --prompt and --prompt_file given: name one prompt")
    if PROMPT_FILE.value is None:
        return PROMPT.value or ""
    from zoo.datasets.own_texts import read_utf8
    from zoo.evaluation.predict import refuse_missing

    refuse_missing([PROMPT_FILE.value])
    return read_utf8(pathlib.Path(PROMPT_FILE.value))


class _Screen:
    """Prints one text after the other, each as it comes; those that are written beside it wait."""

    def __init__(self, prompt: str, count: int):
        self.prompt, self.count = prompt, count
        self.shown, self.waiting, self.ended = 0, {}, set()
        self._head()

    def __call__(self, piece) -> None:
        self.waiting[piece.sample] = self.waiting.get(piece.sample, "") + piece.text
        if piece.finish:
            self.ended.add(piece.sample)
        while self.shown < self.count:
            print(printable_text(self.waiting.pop(self.shown, "")), end="", flush=True)
            if self.shown not in self.ended:
                break
            self.shown += 1
            print(flush=True)
            if self.shown < self.count:
                self._head()

    def _head(self) -> None:
        head = f"--- {self.shown + 1} of {self.count}\n" if self.count > 1 else ""
        print(f"{head}{printable_text(self.prompt)}", end="", flush=True)


if __name__ == "__main__":
    command_line.run(main)
