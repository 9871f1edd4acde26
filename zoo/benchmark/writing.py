"""Tokens a second of a language model that writes: with the cache, without it, and the same network in PyTorch."""

import statistics
import time
from collections.abc import Callable

import numpy as np

from zoo.errors import ZooError
from zoo.text_table import align_columns

PROMPT, TOKENS = 20, 128


def writing_speed(run: str, turns: int = 5) -> list[dict]:
    """Write 128 tokens after a prompt of 20, one text at a time, greedily, in this process, in turns.

    PyTorch computes the same weights eagerly, also with a cache, as nanoGPT is written; without PyTorch it is left out.

    Args:
        run: of a language model: its folder, or a name of weights.
        turns: how often each writes, after one turn that is not counted.

    Returns:
        One row a contender: name, median, least and most `tokens_per_second`, and whether it wrote the same `tokens`.

    Raises:
        ZooError: the model does not write, or its context is too short.
    """
    from zoo.generation.writing import Writer
    from zoo.loading import load_model

    loaded = load_model(run)
    network = Writer(loaded).network
    if network.length < PROMPT + TOKENS:
        raise ZooError(f"{loaded.path}: reads {network.length} tokens; {PROMPT + TOKENS} are needed to measure")
    prompt = np.arange(1, PROMPT + 1, dtype="int32")[None]
    contenders = {
        "zoo, cache": lambda: _greedy(network.reader(1), prompt),
        "zoo, no cache": lambda: _greedy(network.reader(1, cache=False), prompt),
    }
    if torch_writes := _torch_writer(loaded.model, prompt):
        contenders["pytorch, cache"] = torch_writes
    seconds, written = {name: [] for name in contenders}, {}
    for turn in range(turns + 1):
        for name, write in contenders.items():
            began = time.perf_counter()
            written[name] = write()
            if turn:
                seconds[name].append(time.perf_counter() - began)
    return [
        {
            "name": name,
            "tokens_per_second": TOKENS / statistics.median(taken),
            "least": TOKENS / max(taken),
            "most": TOKENS / min(taken),
            "same_tokens": written[name] == written["zoo, cache"],
        }
        for name, taken in seconds.items()
    ]


def writing_table(rows: list[dict]) -> str:
    """The rows as aligned text."""
    header = ("", "tokens/s", "least", "most", "same tokens")
    cells = [
        (row["name"], *(f"{row[key]:.0f}" for key in ("tokens_per_second", "least", "most")), str(row["same_tokens"]))
        for row in rows
    ]
    return align_columns([header, *cells])


def _greedy(reader, context: np.ndarray) -> list[int]:
    logits, tokens = reader.read(context), []
    while True:
        tokens.append(int(logits[0].argmax()))
        if len(tokens) == TOKENS:
            return tokens
        context = np.append(context, [[tokens[-1]]], axis=1).astype("int32")
        logits = reader.read_on(context)


def _torch_writer(model, prompt: np.ndarray) -> Callable[[], list[int]] | None:
    """The same for the weights of a `gpt` with learned positions and GELU; None where PyTorch is not installed."""
    try:
        import torch
        from torch.nn import functional
    except ModuleNotFoundError:
        return None
    from zoo.processor import usable_cores

    torch.set_num_threads(usable_cores())
    layers = {layer.name: [torch.tensor(np.array(w)) for w in layer.weights] for layer in model.layers}
    count = sum(name.endswith("_attention_norm") for name in layers)
    attention = model.get_layer("block_0_attention")
    heads, size, (table,) = attention.num_heads, attention.head_size, layers["token_embedding"]
    if attention.rotary or attention.num_key_value_heads != heads or "block_0_mlp_gate" in layers:
        return None
    # As torch.nn.Linear keeps them: [out, in].
    for name, weights in layers.items():
        if len(weights) == 2 and weights[0].ndim == 2:
            layers[name] = [weights[0].T.contiguous(), weights[1]]
    (positions,) = layers["position_embedding"]

    def normed(x, name):
        return functional.layer_norm(x, (x.shape[-1],), *layers[name], eps=1e-5)

    def step(ids, cache, start):
        seen = start + ids.shape[1]
        x = table[ids] + positions[start:seen]
        for number in range(count):
            name = f"block_{number}_"
            y = functional.linear(normed(x, f"{name}attention_norm"), *layers[f"{name}attention_input"])
            query, key, value = (part.view(1, -1, heads, size).transpose(1, 2) for part in y.chunk(3, dim=-1))
            cache[number, 0, :, :, start:seen], cache[number, 1, :, :, start:seen] = key, value
            y = functional.scaled_dot_product_attention(
                query, cache[number, 0, :, :, :seen], cache[number, 1, :, :, :seen], is_causal=start == 0
            )
            y = y.transpose(1, 2).reshape(1, -1, heads * size)
            x = x + functional.linear(y, *layers[f"{name}attention_output"])
            y = functional.linear(normed(x, f"{name}mlp_norm"), *layers[f"{name}mlp_input"])
            x = x + functional.linear(functional.gelu(y, approximate="tanh"), *layers[f"{name}mlp_output"])
        return functional.linear(normed(x[:, -1], "final_norm"), table)

    @torch.inference_mode()
    def write() -> list[int]:
        cache, tokens = torch.zeros(count, 2, 1, heads, len(positions), size), []
        ids, start = torch.tensor(prompt, dtype=torch.long), 0
        while True:
            logits = step(ids, cache, start)
            start += ids.shape[1]
            ids = logits.argmax(dim=-1, keepdim=True)
            tokens.append(int(ids))
            if len(tokens) == TOKENS:
                return tokens

    return write
