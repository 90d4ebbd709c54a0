#!/bin/sh
# Compares everything that the reference set in WUERST_REFERENCE (default: the copy in test/fixtures) describes.
set -u
if [ -n "${WUERST_REFERENCE:-}" ]; then
  # npm runs this in the package; a relative path is meant from where npm was called.
  WUERST_REFERENCE=$(cd "${INIT_CWD:-.}" && cd "$WUERST_REFERENCE" && pwd) || exit 2
  export WUERST_REFERENCE
fi
cd "$(dirname "$0")/.." || exit 2
counts=$(mktemp)
node --import tsx --test --test-concurrency=1 \
  --test-reporter=spec --test-reporter-destination=stdout \
  --test-reporter=./scripts/count-reporter.mjs --test-reporter-destination="$counts" \
  test/pipeline/generator.test.ts test/pipeline/scheduler.test.ts test/pipeline/tokenizer.test.ts \
  test/pipeline/resize.test.ts test/pipeline/r-embedding.test.ts test/pipeline/reference-networks.test.ts \
  test/pipeline/reference-pipelines.test.ts
status=$?
cat "$counts"
rm -f "$counts"
exit $status
