"""People's room: commands, what they print, and exit codes (interface.md, section 1).

Each command imports what it needs when it runs, so that `--help` comes at once. No rule about orders belongs here.
"""

import os
import sys
from collections.abc import Sequence

from syncer.cli.arguments import parse

OK, TROUBLE, USAGE, BUSY, MISCONFIGURED = 0, 1, 2, 75, 78


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command, and returns its exit code."""
    arguments = parse(argv)
    if arguments is None:
        return USAGE
    try:
        return int(arguments.run(arguments))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `syncer log | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except Exception as error:  # noqa: BLE001 - a bug is raised again
        return _explain(error)


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
    raise error
