#!/bin/sh
# Installs what the tests need beside Go: a C compiler, without which the race
# detector does not build, and a Chromium for the tests of the shop's page.
# Uses Debian's package manager when something is missing and it may; says in
# one line what to do when it may not. Costs nothing when all is there.
set -eu

have() { command -v "$1" >/dev/null 2>&1; }

have_any() {
	for c in "$@"; do
		if have "$c"; then return 0; fi
	done
	return 1
}

cc=$(go env CC)
browsers='chromium chromium-browser google-chrome google-chrome-stable'

missing=
have "${cc%% *}" || missing="$missing gcc libc6-dev"
# shellcheck disable=SC2086 # one word a browser
have_any $browsers || [ -d '/Applications/Google Chrome.app' ] || missing="$missing chromium"
[ -n "$missing" ] || exit 0

as_root=none
if have apt-get; then
	if [ "$(id -u)" = 0 ]; then
		as_root=
	elif have sudo && sudo -n true 2>/dev/null; then
		as_root='sudo -n'
	fi
fi

if [ "$as_root" != none ]; then
	echo "setup: installing$missing"
	log=$(mktemp)
	# shellcheck disable=SC2086 # a command and a list of packages
	if $as_root env DEBIAN_FRONTEND=noninteractive sh -c \
		'apt-get -q update && apt-get -q install -y --no-install-recommends "$@"' sh $missing \
		>"$log" 2>&1 </dev/null; then
		rm -f "$log"
		exit 0
	fi
	tail -n 20 "$log" >&2
	rm -f "$log"
fi

# The browser's tests are skipped without one; the race detector cannot be.
case $missing in
*gcc*)
	echo "setup: the race detector needs a C compiler ($cc): install the packages$missing, then try again" >&2
	exit 1
	;;
*)
	echo "setup: no Chromium: the tests of the shop's page will be skipped; to run them, install the package$missing" >&2
	;;
esac
