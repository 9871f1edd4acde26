"""Texts as they come: whole characters, ends, seeds, prompts of all kinds."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loaded import named, small_writer

import zoo
from zoo.errors import ZooError
from zoo.generation.options import Options
from zoo.generation.writing import Job, Writer, _Voice


@pytest.fixture(scope="module")
def loaded():
    return small_writer()


@pytest.fixture(scope="module")
def writer(loaded):
    return Writer(loaded)


def texts_of(pieces, count=1):
    texts, ends = [""] * count, [None] * count
    for piece in pieces:
        assert ends[piece.sample] is None
        texts[piece.sample] += piece.text
        ends[piece.sample] = piece.finish
    return texts, ends


def spoken(writer, content: bytes, **options):
    """Pieces of a text of these bytes, each a token, as if the model had chosen them; then it ends."""
    tokenizer = writer.network.tokenizer
    ids = {tokenizer.bytes_of(token): token for token in range(1, len(tokenizer.tokens))}
    voice = _Voice(0, Job(np.array([tokenizer.end]), Options(seed=0, temperature=0.0, **options), ()), tokenizer)
    for token in [*(ids[bytes([byte])] for byte in content), tokenizer.end]:
        voice.go_on(np.eye(257, dtype="float32")[token], False)
        piece = voice.piece()
        yield piece
        if piece.finish:
            return


@given(st.text(max_size=12), st.binary(max_size=12))
def test_pieces_are_whole_characters(writer, text, noise):
    pieces = [piece.text for piece in spoken(writer, text.encode())]
    assert "".join(pieces) == text and all(len(piece) <= 1 for piece in pieces)
    content = text.encode() + noise + b"."
    assert "".join(piece.text for piece in spoken(writer, content)) == content.decode("utf-8", "replace")


def test_half_a_character_at_the_end_is_left_out(writer):
    content = "né".encode()[:-1]
    assert texts_of(spoken(writer, content)) == (["n"], ["end"])
    assert texts_of(spoken(writer, content, max_tokens=2)) == (["n"], ["length"])


@given(st.text("abc", max_size=30), st.lists(st.text("abc", min_size=1, max_size=4), max_size=3))
def test_a_text_ends_before_the_first_stop_wherever_tokens_end(writer, text, stops):
    expected, end = text, "end"
    for size in range(len(text) + 1):
        places = [place for place in (text[:size].find(stop) for stop in stops) if place >= 0]
        if places:
            expected, end = text[: min(places)], "stop"
            break
    assert texts_of(spoken(writer, text.encode(), stop=stops)) == ([expected], [end])


def test_what_may_be_a_stop_is_held_back_no_longer_than_needed(writer):
    pieces = [piece.text for piece in spoken(writer, b"one STEP", stop="STOP")]
    assert pieces == ["o", "n", "e", " ", "", "", "STE", "P", ""]


def test_a_text_depends_on_its_seed_and_its_number_alone(writer):
    options = {"max_tokens": 12, "temperature": 1.0}
    many = texts_of(writer.write(writer.job("a", Options(num_samples=6, seed=3, **options))), 6)[0]
    assert len(set(many)) == 6
    for count, together in itertools.product((1, 3), (1, 4)):
        job = writer.job("a", Options(num_samples=count, seed=3, **options))
        assert texts_of(writer.write(job, together=together), count)[0] == many[:count]
    other = writer.job("a", Options(seed=4, **options))
    assert texts_of(writer.write(other))[0][0] != many[0]
    drawn = [writer.job("a", Options()).options.seed for _ in range(2)]
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize("prompt", ["", " ", "né 你好 🙂 \U0010ffff", "a\x00b\x1b[2J", "half \ud83d pair", "\r\n\t"])
def test_any_prompt_is_gone_on_with(writer, prompt):
    job = writer.job(prompt, Options(max_tokens=5, seed=1))
    assert job.notices == () and job.tokens[0] == writer.network.tokenizer.end
    assert texts_of(writer.write(job))[1] in (["length"], ["end"])


def test_what_is_cut_or_clipped_is_told(writer):
    job = writer.job("0123456789" * 10, Options(top_k=1000))
    assert len(job.tokens) == 32
    told, clipped = job.notices
    assert "100 tokens, and the model reads 32: the first 68 are cut, it reads from '8901" in told
    assert clipped == "top_k=1000: the model has 257 tokens; all are taken"
    assert texts_of(writer.write(job))[0][0]


def test_time_ends_a_text(writer):
    job = writer.job("a", Options(max_tokens=1_000_000, max_seconds=0.3, num_samples=2, temperature=1.0))
    assert set(texts_of(writer.write(job), 2)[1]) <= {"time", "end"}


def test_a_diverged_model_is_told_of():
    loaded = small_writer()
    loaded.model.get_layer("final_norm").gamma.assign(np.full(32, np.nan))
    with pytest.raises(ZooError, match="not finite; its training diverged"):
        list(Writer(loaded).write(Writer(loaded).job("a", Options())))


def test_models_of_other_tasks_and_other_layers_are_refused(loaded):
    other = named(zoo.create_model("mnist_mlp"), "image", list("0123456789"))
    with pytest.raises(ZooError, match="of classification does not write; .* trains one that does"):
        zoo.generate(other, "a")
    strange = named(other.model, "text", (), task="language_model")
    with pytest.raises(ZooError, match="has no"):
        zoo.generate(strange, "a")
    with pytest.raises(ZooError, match="prompt: a text is needed, not a value of type int"):
        zoo.generate(loaded, 7)
    with pytest.raises(ZooError, match="temperature=-1"):
        zoo.generate(loaded, "a", temperature=-1)


def test_in_python(loaded):
    text = zoo.generate(loaded, "a", max_tokens=9, seed=2)
    assert isinstance(text, str) and text == zoo.generate(loaded, "a", max_tokens=9, seed=2, num_samples=2)[0]
    assert zoo.generate(loaded, max_tokens=1, num_samples=1, seed=0)[0] is not None
