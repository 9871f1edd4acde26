"""Lists of several recommenders against each other: paired over users, means over seeds, corrected for all pairs."""

import numpy as np

from zoo.evaluation.recommend import rankings_compared


def outcome(model, gains, question="q"):
    users = [str(number) for number in range(len(gains))]
    return {"model": model, "count": 10, "question": question, "of_users": {"user": users, "ndcg": gains.tolist()}}


def test_rankings_are_paired_over_users_and_corrected():
    generator = np.random.default_rng(0)
    users = generator.beta(1, 3, 400)  # users differ far more than models do: unpaired, nothing could be told
    noise = generator.normal(scale=0.02, size=(4, 400))
    good = [outcome("good", users + 0.02 + noise[0]), outcome("good", users + 0.02 + noise[1])]
    text = rankings_compared([outcome("plain", users + noise[2]), *good, outcome("same", users + noise[3])])
    assert text.startswith(f"NDCG@10: good {np.mean([one['of_users']['ndcg'] for one in good]):.4f} (2 seeds), ")
    lines = [line.split() for line in text.splitlines() if line.startswith(("good ", "plain ", "same "))]
    assert len(lines) == 3 and "paired over 400 users" in text
    told = {frozenset(line[:2]): line[-2:] == ["<", "0.001"] for line in lines}
    assert told[frozenset(["good", "plain"])] and told[frozenset(["good", "same"])]
    assert not told[frozenset(["plain", "same"])]


def test_rankings_of_other_questions_are_not_compared():
    gains = np.ones(5)
    text = rankings_compared([outcome("a", gains), outcome("b", gains, "other")])
    assert text.startswith("not compared with each other") and "\n" not in text
