#!/bin/sh
# Compares everything that the reference set in WUERST_REFERENCE (default: the copy in test/fixtures) describes. A set
# may lack some parts.
set -u
if [ -n "${WUERST_REFERENCE:-}" ]; then
  # npm runs this in the package; a relative path is meant from where npm was called.
  WUERST_REFERENCE=$(cd "${INIT_CWD:-.}" && cd "$WUERST_REFERENCE" && pwd) || exit 2
  export WUERST_REFERENCE
fi
cd "$(dirname "$0")/.." || exit 2
set_folder=${WUERST_REFERENCE:-test/fixtures/reference}
tests=''
for folder in "$set_folder"/*/; do
  part=$(basename "$folder")
  case $part in
    rng) file=math/generator ;;
    scheduler) file=math/scheduler ;;
    tokenizer) file=text/tokenizer ;;
    interpolate) file=math/resize ;;
    r_embedding) file=math/timestep-embedding ;;
    text_encoder | prior | decoder | vqgan) file=networks/reference-networks ;;
    image_encoder) file=networks/reference-image-encoders ;;
    pipelines) file=pipelines/reference-pipelines ;;
    lora) file=pipelines/reference-loras ;;
    errors) file=reference-errors ;;
    *)
      echo "nothing is known to compare with $folder" >&2
      continue
      ;;
  esac
  case " $tests " in
    *"/$file.test.ts "*) ;;
    *) tests="$tests test/pipeline/$file.test.ts" ;;
  esac
done
if [ -z "$tests" ]; then
  echo "no reference set in $set_folder: expected folders such as rng, prior and pipelines" >&2
  exit 2
fi
counts=$(mktemp)
# The names of the tests are words of their own.
# shellcheck disable=SC2086
node --import tsx --test --test-concurrency=1 \
  --test-reporter=spec --test-reporter-destination=stdout \
  --test-reporter=./scripts/count-reporter.mjs --test-reporter-destination="$counts" \
  $tests
status=$?
cat "$counts"
rm -f "$counts"
exit $status
