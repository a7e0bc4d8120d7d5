#!/bin/sh
# Takes the program away. The configuration, the secrets and the database stay; how to remove them is said at the end.
set -eu
root=${DESTDIR:-}
[ "$(id -u)" = 0 ] || [ -n "$root" ] || { echo "syncer: run this as root: sudo make uninstall" >&2; exit 1; }
if [ -z "$root" ] && [ -d /run/systemd/system ]; then
    systemctl disable --now --quiet syncer.service syncer-once.timer 2>/dev/null || true
fi
for unit in syncer.service syncer-once.service syncer-once.timer syncer-alert@.service; do
    rm -f "$root/etc/systemd/system/$unit"
done
rm -rf "$root/opt/syncer" "$root/usr/local/bin/syncer" "$root/etc/bash_completion.d/syncer"
rm -f "$root/usr/local/share/zsh/site-functions/_syncer"
if [ -z "$root" ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
echo "syncer: gone. Left: /etc/syncer (configuration and secrets) and /var/lib/syncer (the database, with personal data)."
echo "syncer: to remove those too: rm -r /etc/syncer /var/lib/syncer /var/lib/private/syncer"
