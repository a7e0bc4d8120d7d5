"""People's room: commands, what they print, and exit codes (interface.md, section 1).

Each command imports what it needs when it runs, so that `--help` comes at once. No rule about orders belongs here.
"""

import errno
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr

from syncer.cli.arguments import parse
from syncer.cli.streams import aside, jam, let_go, open_closed

OK, TROUBLE, USAGE, BUSY, MISCONFIGURED = 0, 1, 2, 75, 78


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command, and returns its exit code."""
    open_closed()
    out, err = sys.stdout, sys.stderr
    try:
        with redirect_stderr(aside(err)):
            return _heard(_run(argv))
    finally:
        let_go(out)
        let_go(err)


def _run(argv: Sequence[str] | None) -> int:
    arguments = parse(argv)
    if arguments is None:
        return USAGE
    try:
        return int(arguments.run(arguments))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `syncer log | head`
        return OK
    except Exception as error:  # noqa: BLE001 - a bug is raised again
        return TROUBLE if isinstance(error, OSError) and jam(sys.stdout) else _explain(error)


def _heard(code: int) -> int:
    """The exit code, once what was printed has found its place; that nobody wants to read on is no trouble."""
    lost = jam(sys.stdout)
    if lost is None or isinstance(lost, BrokenPipeError):
        return code
    print(f"standard output: {lost.strerror} — what was printed is lost", file=sys.stderr)
    return code or TROUBLE


def _explain(error: Exception) -> int:
    """A sentence for each error that is not a bug."""
    from syncer.errors import ConfigError, SyncerError
    from syncer.store import StoreBusy

    if isinstance(error, ConfigError):
        for problem in error.problems:
            print(problem, file=sys.stderr)
        count = len(error.problems)
        print(f"{count} mistake{'s' if count > 1 else ''} in the configuration; nothing was done", file=sys.stderr)
        return MISCONFIGURED
    if isinstance(error, SyncerError):
        print(error, file=sys.stderr)
        return BUSY if isinstance(error, StoreBusy) else TROUBLE
    lacking = _lacking(error)
    if lacking is None:
        raise error
    print(f"this machine has no more {lacking} for syncer: what was begun is looked up next time", file=sys.stderr)
    return TROUBLE


def _lacking(error: Exception) -> str | None:
    """What the machine has run out of, where that is the error."""
    if isinstance(error, OSError):
        return {errno.EMFILE: "open files", errno.ENFILE: "open files", errno.ENOMEM: "memory"}.get(error.errno or 0)
    if isinstance(error, MemoryError):
        return "memory"
    return "threads" if isinstance(error, RuntimeError) and "new thread" in str(error) else None
