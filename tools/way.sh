#!/bin/sh
# Counts the functions and files that one callback goes through, from After in a
# handler to the metric that counts it. DESIGN.md has the figures.
set -eu
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
way=./internal/repotest/testdata/way
go build -cover -covermode=atomic -coverpkg=./runner,./telemetry,./histogram,$way -o "$dir/way" $way
for scrape in noscrape scrape; do
	mkdir "$dir/$scrape"
	GOCOVERDIR="$dir/$scrape" "$dir/way" "$scrape" 2>/dev/null
	go tool covdata textfmt -i="$dir/$scrape" -o "$dir/$scrape.txt"
	echo "$scrape:"
	go tool cover -func="$dir/$scrape.txt" | awk '
		$NF == "0.0%" || /^total/ || /testdata/ { next }
		{ split($1, at, ":"); n = split(at[1], path, "/"); package = path[n-1]; functions[package]++
		  if (!seen[package "/" path[n]]++) files[package]++ }
		END { for (p in functions) printf "  %s: %d functions in %d files\n", p, functions[p], files[p] }' | sort
done
