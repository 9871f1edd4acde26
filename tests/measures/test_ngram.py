"""Kneser-Ney smoothing: a distribution over all code points, the same as counted by hand, and better the longer."""

import collections
import math
import random

import numpy as np
import pytest

from zoo.measures.ngram import KneserNey, _discounts

ALL = 0x110000 - 0x800


def by_hand(texts, order):
    """`next_character(context, character)` → probability, with dictionaries and the definition's own words."""
    alphabet = set("".join(texts))
    grams = [collections.Counter() for _ in range(order + 1)]
    for text in texts:
        row = ["^"] * max(order - 1, 1) + list(text)
        for n in range(1, order + 1):
            for end in range(n, len(row) + 1):
                grams[n][tuple(row[end - n : end])] += 1
    counts = {order: dict(grams[order])}
    for n in range(1, order):
        counts[n] = collections.Counter(gram[1:] for gram in grams[n + 1])
    counts = {n: {gram: c for gram, c in of.items() if gram[-1] != "^"} for n, of in counts.items()}
    discounts = {n: _discounts(np.array(list(of.values()))) for n, of in counts.items()}

    def probability(context, character, n=order):
        if n == 0:
            share = 1 / (len(alphabet) + 1)
            return share if character in alphabet else share / (ALL - len(alphabet))
        context = context[len(context) - n + 1 :]
        followers = {gram[-1]: c for gram, c in counts[n].items() if gram[:-1] == context}
        lower = probability(context, character, n - 1)
        if not followers:
            return lower
        total, taken = sum(followers.values()), sum(discounts[n][min(c, 3)] for c in followers.values())
        own = followers.get(character, 0)
        return (own - discounts[n][min(own, 3)]) / total + taken / total * lower

    return probability


def sample(length, seed):
    generator = random.Random(seed)
    text = "ab"
    while len(text) < length:
        text += generator.choice({"a": "bbc", "b": "aac ", "c": "ab"}.get(text[-1], "abc"))
    return text[2:]


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_costs_are_those_of_the_definition(order):
    train, test = [sample(120, 1), sample(90, 2), "b"], [sample(40, 3), "cab☃a", "", "zz"]
    model, probability = KneserNey(train, order), by_hand(train, order)
    for text, cost in zip(test, model.nats(test), strict=True):
        row = ["^"] * max(order - 1, 1) + list(text)
        steps = range(len(row) - len(text), len(row))
        expected = -sum(math.log(probability(tuple(row[:place]), row[place])) for place in steps)
        assert cost == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("context", ["", "a", "ab", "zz", "ca "])
def test_probabilities_of_all_code_points_sum_to_one(context):
    model = KneserNey([sample(300, 1), sample(200, 2)], 4)
    before = model.nats([context])[0]
    seen = sum(math.exp(before - cost) for cost in model.nats([context + letter for letter in "abc "]))
    unseen = math.exp(before - model.nats([context + "☃"])[0])
    assert seen + (ALL - 4) * unseen == pytest.approx(1, abs=1e-9)
    assert unseen == pytest.approx(math.exp(before - model.nats([context + "x"])[0]))


def test_texts_are_predicted_better_by_longer_contexts():
    generator = random.Random(0)
    words = ["the ", "cat ", "and ", "dog ", "saw ", "two ", "men ", "eat "]
    train, test = (["".join(generator.choices(words, k=200)) for _ in range(n)] for n in (40, 5))
    bits = [KneserNey(train, order).nats(test).sum() for order in (1, 2, 3)]
    assert bits[0] > bits[1] > bits[2] > 0.99 * 4_000 * math.log(8) / 4


def test_large_alphabets_and_long_contexts_do_not_overflow():
    generator = random.Random(0)
    text = "".join(chr(0x4E00 + generator.randrange(20_000)) for _ in range(5_000))
    cost = KneserNey([text], 12).nats([text, text[:100]])
    assert np.isfinite(cost).all() and 0 < cost[1] < 100 * math.log(ALL)
