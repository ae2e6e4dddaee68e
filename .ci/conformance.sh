#!/usr/bin/env bash
# Runs the protocol's own conformance suite against /mcp of the built server, two workers of it, without a token: all of its
# scenarios. Those that do not apply are named here, each with its reason; one of them that passes fails the run as well as
# another that does not. The suite needs Node 22, which comes from npm as a package.
set -euo pipefail
cd "$(dirname "$0")/.."
# Settings of the developer, or of the tests, are none of a user: the server refuses to start with one that it does not know.
unset MODEL_REGISTRY_DIR DATABASE_URL "${!MODELYARD_@}"
scratch=$(mktemp -d)
server=
clean_up() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$scratch"
}
trap clean_up EXIT

# Those of the suite that call tools, prompts and resources of the suite's own example server, and what ModelYard does not offer.
cat >"$scratch/not_applicable.yml" <<'LIST'
server:
  # The tools test_… of the suite's own example server, which a real server does not have.
  - tools-call-simple-text
  - tools-call-image
  - tools-call-audio
  - tools-call-embedded-resource
  - tools-call-mixed-content
  - tools-call-with-logging
  - tools-call-error
  - tools-call-with-progress
  - tools-call-sampling
  - tools-call-elicitation
  - elicitation-sep1034-defaults
  - elicitation-sep1330-enums
  - json-schema-2020-12
  # Its resources test://…, which a real server does not have.
  - resources-read-text
  - resources-read-binary
  - resources-templates-read
  - resources-subscribe
  - resources-unsubscribe
  # Its prompts test_…, and the completion of an argument of one.
  - prompts-get-simple
  - prompts-get-with-args
  - prompts-get-embedded-resource
  - prompts-get-with-image
  - completion-complete
  # Streams are not resumed: docs/HTTP_GUIDE.md says so.
  - server-sse-polling
LIST

platform=$(uname -s | tr '[:upper:]' '[:lower:]')-$(node -p process.arch)
npm install --prefix "$scratch" --no-audit --no-fund --no-save --ignore-scripts --loglevel=error \
  @modelcontextprotocol/conformance@0.1.16 "node-$platform@22.23.5" >/dev/null
node22=$(find "$scratch/node_modules/node-$platform" -name node -type f -path '*/bin/*' | head -n 1)

MODEL_REGISTRY_DIR=$scratch/store node dist/src/main.js serve --port 0 --workers 2 2>"$scratch/said" &
server=$!
for _ in $(seq 300); do
  url=$(sed -nE 's/.*(http:\/\/[^ ;]+).*/\1/p' "$scratch/said" | head -n 1)
  [ -z "$url" ] || break
  sleep 0.1
done
[ -n "$url" ] || { cat "$scratch/said" >&2; exit 1; }

"$node22" "$scratch/node_modules/@modelcontextprotocol/conformance/dist/index.js" server \
  --url "$url/mcp" --suite all --expected-failures "$scratch/not_applicable.yml" --output-dir "$scratch/results"
