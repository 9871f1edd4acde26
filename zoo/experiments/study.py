"""A study: trials in a database that several searches share, on one host or on many."""

import contextlib
import datetime
import pathlib
import time
import warnings
from collections.abc import Iterator

from zoo.errors import ZooError, shortened
from zoo.experiments.seeds import UNFINISHED
from zoo.locks import FileLock
from zoo.runs import Run
from zoo.training import claims

HEARTBEAT_SECONDS, GRACE_SECONDS = 10, 60
_START_SECONDS = 600  # from the draw to the first epoch it takes less
_SERVERS = ("postgresql", "mysql")
_PACKAGES = {"psycopg": "psycopg[binary]", "psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient"}
_ATTEMPTS = 5


def open_study(folder: pathlib.Path, url: str | None, direction: str, warmup_epochs: int):
    """The `optuna.Study` of a folder, made where there is none.

    Args:
        folder: holds study.db, unless there is a `url`.
        url: of a database of PostgreSQL or MySQL, in which the study has the folder's name.
        direction: minimize or maximize.
        warmup_epochs: before a trial may be ended early.

    Raises:
        ZooError: the database is damaged, or not Optuna's.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)  # heartbeats, constant_liar
    with lock_of(folder):
        try:
            study = optuna.create_study(
                storage=_storage(folder, url),
                study_name=folder.absolute().name if url else "search",
                direction=direction,
                pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=warmup_epochs),
                load_if_exists=True,
            )
        except RuntimeError as error:  # its tables are of another version
            raise ZooError(f"{database(folder, url)}: {' '.join(str(error).split())}") from None
    try:
        study.get_trials(deepcopy=False)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:  # a value that is not Optuna's
        raise ZooError(f"{database(folder, url)}: damaged ({type(error).__name__}); name another --study") from None
    return study


def _storage(folder: pathlib.Path, url: str | None):
    """Raises: ZooError: there is no such kind of database, or its driver is not installed."""
    import optuna
    from sqlalchemy.exc import ArgumentError, DBAPIError

    kind = (url or "sqlite").partition("://")[0].partition("+")[0]
    if url and kind not in _SERVERS:
        raise ZooError(f"--storage={database(folder, url)}: postgresql://… or mysql://… is needed; SQLite without it")
    for attempt in range(_ATTEMPTS):
        try:
            return optuna.storages.RDBStorage(
                url or f"sqlite:///{folder / 'study.db'}",
                engine_kwargs={"pool_pre_ping": True} if url else {"connect_args": {"timeout": 60}},
                heartbeat_interval=HEARTBEAT_SECONDS,
                grace_period=GRACE_SECONDS,
                heartbeat_stale_trial_callback=optuna.storages.RetryHeartbeatStaleTrialCallback(),
            )
        except ImportError as error:
            driver = getattr(error.__cause__, "name", None) or kind
            raise ZooError(f"--storage: needs {driver}: pip install '{_PACKAGES.get(driver, driver)}'") from None
        except ArgumentError:
            raise ZooError(f"--storage={shortened(url)}: no URL; write postgresql://USER@HOST/DATABASE") from None
        except DBAPIError:  # searches on several hosts that begin together all make the tables
            if not url or attempt == _ATTEMPTS - 1:
                raise
            time.sleep(0.2 * 2**attempt)
    raise AssertionError


def database(folder: pathlib.Path, url: str | None) -> str:
    """Where the trials are, for messages: a URL without its password."""
    if not url:
        return str(folder / "study.db")
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return shortened(url)


def agree(study, folder: pathlib.Path, **facts: str) -> None:
    """Hold what must be the same in all searches of a study against what the first one wrote down.

    Raises:
        ZooError: something differs.
    """
    for name, given in facts.items():
        if study.user_attrs.get(name, given) != given:
            raise ZooError(
                f"--study={folder}: it was begun with another {name}, whose trials do not compare; name another"
            )
        study.set_user_attr(name, given)


def take_up_dead(study, runs_dir: pathlib.Path) -> None:
    """Queue the values of trials whose process is gone once more; who draws them resumes their runs.

    Here that is seen at once: nobody holds the trial's run. Of another host's trial the heartbeat is waited for.
    """
    import optuna

    optuna.storages.fail_stale_trials(study)
    for trial in study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.RUNNING]):
        if "run" in trial.user_attrs:
            run = Run(runs_dir / pathlib.Path(trial.user_attrs["run"]).name)
            if not (run.path / "run.json").exists() or run.record["status"] not in UNFINISHED or not claims.claim(run):
                continue
            claims.release(run)
        elif (datetime.datetime.now() - trial.datetime_start).total_seconds() < _START_SECONDS:
            continue  # it may be killed before its first heartbeat, and then would be waited for without end
        # Another search may be quicker, or the trial be told by its own process in this instant.
        with contextlib.suppress(ValueError, optuna.exceptions.UpdateFinishedTrialError):
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
            optuna.storages.RetryHeartbeatStaleTrialCallback()(study, trial)


def judged(study) -> list:
    """Trials that are not trained again: complete, pruned, or failed because of their values."""
    return [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished() and _counts(trial)]


def complete(study) -> list:
    return [trial for trial in judged(study) if trial.state.name == "COMPLETE"]


def promised(study, before: int | None = None) -> int:
    """How many trials are judged, under way or queued, of all or of those with a number below `before`."""
    return sum(_counts(trial) and (before is None or trial.number < before) for trial in study.get_trials(False))


def _counts(trial) -> bool:
    return trial.state.name != "FAIL" or "error" in trial.user_attrs


@contextlib.contextmanager
def lock_of(folder: pathlib.Path) -> Iterator[None]:
    """For what one search at a time may do; the lock ends with the process, however that ends.

    Raises:
        ZooError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "lock")
    except OSError as error:
        raise ZooError(f"--study={folder}: cannot be written ({error.strerror}); name another folder") from None
    with lock:
        lock.acquire(wait=True)
        yield


@contextlib.contextmanager
def one_line_for_storage(folder: pathlib.Path, url: str | None) -> Iterator[None]:
    """Turn what a database refuses into one line."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import DBAPIError

    try:
        yield
    except (DBAPIError, StorageInternalError) as error:
        cause = error if isinstance(error, DBAPIError) else error.__cause__
        reason = str(getattr(cause, "orig", None) or cause or error).strip().splitlines()[0]
        advice = "see that it runs and lets you in" if url else "the runs beside it are whole, name another --study"
        raise ZooError(f"{database(folder, url)}: cannot be used ({reason}); {advice}") from None
