"""A file that one process at a time holds; the system takes the lock back when the process ends, however that ends."""

import errno
import os
import pathlib
import stat
import sys

_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL)


class FileLock:
    """An open lock file. Its content is neither read nor changed, and it must not be a symbolic link."""

    def __init__(self, path: pathlib.Path):
        """Raises: OSError: the file cannot be made or opened, or is none."""
        self.path = path
        # Without O_NONBLOCK, opening a pipe in its place would wait until somebody writes to it.
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            self._descriptor = os.open(path, flags, 0o644)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise OSError(errno.ELOOP, f"{path.name} is a symbolic link", str(path)) from None
            raise
        if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            self.release()
            raise OSError(errno.EINVAL, f"{path.name} is no file", str(path))

    def acquire(self, wait: bool) -> bool:
        """Take the lock; without `wait`, False where another process has it.

        Where the system or the folder knows no locks, a line says so, and the lock counts as taken.
        """
        try:
            import fcntl

            fcntl.flock(self._descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        except (ImportError, OSError) as error:
            if isinstance(error, OSError) and error.errno not in _UNSUPPORTED:
                raise
            print(f"{self.path.parent}: no locks here; see to it that no other process writes there", file=sys.stderr)
        return True

    def release(self) -> None:
        os.close(self._descriptor)

    def __enter__(self) -> "FileLock":
        return self

    def __exit__(self, *_) -> None:
        self.release()
