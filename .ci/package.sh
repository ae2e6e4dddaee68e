#!/usr/bin/env bash
# Packs this platform's tarball and MCP bundle, installs the tarball in empty folders as npm 10, 11 and 12 do, runs the demo, starts
# the bundle by its manifest, and lists and calls tools, reads resources and asks for prompts with other people's clients. Only the npm and Python registries are needed.
#   PYTHON (python3): a Python of 3.10 or later, with venv
set -euo pipefail
cd "$(dirname "$0")/.."
# Settings of the developer, or of the tests, are none of a user: the server refuses to start with one that it does not know.
unset MODEL_REGISTRY_DIR DATABASE_URL "${!MODELYARD_@}"
say() { printf '\n== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
root=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
platform=$(node -p '`${process.platform}-${process.arch}`')
version=$(node -p 'require("./package.json").version')
# npm of a version, in a home of its own: none of the developer's settings counts.
npm_of() {
  local major=$1
  shift
  HOME=$scratch/home node "$scratch/npm$major/node_modules/npm/bin/npm-cli.js" "$@"
}
install_tool() { # FOLDER PACKAGE…
  local folder=$scratch/$1
  shift
  mkdir -p "$folder"
  npm install --prefix "$folder" --no-audit --no-fund --no-save --loglevel=error "$@" >/dev/null
}
mkdir "$scratch/home"

say "packages of $platform"
npm run --silent pack -- "$platform"
tarball=$root/release/modelyard-$version-$platform.tgz
bundle=$root/release/modelyard-$version-$platform.mcpb
node test/build/check_server_file.mjs release/server.json || fail "the MCP registry would not take release/server.json"

say "other versions of npm and Node"
for npm in 10.9.9 11.21.2 12.2.2; do install_tool "npm${npm%%.*}" "npm@$npm"; done
newer=24.21.0
install_tool node "node-$(uname -s | tr '[:upper:]' '[:lower:]')-$(node -p process.arch)@$newer"
newer_path=$(dirname "$(find "$scratch/node" -name node -type f -path '*/bin/*' | head -n 1)"):$PATH
[ "$(PATH=$newer_path node --version)" = "v$newer" ] || fail "Node $newer is not there"

for npm in 10 11 12; do
  [ $npm = 12 ] && path=$newer_path || path=$PATH
  say "npm $npm on Node $(PATH=$path node --version), in an empty folder"
  folder=$scratch/installed$npm
  mkdir "$folder"
  said=$(cd "$folder" && PATH=$path npm_of $npm install --no-audit --no-fund --no-update-notifier "$tarball" 2>&1)
  printf '%s\n' "$said"
  [ "$(printf '%s' "$said" | grep -cvE '^(added 1 package in .*)?$')" = 0 ] || fail "npm $npm says more than that it worked"
  packages=$(find "$folder/node_modules" -name package.json -not -path '*/examples/*' | wc -l)
  megabytes=$(du -sm "$folder/node_modules" | cut -f1)
  echo "$packages packages, $megabytes MB"
  [ "$packages" -le 40 ] && [ "$megabytes" -le 150 ] || fail "it is too large"
  (cd "$folder" && PATH=$path npm_of $npm exec --no-update-notifier --loglevel=error -- modelyard --version | grep -qx "$version") || fail "npm exec does not find the command"
  (cd / && HOME=$scratch/home PATH=$path "$folder/node_modules/.bin/modelyard" demo | tail -n 1)
done
modelyard=$scratch/installed10/node_modules/.bin/modelyard
example=$scratch/installed10/node_modules/modelyard/examples/nba

say "npm refuses another platform's package"
npm run --silent pack -- --folder "$scratch/other" "$([ "$platform" = win32-x64 ] && echo linux-x64 || echo win32-x64)"
mkdir "$scratch/refused"
(cd "$scratch/refused" && npm_of 10 install --no-audit --no-fund --install-links "$scratch/other" 2>&1 || true) | grep -q EBADPLATFORM ||
  fail "npm installs another platform's package"

say "the MCP bundle, unpacked and started by its manifest"
install_tool mcpb @anthropic-ai/mcpb@2.1.2
"$scratch/mcpb/node_modules/.bin/mcpb" unpack "$bundle" "$scratch/bundle" >/dev/null
node test/installed/start_bundle.mjs "$scratch/bundle" "$scratch/mcpb/node_modules/@anthropic-ai/mcpb" "$scratch/home"

say "clients in Python"
python=${PYTHON:-python3}
with() { # REQUIREMENTS PROGRAM…
  local requirements=$1 environment=$scratch/python_$1
  shift
  "$python" -m venv "$environment"
  "$environment/bin/pip" install -qq --disable-pip-version-check -r "test/installed/$requirements.txt"
  for program in "$@"; do
    printf '%s: ' "$(tr '\n' ' ' <"test/installed/$requirements.txt")$program"
    PYTHONDONTWRITEBYTECODE=1 "$environment/bin/python" "test/installed/$program.py" "$modelyard" "$example"
  done
}
with mcp with_mcp with_mcp_http
with mcp_2 with_mcp with_mcp_2 with_mcp_2_http
with fastmcp with_fastmcp with_fastmcp_http
with langchain with_langchain

# Those that are command lines: a store that they share, and a configuration that names what is installed.
config=$scratch/clients.json
node - "$modelyard" "$scratch/clients" "$example" >"$config" <<'END'
const [command, directory, roots] = process.argv.slice(2);
const env = { MODEL_REGISTRY_DIR: directory, MODELYARD_ALLOWED_ROOTS: roots };
console.log(JSON.stringify({ mcpServers: { modelyard: { command, args: [], env } } }));
END
names=$(node -p "JSON.stringify(require('$example/features.json').feature_names)")
row=$(node -p "JSON.stringify([Object.fromEntries($names.map((name) => [name, 1]))])")
node test/installed/hundred_models.mjs "$example" |
  HOME=$scratch/home MODEL_REGISTRY_DIR=$scratch/clients MODELYARD_ALLOWED_ROOTS=$example "$modelyard" >/dev/null

says() { # TEXT COMMAND…
  local text=$1 said
  shift
  said=$("$@") || fail "$*"
  [[ $said == *"$text"* ]] || fail "$* does not say $text"
}
# Each run is a session of its own: none has a file that an answer linked to. None completes arguments or subscribes.
reads_resources() { # MODEL COMMAND…: the command reads the address that follows
  local model=modelyard://models/$1
  shift
  says versions_total "$@" modelyard://models
  says as_described "$@" "$model/versions/1"
  says healthy "$@" "$model/health"
  says 'Nothing has been measured yet' "$@" "$model/drift/latest"
}
lists_resources() { # NUMBER COMMAND…
  local number=$1 said
  shift
  said=$("$@" | grep -c '"uri": "modelyard://') || fail "$*"
  [ "$said" = "$number" ] || fail "$* lists $said resources and not $number"
}

say "the inspector"
install_tool inspector0 @modelcontextprotocol/inspector@0.15.0
install_tool inspector2 @modelcontextprotocol/inspector@2.12.0
for inspector in inspector0 inspector2; do
  [ $inspector = inspector2 ] && path=$newer_path || path=$PATH
  inspect() {
    HOME=$scratch/home PATH=$path MCP_INSPECTOR_SECRET_STORE=memory "$scratch/$inspector/node_modules/.bin/mcp-inspector" --cli --config "$config" --server modelyard "$@" </dev/null
  }
  inspect --method tools/list | grep -q '"deploy_model"' || fail "$inspector does not list deploy_model"
  inspect --method tools/call --tool-name deploy_model --tool-arg "model_id=$inspector" version=1 "source=$example/home_win_v2.onnx" "feature_names=$names" | grep -q active ||
    fail "$inspector does not deploy"
  inspect --method tools/call --tool-name predict --tool-arg "model_id=$inspector" "inputs=$row" | grep -q prediction_id || fail "$inspector does not predict"
  # Models, rollouts and alerts as a whole, the hundred, inspector0 and inspector2: the older shows the first page only.
  lists_resources "$([ $inspector = inspector0 ] && echo 100 || echo 105)" inspect --method resources/list
  says 'modelyard://models/{model_id}/versions/{version}' inspect --method resources/templates/list
  reads_resources $inspector inspect --method resources/read --uri
  says roll_out_safely inspect --method prompts/list
  says start_rollout inspect --method prompts/get --prompt-name roll_out_safely --prompt-args "model_id=$inspector" version=1
  echo "$inspector ok"
done
HOME=$scratch/home PATH=$newer_path MCP_INSPECTOR_SECRET_STORE=memory "$scratch/inspector2/node_modules/.bin/mcp-inspector" --cli --config "$config" --server modelyard --strict --method tools/list </dev/null >"$scratch/strict" 2>&1 ||
  { cat "$scratch/strict" >&2; fail "the inspector finds schemas that some clients do not take"; }

say "mcporter"
install_tool mcporter mcporter@0.12.3
mcporter() { (cd "$scratch/home" && HOME=$scratch/home PATH=$newer_path "$scratch/mcporter/node_modules/.bin/mcporter" --config "$config" "$@" </dev/null); }
mcporter list modelyard --brief | grep -q deploy_model || fail "mcporter does not list deploy_model"
mcporter call modelyard.deploy_model --args "{\"model_id\":\"mcporter\",\"version\":\"1\",\"source\":\"$example/home_win_v2.onnx\",\"feature_names\":$names}" | grep -q active ||
  fail "mcporter does not deploy"
mcporter call modelyard.predict --args "{\"model_id\":\"mcporter\",\"inputs\":$row}" | grep -q prediction_id || fail "mcporter does not predict"
# It knows neither templates nor prompts, and shows the first page of resources only.
lists_resources 100 mcporter resource modelyard --json
reads_resources mcporter mcporter resource modelyard
echo "mcporter ok"
