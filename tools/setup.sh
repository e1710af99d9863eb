#!/bin/sh
# Installs what the tests need beside Go: a C compiler, without which the race
# detector does not build, a Chromium for the tests of the shop's page, and a
# Postgres for those of durable tasks.
# Says in one line what to do when it may not. Costs nothing when all is there.
set -eu

have() { command -v "$1" >/dev/null 2>&1; }

# The same names as in examples/shop/browser_test.go; a test holds both to it.
browsers='chromium chromium-browser google-chrome google-chrome-stable'
mac_browser='/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'

have_browser() {
	for name in $browsers "$mac_browser"; do
		if have "$name"; then return 0; fi
	done
	return 1
}

# Debian has the programs of Postgres in a directory for each version.
have_postgres() {
	for initdb in /usr/lib/postgresql/*/bin/initdb; do
		if [ -x "$initdb" ]; then return 0; fi
	done
	have initdb
}

cc=$(go env CC)
missing=
have "${cc%% *}" || missing='gcc libc6-dev'
have_browser || missing="$missing chromium"
have_postgres || missing="$missing postgresql"
[ -n "$missing" ] || exit 0

# shellcheck disable=SC2086 # a list of packages
if "$(dirname "$0")"/install.sh $missing; then exit 0; fi

# Without a browser or a Postgres all other tests are worth running; the race
# detector without a compiler stops every one.
case $missing in
*gcc*)
	echo "setup: the race detector needs a C compiler ($cc): install the packages $missing, then try again" >&2
	exit 1
	;;
esac
case $missing in
*chromium*)
	echo "setup: no Chromium: the tests of the shop's page will fail; install the package chromium, or run make short, which skips them" >&2
	;;
esac
case $missing in
*postgresql*)
	echo "setup: no Postgres: the tests of durable tasks will fail; install the package postgresql" >&2
	;;
esac
