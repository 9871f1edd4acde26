"""Ratings of one's own: from a CSV to lists for users, and how good they are."""

import csv
import json
import re

import numpy as np
import pytest

pytestmark = pytest.mark.slow
COLUMNS = "--set=dataset.columns={user: category, item: category}"


@pytest.fixture
def ratings(tmp_path):
    """40 users, half of whom like odd items and half even ones; each has rated half of 30 items."""
    generator, lines = np.random.default_rng(0), ["user,item,age,rating"]
    for user in range(100, 140):
        for item in generator.choice(30, 15, replace=False):
            stars = (4 if item % 2 == user % 2 else 2) + generator.integers(2)
            lines.append(f"{user},{item},{20 + user % 7},{stars}")
    (tmp_path / "ratings.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "ratings.csv"


def train(run_script, tmp_path, file, model="deepfm_regressor", *flags):
    done = run_script("train", f"--model={model}", "--dataset=csv", f"--data_dir={file}", *flags)
    assert done.returncode == 0, done.stderr
    return tmp_path / re.search(r"run (\S+)$", done.stdout, re.MULTILINE)[1]


def refused(done):
    assert done.returncode == 2 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_ratings_of_ones_own_become_lists_for_users(run_script, ratings, tmp_path):
    flags = [COLUMNS, "--epochs=40", "--batch_size=32", "--learning_rate=0.01", "--set=training.fit_to_rows=[]"]
    run = train(run_script, tmp_path, ratings, "deepfm_regressor", *flags)

    done = run_script("predict", f"--run={run}", "--user=101", "--top=5", "--json", "--output=list.csv")
    (one,) = json.loads(done.stdout)
    with open(ratings, newline="") as stream:
        rated = {row["item"] for row in csv.DictReader(stream) if row["user"] == "101"}
    items = [each["item"] for each in one["items"]]
    assert one["known"] and len(set(items)) == 5
    assert sum(int(item) % 2 for item in items) >= 4  # user 101 likes odd items
    assert len(rated & set(items)) <= 3  # of test and validation alone
    values = [each["value"] for each in one["items"]]
    assert values == sorted(values, reverse=True) and 3 < values[0] < 7
    with open(tmp_path / "list.csv", newline="") as stream:
        assert [row["item"] for row in csv.DictReader(stream)] == items

    done = run_script("predict", f"--run={run}", "--user=nobody", "--user=102", "--top=99")
    assert "notice: no training row is of user nobody" in done.stderr
    assert "user nobody: 30 items are left, fewer than the 99" in done.stderr
    assert done.stdout.startswith("user nobody\n") and "\nuser 102\n" in done.stdout

    done = run_script("evaluate", f"--run={run}", "--ranking")
    assert done.returncode == 0, done.stderr
    assert "hit rate@10" in done.stdout and "popularity" in done.stdout and "random" in done.stdout
    found = json.loads((run / "ranking.json").read_text())
    figures = {name: each["ndcg"]["value"] for name, each in found["rankings"].items()}
    assert figures["model"] > max(figures["popularity"], figures["random"]) + 0.1
    assert found["rankings"]["model"]["against_popularity"]["value"] == pytest.approx(
        figures["model"] - figures["popularity"]
    )

    factors = train(run_script, tmp_path, ratings, "matrix_factorization", *flags[:2], "--batch_size=32")
    done = run_script("evaluate", f"--run={run}", f"--run={factors}", "--ranking")
    assert done.returncode == 0, done.stderr
    users = found["users"]
    assert f"paired over {users} users, after Holm" in done.stdout and "matrix_factorization" in done.stdout
    done = run_script("compare", "--format=json", "--columns=model,ndcg_at_10,hit_rate_at_10", "--sort_by=ndcg_at_10")
    rows = {row["model"]: row for (table,) in [json.loads(done.stdout)] for row in table}
    assert rows["deepfm_regressor"]["ndcg_at_10"] == figures["model"]
    assert 0 < rows["matrix_factorization"]["hit_rate_at_10"] <= 1
    run_script("evaluate", f"--run={run}", "--ranking", "--split=validation")
    done = run_script("compare", "--columns=model,ndcg_at_10")
    assert "ranking.json left out (no lists of 10 of its test split" in done.stderr

    assert "say for whom, --user=ID" in refused(run_script("predict", f"--run={run}", "--top=5"))
    assert "--user goes with --top" in refused(run_script("predict", f"--run={run}", "--user=101", "ratings.csv"))
    assert "--top" in run_script("predict", f"--run={run}", "--user=101", "--top=0").stderr
    assert "take test or validation" in refused(run_script("evaluate", f"--run={run}", "--ranking", "--split=train"))
    ratings.write_text(ratings.read_text() + "101,1,20,5\n")
    assert "not the data that" in refused(run_script("predict", f"--run={run}", "--user=101"))


def test_what_is_no_recommender_says_so(run_script, ratings, tmp_path):
    run = train(run_script, tmp_path, ratings, "linear_table_regressor", "--set=dataset.drop=[user]", "--epochs=1")
    assert "is no recommender" in refused(run_script("predict", f"--run={run}", "--user=101"))
    assert "is no recommender" in refused(run_script("evaluate", f"--run={run}", "--ranking"))
    assert "has no labels to show" in refused(run_script("predict", f"--run={run}", "ratings.csv", "--top=5"))
    flags = ["--dataset=csv", f"--data_dir={ratings}", "--set=dataset.drop=[user]"]
    assert "needs columns user and item" in refused(run_script("train", "--model=matrix_factorization", *flags))
