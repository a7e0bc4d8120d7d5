"""A machine of its own with a real systemd: Debian in a folder, booted in a container, with this machine's network.

Nothing is left of it afterwards but the folder that it is made from, which is kept for the next time. What is claimed
about syncer is not for here.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
BARE = "systemd,systemd-sysv"  # a Debian that boots, and has nothing more than it must
STRANGERS = ("git", "make", "dbus", "python3-venv", "curl")  # what the README has a stranger install
OURS = ("libnss-systemd", "dbus", "python3-venv", "make")  # what is there already where only the program is tried
TOOLS = ("debootstrap", "systemd-nspawn", "nsenter")
PATIENCE = 60.0  # seconds
SOURCES = ("Makefile", "README.md", "CHANGELOG.md", "config", "docs", "syncer", "systemd")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def lacking() -> str | None:
    """Why there can be no such machine here."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} not installed (Debian: debootstrap, systemd-container)"
    return None if os.geteuid() == 0 else "only root may start a container"


def _kept() -> Path:
    """The folder that lasts from one time to the next; its name says what is in it."""
    what = hashlib.sha256(repr((BARE, STRANGERS, OURS)).encode())
    for file in sorted(REPOSITORY.glob("requirements-*.txt")):
        what.update(file.read_bytes())
    return Path(tempfile.gettempdir()) / f"syncer-systemd-{what.hexdigest()[:12]}"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(mode=0o755, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepared() -> Path:
    """The folder with what machines are made from, made where it isn't there; a minute or two.

    `bare` is Debian and nothing more, `root` one with what syncer needs; `debs` is what apt installs, as from a mirror,
    and `wheels` what pip does.
    """
    kept = _kept()
    with _alone(kept):
        if not (kept / "root.made").exists():
            for name in ("bare", "debs", "root"):
                shutil.rmtree(kept / name, ignore_errors=True)
            _run("debootstrap", "--variant=minbase", f"--include={BARE}", "bookworm", str(kept / "bare"))
            _mirror(kept / "bare", kept / "debs")
            _run("cp", "-a", str(kept / "bare"), str(kept / "root"))
            _run("mount", "--bind", "--mkdir", str(kept / "debs"), str(kept / "root/debs"))
            try:
                _apt(kept / "root", "update")
                _apt(kept / "root", "install", "--yes", "--no-install-recommends", *OURS)
            finally:
                _run("umount", str(kept / "root/debs"))
            (kept / "root.made").touch()
        if not (kept / "wheels.made").exists():
            for name in ("requirements-postgres.txt", "requirements-build.txt"):
                pip = (sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes", "--only-binary=:all:")
                _run(*pip, "-r", str(REPOSITORY / name), "-d", str(kept / "wheels"))
            (kept / "wheels.made").touch()
    return kept


def _apt(root: Path, *words: str) -> None:
    _run("chroot", str(root), "env", "DEBIAN_FRONTEND=noninteractive", f"PATH={PATH}", "apt-get", "-qq", *words)


def _mirror(root: Path, folder: Path) -> None:
    """Fetches what is installed later into a folder, and has that Debian take it from there, where it is `/debs`."""
    _apt(root, "update")
    _apt(root, "install", "--yes", "--download-only", *STRANGERS, *OURS)
    folder.mkdir()
    listed = []
    for file in sorted((root / "var/cache/apt/archives").glob("*.deb")):
        moved = Path(shutil.move(file, folder))
        told = subprocess.run(["dpkg-deb", "--field", moved], capture_output=True, text=True, check=True).stdout
        digest = hashlib.sha256(moved.read_bytes()).hexdigest()
        listed.append(f"{told}Filename: ./{moved.name}\nSize: {moved.stat().st_size}\nSHA256: {digest}\n")
    (folder / "Packages").write_text("\n".join(listed), encoding="utf-8")
    (root / "etc/apt/sources.list").write_text("deb [trusted=yes] file:/debs ./\n", encoding="ascii")
    for file in (root / "var/lib/apt/lists").glob("*_*"):
        file.unlink()


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


class Machine:
    """The booted machine. `leader` is the process that is its systemd."""

    def __init__(self, leader: int) -> None:
        self.leader = leader

    def run(self, *command: str, typed: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
        """Runs a command as its root, who has `typed` this beforehand."""
        into = ("nsenter", "--target", str(self.leader), "--mount", "--uts", "--ipc", "--pid", "--root", "--wd=/")
        given = [f"{name}={text}" for name, text in {"PATH": PATH, "LANG": "C.UTF-8", **environment}.items()]
        return subprocess.run(
            [*into, "env", "-i", *given, *command],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            input=typed,
        )

    def do(self, *command: str, **environment: str) -> str:
        """Runs a command that has to go well; its output."""
        done = self.run(*command, **environment)
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def write(self, path: str, text: str, mode: str = "644") -> None:
        """Writes a file there."""
        self.do(
            "sh",
            "-c",
            f'umask 077; mkdir -p "$(dirname "$1")"; printf %s "$2" >"$1"; chmod {mode} "$1"',
            "-",
            path,
            text,
        )

    def shows(self, unit: str, name: str) -> str:
        """A unit's property."""
        return self.do("systemctl", "show", "--value", "--property", name, unit).strip()

    def journal(self, unit: str) -> list[str]:
        """What a unit has said, line by line."""
        return self.do("journalctl", "--no-pager", "--quiet", "--output=cat", "--unit", unit).splitlines()

    def wait_for(
        self, what: Callable[[], Any], why: Callable[[], Any] = lambda: "", patience: float = PATIENCE
    ) -> None:
        """Until it is so, or for as long as anybody would wait."""
        until = time.monotonic() + patience
        while not what():
            assert time.monotonic() < until, why()
            time.sleep(0.25)


def of_ours() -> list[str]:
    """Where a machine finds this version of syncer, as `/src`."""
    binds = [f"--bind-ro={REPOSITORY / name}:/src/{name}" for name in SOURCES]
    binds += [f"--bind-ro={file}:/src/{file.name}" for file in REPOSITORY.glob("*.t*ml")]
    binds += [f"--bind-ro={file}:/src/{file.name}" for file in REPOSITORY.glob("requirements*.txt")]
    return binds


@contextmanager
def booted(name: str = "root", *binds: str) -> Iterator[Machine]:
    """A machine, until the end of the block, with what is bound into it. What is written there is gone afterwards."""
    kept = prepared()
    command = [
        "setpriv", "--pdeathsig=TERM",  # it is switched off also where this process is killed
        "systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot", "--volatile=overlay",
        "--console=read-only", f"--directory={kept / name}", f"--bind-ro={kept / 'wheels'}:/wheels",
        f"--bind-ro={kept / 'debs'}:/debs", *binds,
    ]  # fmt: skip
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            machine = Machine(_leader(process))
            machine.wait_for(
                lambda: machine.run("systemctl", "is-system-running").stdout.strip() in {"running", "degraded"}
            )
            yield machine
        finally:
            process.terminate()  # a clean shutdown
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _leader(process: "subprocess.Popen[str]") -> int:
    """The container's first process: nspawn's child whose own first process in there it is."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="utf-8").split()
        for child in children:
            status = Path(f"/proc/{child}/status").read_text(encoding="utf-8")
            if "NSpid:" in status and status.split("NSpid:")[1].splitlines()[0].split()[-1] == "1":
                return int(child)
        time.sleep(0.1)
    raise AssertionError("the container has not begun")
