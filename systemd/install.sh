#!/bin/sh
# Installs this version of syncer on a machine with systemd, or upgrades the one that is there.
#
#   /opt/syncer/releases/N      programs, each in a virtual environment of its own; `current` is the one that runs
#   /etc/syncer                 the configuration and the secrets: yours, never written over
#   /var/lib/syncer             the database
#   /var/backups/syncer         a copy of it, made before the last upgrade
#   /opt/syncer/go-back         what leads back to the release before, its units and the copy
#
# Before an upgrade the database is copied, and the last release is kept.
set -eu
umask 022 # the service's user has to read the program, whatever root's own umask is

here=$(cd "$(dirname "$0")/.." && pwd)
root=${DESTDIR:-}
opt=$root/opt/syncer etc=$root/etc/syncer units=$root/etc/systemd/system backups=/var/backups/syncer
python=${PYTHON:-python3.11}
ours='syncer.service syncer-once.service syncer-once.timer syncer-alert@.service'

say() { echo "syncer: $*"; }
fail() { echo "syncer: $*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || [ -n "$root" ] || fail "run this as root: sudo make install"
command -v "$python" >/dev/null || fail "Python 3.11 is needed (Debian: apt-get install python3.11 python3.11-venv)"
"$python" -c 'import ensurepip, venv' 2>/dev/null || fail "Python's venv is needed (Debian: apt-get install python3.11-venv)"

running() { [ -z "$root" ] && [ -d /run/systemd/system ]; }
active() { running && systemctl --quiet is-active syncer.service; }
# Commands that root types run beside the service by way of it.
# Debian starts it with the next boot where it has only now been installed.
if running && ! [ -S /run/dbus/system_bus_socket ] && ! systemctl start dbus.socket 2>/dev/null; then
    fail "the system's bus is needed (Debian: apt-get install dbus)"
fi

# The copy is made by the release that has made the database, while it works on.
back_up() {
    [ -e "$opt/current/bin/syncer" ] && [ -e "$etc/syncer.toml" ] && running || return 0
    [ -e /var/lib/syncer/syncer.db ] || return 0
    install -d -m 700 "$backups"
    backup=$backups/before-$1.db
    say "copying the database to $backup"
    "$root/usr/local/bin/syncer" backup --force "$backup" ||
        fail "the database could not be copied, and nothing was changed: see above (on PostgreSQL use pg_dump, and SYNCER_NO_BACKUP=1)"
}

build() {
    say "building $1"
    tools=$(mktemp -d)
    trap 'rm -rf "$tools"' EXIT
    "$python" -m venv "$tools/venv"
    "$python" -m venv --without-pip "$1" # nothing is installed into it later
    pip() { "$tools/venv/bin/python" -m pip "$@"; }
    pip install --quiet --require-hashes -r "$here/requirements-build.txt"
    pip --python "$1/bin/python" install --quiet --require-hashes -r "$here/requirements-postgres.txt"
    mkdir "$tools/source"
    cp -R "$here/pyproject.toml" "$here/README.md" "$here/syncer" "$here/config" "$tools/source/"
    pip wheel --quiet --no-deps --no-build-isolation --wheel-dir "$tools/wheel" "$tools/source"
    pip --python "$1/bin/python" install --quiet --no-deps --no-index "$tools"/wheel/*.whl
    rm -rf "$tools"
    mkdir -p "$1/libexec" "$1/share/doc/syncer"
    install -m 755 "$here/systemd/alert" "$1/libexec/alert"
    cp "$here/README.md" "$here/CHANGELOG.md" "$1/share/doc/syncer/"
    cp -R "$here/docs" "$1/share/doc/syncer/"
    # An environment knows where it is: where it will be, that is, if it is only put together here.
    [ -z "$root" ] || grep -rlIF "$root/opt/syncer" "$1/bin" "$1/pyvenv.cfg" | xargs sed -i "s|$root/opt/syncer|/opt/syncer|g"
}

# What is placed outside of a release, as it is now, is kept with the release before this one.
keep() {
    [ -n "$before" ] || return 0
    mkdir -p "$opt/$before/placed"
    for unit in $ours; do cp -p "$units/$unit" "$opt/$before/placed/" 2>/dev/null || true; done
    cp -p "$root/usr/local/bin/syncer" "$opt/$before/placed/command" 2>/dev/null || true
}

way_back() {
    placed=/opt/syncer/$before/placed
    echo "systemctl stop syncer"
    echo "ln -sfn $before /opt/syncer/current"
    echo "cp -p $placed/syncer* /etc/systemd/system/"
    echo "cp -p $placed/command /usr/local/bin/syncer"
    echo "systemctl daemon-reload"
    [ -z "${backup:-}" ] || echo "syncer restore $backup"
    echo "systemctl start syncer"
}

place() {
    mkdir -p "$units" "$root/usr/local/bin" "$etc" "$root/etc/bash_completion.d" "$root/usr/local/share/zsh/site-functions"
    for unit in $ours; do
        install -m 644 "$here/systemd/$unit" "$units/$unit"
    done
    install -m 755 "$here/systemd/command" "$root/usr/local/bin/syncer"
    install -d -m 755 "$etc"
    install -d -m 700 "$etc/credentials"
    # Where the data is, the unit says, and secrets are credentials; the example's own words are for other places.
    sed -E -e 's/^(state_dir = |url = "sqlite:)/# \1/' -e 's/^(api_key = )\{ env = "XSP_API_KEY" \}/\1{ credential = "xsp_key" }/' \
        -e 's/^(password = )\{ file = "onapi.secret" \}/\1{ credential = "nordnet_password" }/' "$here/config/syncer.toml" >"$etc/syncer.toml.example"
    "$opt/current/bin/python" -P -m syncer completion bash >"$root/etc/bash_completion.d/syncer"
    "$opt/current/bin/python" -P -m syncer completion zsh >"$root/usr/local/share/zsh/site-functions/_syncer"
}

before=$(readlink "$opt/current" 2>/dev/null || true)
number=$(($(basename "${before:-0}" | tr -cd 0-9) + 1))
release=releases/$number
mkdir -p "$opt/releases"
rm -rf "${opt:?}/$release"
build "$opt/$release"
[ -n "${SYNCER_NO_BACKUP:-}" ] || back_up "$number"

keep
ln -sfn "$release" "$opt/current.new"
mv -T "$opt/current.new" "$opt/current"
place
# Copies hold people: only the last one stays.
for old in "$backups"/before-*.db; do
    [ -z "${backup:-}" ] || [ "$old" = "$backup" ] || rm -f "$old"
done
# The release before this one stays, to go back to; older ones go.
for old in "$opt"/releases/*; do
    case "$old" in "$opt/$release" | "$opt/${before:-none}") ;; *) rm -rf "$old" ;; esac
done

if [ -n "$before" ]; then
    { echo "#!/bin/sh -e"; way_back; } >"$opt/go-back"
    chmod 755 "$opt/go-back"
fi

if running; then
    systemctl daemon-reload
    if active; then
        say "restarting the service"
        systemctl restart syncer.service || {
            echo "syncer: the new version can't start: journalctl -u syncer says why. To go back:" >&2
            way_back | sed "s/^/    /" >&2
            exit 1
        }
    fi
fi
if [ -e "$etc/syncer.toml" ]; then
    say "release $number is installed${before:+; what leads back to the one before is in /opt/syncer/go-back}"
else
    say "release $number is installed. Next: write $etc/syncer.toml after syncer.toml.example, put each secret into"
    say "$etc/credentials, try it with 'syncer check', then: systemctl enable --now syncer"
fi
