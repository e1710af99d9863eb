#!/bin/sh
# Runs every fuzz target of the module in the current directory for FUZZTIME,
# one after the other: `go test -fuzz` takes one target of one package a run.
set -eu

list=$(go test -list='^Fuzz' ./...) || {
	echo "$list" >&2
	exit 1
}

# `go test -list` prints a package's targets, then a line with its path.
targets=$(printf '%s\n' "$list" | awk '
	/^Fuzz/     { names[n++] = $1; next }
	$1 == "ok"  { for (i = 0; i < n; i++) print $2, names[i]; n = 0 }
')
if [ -z "$targets" ]; then
	echo "no fuzz target in $(GOWORK=off go list -m)"
	exit 0
fi

printf '%s\n' "$targets" | while read -r pkg name; do
	echo "$pkg $name for ${FUZZTIME:=30s}"
	go test "$pkg" -run='^$' -fuzz="^$name\$" -fuzztime="$FUZZTIME" </dev/null
done
