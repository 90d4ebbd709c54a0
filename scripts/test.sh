#!/bin/sh
# Types, lint, then every test; the last line is `N passed, N failed`. What hangs for ten minutes has failed.
set -u
# What the program says is tested in English, whatever this terminal speaks.
export LC_ALL=C
npx tsc --noEmit & types=$!
npx biome check & lint=$!
node scripts/compile-tests.mjs & compiled=$!
wait "$types"; right=$?
wait "$lint" && wait "$compiled" && [ "$right" -eq 0 ] || exit 1
counts=$(mktemp)
find .compiled/test -name '*.test.js' | sort | xargs node --test --test-concurrency=2 --test-timeout=600000 \
  --test-reporter=spec --test-reporter-destination=stdout \
  --test-reporter=./scripts/count-reporter.mjs --test-reporter-destination="$counts"
status=$?
cat "$counts"
rm -f "$counts"
exit $status
