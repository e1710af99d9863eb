#!/bin/sh
# Installs the Debian packages that are its arguments, quietly, if this machine
# has apt-get and the user may use it: as root, or by sudo without a password.
# Fails without a word if not, as its caller knows what they are for.
set -eu

command -v apt-get >/dev/null 2>&1 || exit 1
if [ "$(id -u)" = 0 ]; then
	as_root=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
	as_root='sudo -n'
else
	exit 1
fi

echo "installing $*"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # a command
if ! $as_root env DEBIAN_FRONTEND=noninteractive sh -c \
	'apt-get -q update && apt-get -q install -y --no-install-recommends "$@"' sh "$@" \
	>"$log" 2>&1 </dev/null; then
	tail -n 20 "$log" >&2
	exit 1
fi
