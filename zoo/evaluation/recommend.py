"""The items that a model would recommend to a user, and how good such lists are."""

import collections
import hashlib
import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo.datasets import interactions, official, on_disk
from zoo.errors import ZooError
from zoo.escaping import printable, tell
from zoo.measures.ranking import best, difference, ndcg, ranking_figures
from zoo.measures.statistics import holm
from zoo.schema import Schema
from zoo.text_table import align_columns, p_text

if TYPE_CHECKING:
    from zoo.datasets import Dataset, Split
    from zoo.datasets.interactions import Catalogue
    from zoo.loading import LoadedModel

FILE = "ranking.json"
MOST = 10  # items of a list, where nobody says how many
_ROWS_AT_ONCE = 100_000


def is_recommender(loaded_model: "LoadedModel") -> bool:
    """Whether a model reads a table with columns of users and items."""
    return interactions.keys_of(Schema.from_json(loaded_model.labels.get("schema"))) is not None


def refuse_other_models(loaded_model: "LoadedModel", flag: str) -> None:
    """Raises: ZooError: the model is no recommender, or its answers have no order."""
    if not is_recommender(loaded_model):
        raise ZooError(
            f"{flag}: {loaded_model.path} is no recommender, a model of a table with categories user and item"
        )
    answer = np.zeros((1, *loaded_model.model.output_shape[1:]), "float32")
    if loaded_model.task.preference(loaded_model.task.answers(answer)) is None:
        raise ZooError(
            f"{flag}: the answers of {loaded_model.path} have no order; a number, or two classes, are needed"
        )


def recommend(
    loaded_model: "LoadedModel",
    dataset: "Dataset",
    users: Sequence[str],
    count: int = MOST,
    data_dir: str | os.PathLike | None = None,
) -> list[dict]:
    """The best items for users among those that they have not met in training rows.

    Args:
        loaded_model: a recommender.
        dataset: that it was trained on, which says who has met what.
        users: as the column of users has them; for a new one the answer is what is best for nobody in particular.
        count: of items a user; if there are fewer, all.
        data_dir: where prepared data are, for the items' names.

    Returns:
        One dict a user: user, known, and items, the best first: {"item", "name", "value"}; name is None without one.
    """
    known = interactions.catalogue(dataset.schema, dataset.train)
    names = official.item_names(dataset.info.stored_as or dataset.info.name, Path(data_dir) if data_dir else None)
    found = []
    for user in users:
        if not known.knows(user):
            tell(f"notice: no training row is of user {user}: the list is what the model says of a user unknown to it")
        candidates = ~known.met_by(user)
        if count > candidates.sum():
            tell(
                f"notice: user {user}: {candidates.sum():,} items are left, fewer than the {count:,} that are asked for"
            )
        preferences = _preferences(loaded_model, known, known.row_of(user))[0]
        items = [
            {"item": str(known.items[place]), "name": names.get(str(known.items[place])), "value": float(value)}
            for place in best(preferences, candidates, count)
            for value in [preferences[place]]
        ]
        found.append({"user": user, "known": known.knows(user), "items": items})
    return found


def recommendations_table(found: Sequence[dict]) -> str:
    """What `recommend` returned, for people."""
    blocks = []
    for one in found:
        named = any(each["name"] for each in one["items"])
        rows = [("", "item", *(["name"] if named else []), "value")]
        for place, each in enumerate(one["items"], 1):
            rows.append((str(place), each["item"], *([each["name"] or ""] if named else []), f"{each['value']:.3f}"))
        blocks.append(f"user {printable(one['user'])}\n{align_columns(rows)}")
    return "\n\n".join(blocks)


def recommendations_csv(found: Sequence[dict]) -> list[list]:
    """The same as rows of a CSV file, with a header."""
    rows = [
        [one["user"], place, each["item"], each["name"] or "", each["value"]]
        for one in found
        for place, each in enumerate(one["items"], 1)
    ]
    return [["user", "place", "item", "name", "value"], *rows]


def evaluate_ranking(
    run_path: str | os.PathLike, data_dir: str | None = None, split_name: str = "test", count: int = MOST, seed: int = 0
) -> dict:
    """Judges the lists that the model of a run gives each user of a split, and writes ranking.json there.

    Candidates are all items of the training rows that the user has not met there (for test, nor in validation). Wanted
    are the items of the user's rows of the split that `zoo.tasks.Task.wanted` says; items that training does not know
    cannot be listed, and count as missed. Users who want nothing are left out.

    Args:
        run_path: a run's folder.
        data_dir: where the data are, if not where the run says.
        split_name: test or validation.
        count: length of the lists.
        seed: of the random list.

    Returns:
        {"run", "model", "dataset", "data_digest", "split", "count", "seed", "users", "new_users", "left_out",
        "unlistable", "rankings": {"model" | "popularity" | "random": what `ranking_figures` returns, "ndcg_of_new" and
        "ndcg_of_known" means, and "against_popularity" what `difference` returns}, "question": a digest of split, count
        and who wants what, and "of_users": {"user", "ndcg"} of the model's lists}.

    Raises:
        ZooError: there is no such run, model or data, it is no recommender, or the file cannot be written.
    """
    from zoo.evaluation.evaluate import load_dataset, refuse_other_data
    from zoo.evaluation.predict import open_model
    from zoo.runs import open_run

    run = open_run(run_path)
    loaded_model = open_model(run.path, None)
    refuse_other_models(loaded_model, "--ranking")
    if split_name not in ("test", "validation"):
        raise ZooError(f"--ranking --split={split_name}: lists leave out what was learned; take test or validation")
    dataset = load_dataset(run.path, loaded_model, None, data_dir)
    refuse_other_data(run.path, dataset)
    judged = _judge(loaded_model, dataset, split_name, count, seed)
    outcome = {
        "model": run.record["model"],
        "dataset": dataset.info.name,
        "data_digest": dataset.digest,
        "split": split_name,
        "count": count,
        "seed": seed,
    } | judged
    run.write_figures(FILE, outcome)
    return {"run": str(run.path)} | outcome


def ranking_table(outcome: dict) -> str:
    """What `evaluate_ranking` returned, for people."""
    count, rows = outcome["count"], []
    rows.append(("", f"hit rate@{count}", f"NDCG@{count}", "known users", "new users", "less popularity", "p"))
    for name, figures in outcome["rankings"].items():
        against = figures["against_popularity"]
        rows.append(
            (
                outcome["model"] if name == "model" else name,
                _with_interval(figures["hit_rate"]),
                _with_interval(figures["ndcg"]),
                *("" if (mean := figures[key]) is None else f"{mean:.4f}" for key in ("ndcg_of_known", "ndcg_of_new")),
                f"{against['value']:+.4f} ({against['interval'][0]:+.4f} to {against['interval'][1]:+.4f})",
                "" if name == "popularity" else p_text(against["p"]),
            )
        )
    users, new = outcome["users"], outcome["new_users"]
    return (
        f"{printable(outcome['run'])} on {outcome['dataset']}, {outcome['split']} split: lists of {count} for "
        f"{users:,} users, {new:,} of them new, among all items that each has not met; {outcome['left_out']:,} users "
        f"who want nothing are left out\n{outcome['unlistable']:,} of {outcome['wanted']:,} wanted items are unknown "
        f"to training: no list has them\n\n{align_columns(rows)}"
    )


def rankings_compared(outcomes: Sequence[dict]) -> str:
    """What the lists of models have against each other, the mean over seeds of each; of `evaluate_ranking`, for people.

    Each pair is tested over users, drawn with replacement, and Holm's correction is for all pairs.
    """
    if len({one["question"] for one in outcomes}) > 1:
        return "not compared with each other: they were asked for other users, items or wishes"
    gains = collections.defaultdict(list)
    for one in outcomes:
        gains[one["model"]].append(one["of_users"]["ndcg"])
    means = {model: np.mean(of_seeds, axis=0) for model, of_seeds in gains.items()}
    models = sorted(means, key=lambda model: -means[model].mean())
    found = [(*pair, difference(*(means[model] for model in pair))) for pair in itertools.combinations(models, 2)]
    figure = f"NDCG@{outcomes[0]['count']}"
    rows = [("model", "less", figure, "95 % interval", "p")]
    for (better, other, figures), p in zip(found, holm([one["p"] for *_, one in found]), strict=True):
        low, high = figures["interval"]
        rows.append((better, other, f"{figures['value']:+.4f}", f"{low:+.4f} to {high:+.4f}", p_text(p)))
    seeds = ", ".join(f"{model} {means[model].mean():.4f} ({len(gains[model])} seeds)" for model in models)
    return f"{figure}: {seeds}\npaired over {len(means[models[0]]):,} users, after Holm:\n\n{align_columns(rows)}"


def _with_interval(figure: dict) -> str:
    low, high = figure["interval"]
    return f"{figure['value']:.4f} ({low:.4f} to {high:.4f})"


def _preferences(loaded_model: "LoadedModel", known: "Catalogue", users: on_disk.Features) -> np.ndarray:
    """`float[users, items]` for rows of users."""
    count, items = on_disk.count(users), len(known.items)
    at_once, found = max(1, _ROWS_AT_ONCE // items), []
    for start in range(0, count, at_once):
        some = np.arange(start, min(count, start + at_once))
        rows = known.rows(on_disk.take(users, np.repeat(some, items)), np.tile(np.arange(items), len(some)))
        answers = loaded_model.answers(rows)
        if not np.isfinite(answers).all():
            raise ZooError(f"{loaded_model.path}: an answer is not finite; its training diverged, train it again")
        found.append(loaded_model.task.preference(answers).reshape(len(some), items))
    return np.concatenate(found)


def _judge(loaded_model: "LoadedModel", dataset: "Dataset", split_name: str, count: int, seed: int) -> dict:
    known, split = interactions.catalogue(dataset.schema, dataset.train), getattr(dataset, split_name)
    user, item = interactions.users_and_items(dataset.schema, split)
    wanted = loaded_model.task.wanted(split.targets, dataset.train.targets)
    met_since = _met(dataset.schema, dataset.validation) if split_name == "test" else {}
    users = np.unique(user[wanted])
    if not len(users):
        raise ZooError(f"--ranking: no user of the {split_name} split wants anything; there is nothing to rank")
    of_users = on_disk.concatenate([_row_of(known, split, user, name) for name in users])
    rankings = {
        "model": _preferences(loaded_model, known, of_users),
        "popularity": np.broadcast_to(known.met.sum(axis=0).astype(float), (len(users), len(known.items))),
        "random": np.random.default_rng(seed).random((len(users), len(known.items))),
    }
    hits, gains = {name: [] for name in rankings}, {name: [] for name in rankings}
    for number, name in enumerate(users):
        of_user = item[wanted & (user == name)]
        candidates = ~known.met_by(name) & ~np.isin(known.items, met_since.get(name, ()))
        is_wanted = np.isin(known.items, of_user)
        for ranking, preferences in rankings.items():
            found = is_wanted[best(preferences[number], candidates, count)]
            hits[ranking].append(found.any())
            gains[ranking].append(ndcg(found, len(of_user), count))
    gains = {name: np.array(values) for name, values in gains.items()}
    is_new = ~np.isin(users, known.users)
    question = f"{split_name} {count} {known.items.tolist()} {sorted(zip(user[wanted], item[wanted], strict=True))}"
    unlistable = int((~np.isin(item[wanted], known.items)).sum())
    return {
        "users": len(users),
        "new_users": int(is_new.sum()),
        "left_out": len(np.unique(user)) - len(users),
        "wanted": int(wanted.sum()),
        "unlistable": unlistable,
        "rankings": {
            name: ranking_figures(np.array(hits[name]), gains[name])
            | {
                "ndcg_of_known": _mean(gains[name][~is_new]),
                "ndcg_of_new": _mean(gains[name][is_new]),
                "against_popularity": difference(gains[name], gains["popularity"]),
            }
            for name in rankings
        },
        "question": hashlib.sha256(question.encode()).hexdigest()[:16],
        "of_users": {"user": users.tolist(), "ndcg": gains["model"].tolist()},
    }


def _row_of(known: "Catalogue", split: "Split", user: np.ndarray, name: str) -> on_disk.Features:
    """The user's last training row; of a new one the first of the split, whose item is replaced later."""
    return known.row_of(name) if known.knows(name) else on_disk.take(split.features, np.flatnonzero(user == name)[:1])


def _met(schema: Schema, split: "Split") -> dict[str, np.ndarray]:
    """The items of each user's rows that were not drawn."""
    user, item = interactions.users_and_items(schema, split)
    real = interactions.are_real(split)
    return {name: item[real & (user == name)] for name in np.unique(user)}


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None
