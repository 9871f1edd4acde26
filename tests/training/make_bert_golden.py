"""Outputs of BERT encoders by an independent implementation, PyTorch and transformers, for test_pretrained.py.

    pip install torch transformers && python tests/training/make_bert_golden.py FOLDER_OF_MINILM

Writes bert_golden/: a small random checkpoint with its outputs, and outputs of MiniLM (every 16th number).
"""

import pathlib
import sys

import numpy as np
import torch
import transformers

FOLDER = pathlib.Path(__file__).parent / "bert_golden"
TEXTS = ["The cat, sat on a mat!", "Café dogs naïve 你好 😀", "", "the cat and the dog " * 30]
LENGTH = 32


def outputs(folder: str, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids `int[text, length]` and the last hidden states `float32[text, length, hidden_size]`."""
    tokenizer = transformers.BertTokenizerFast.from_pretrained(folder, do_lower_case=True)
    model = transformers.BertModel.from_pretrained(folder).eval()
    inputs = tokenizer(TEXTS, padding="max_length", truncation=True, max_length=length, return_tensors="pt")
    with torch.no_grad():
        hidden = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).last_hidden_state
    return inputs["input_ids"].numpy(), hidden.numpy()


def main(minilm: str) -> None:
    torch.manual_seed(0)
    words = ["the", "cat", "sat", "on", "a", "mat", "dog", "##s", "and", "cafe", "naive", "你", "好", ",", "!"]
    vocabulary = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    config = transformers.BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=LENGTH, initializer_range=0.3, layer_norm_eps=1e-12,
    )  # fmt: skip
    model = transformers.BertModel(config)
    for parameter in model.parameters():  # biases and normalization would be 0 and 1
        if parameter.ndim == 1:
            parameter.data += 0.2 * torch.randn_like(parameter)
    model.save_pretrained(FOLDER)
    (FOLDER / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    ids, hidden = outputs(str(FOLDER), LENGTH)
    np.savez_compressed(FOLDER / "random.npz", texts=TEXTS, ids=ids, hidden=hidden)
    ids, hidden = outputs(minilm, 64)
    np.savez_compressed(FOLDER / "minilm.npz", texts=TEXTS, ids=ids, hidden=hidden[:, :, ::16])


if __name__ == "__main__":
    main(sys.argv[1])
