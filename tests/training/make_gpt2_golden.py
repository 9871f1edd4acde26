"""Outputs of a small GPT-2 by an independent implementation, PyTorch and transformers, for test_gpt2_weights.py.

    pip install torch transformers && python tests/training/make_gpt2_golden.py

Writes gpt2_golden/: a random checkpoint in GPT-2's layout, texts, their ids and logits.
"""

import pathlib

import numpy as np
import tokenizers
import torch
import transformers

FOLDER = pathlib.Path(__file__).parent / "gpt2_golden"
TEXTS = ["The cat sat on a mat,", " don't  they\n\nsay? 12 cats — né 你好 😀", "a", "the cat and the dog " * 30]
LENGTH = 32


def main() -> None:
    torch.manual_seed(0)
    FOLDER.mkdir(exist_ok=True)
    learner = tokenizers.ByteLevelBPETokenizer()
    learner.train_from_iterator(TEXTS, vocab_size=300, min_frequency=1, special_tokens=["<|endoftext|>"])
    learner.save_model(str(FOLDER))
    config = transformers.GPT2Config(
        vocab_size=learner.get_vocab_size(), n_positions=LENGTH, n_embd=32, n_layer=2, n_head=4, initializer_range=0.3,
        bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    model = transformers.GPT2LMHeadModel(config).eval()
    for parameter in model.parameters():  # biases and normalization would be 0 and 1
        if parameter.ndim == 1:
            parameter.data += 0.2 * torch.randn_like(parameter)
    model.save_pretrained(FOLDER)
    (FOLDER / "generation_config.json").unlink(missing_ok=True)
    golden = {"texts": TEXTS}
    for number, text in enumerate(TEXTS):
        ids = ([0] + learner.encode(text).ids)[-LENGTH:]
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0].numpy()
        golden |= {f"ids_{number}": np.array(ids, "int32"), f"logits_{number}": logits}
    np.savez_compressed(FOLDER / "golden.npz", **golden)


if __name__ == "__main__":
    main()
