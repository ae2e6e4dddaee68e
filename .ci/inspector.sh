#!/usr/bin/env bash
# Calls tools/list and every tool through the inspector's command line with the project's mcp.config.json, as a
# user would. INSPECTOR is its executable. What servers and npm say on standard error, which the inspector swallows, is
# shown when something fails.
set -euo pipefail
cd "$(dirname "$0")/.."
# Settings of the developer, or of the tests, are none of a user: the server refuses to start with one that it does not know.
unset MODEL_REGISTRY_DIR DATABASE_URL "${!MODELYARD_@}"
# The inspector hands a server little more than HOME: with one of its own, the registry is new and goes away.
HOME=$(mktemp -d)
export HOME
log=$HOME/standard_error
config=$HOME/mcp.config.json
node - "$log" >"$config" <<'END'
const { mcpServers } = require('./mcp.config.json');
const [log] = process.argv.slice(2);
for (const server of Object.values(mcpServers)) {
  server.args = ['-c', 'exec "$@" 2>>"$0"', log, server.command, ...server.args];
  server.command = 'bash';
}
console.log(JSON.stringify({ mcpServers }));
END
end() {
  local code=$?
  if [ $code -ne 0 ]; then
    printf 'Ended with %s. Standard error of the servers, then of npm:\n' "$code" >&2
    tail -n 100 "$log" >&2 || true
    tail -n 50 "$HOME"/.npm/_logs/*.log >&2 || true
  fi
  rm -rf "$HOME"
}
trap end EXIT
example=$PWD/examples/nba
names=$(node -p "JSON.stringify(require('./examples/nba/features.json').feature_names)")
row=$(node -p "JSON.stringify([Object.fromEntries(require('./examples/nba/features.json').feature_names.map((n) => [n, 1]))])")

inspect() {
  local answer
  answer=$("$INSPECTOR" --cli --config "$config" --server modelyard "$@" </dev/null)
  if printf '%s' "$answer" | grep -q '"isError": true'; then
    printf 'FAILED: %s\n%s\n' "$*" "$answer" >&2
    return 1
  fi
  printf '%s' "$answer"
}
call() {
  local tool=$1
  shift
  local arguments=()
  [ $# -eq 0 ] || arguments=(--tool-arg "$@")
  inspect --method tools/call --tool-name "$tool" ${arguments[@]+"${arguments[@]}"} >/dev/null
  called="$called $tool"
  echo "$tool ok"
}

# A call that must be refused, since there is nothing yet that it could be about.
refused() {
  local tool=$1 code=$2 answer
  shift 2
  answer=$("$INSPECTOR" --cli --config "$config" --server modelyard --method tools/call --tool-name "$tool" --tool-arg "$@" </dev/null)
  printf '%s' "$answer" | grep -q "$code" || { printf 'NOT REFUSED: %s\n%s\n' "$tool" "$answer" >&2; return 1; }
  called="$called $tool"
  echo "$tool refused with $code, ok"
}

called=
listed=$(inspect --method tools/list | node -e 'let t="";process.stdin.on("data",(d)=>t+=d).on("end",()=>console.log(JSON.parse(t).tools.map((x)=>x.name).sort().join("\n")))')
call register_model model_id=nba version=0 "source=$example/home_win_v1.onnx" "feature_names=$names"
call deploy_model model_id=nba version=1 "source=$example/home_win_v2.onnx" "feature_names=$names" 'class_labels=["away_win","home_win"]'
call predict model_id=nba "inputs=$row"
call predict_file model_id=nba "input_path=$example/season.csv" "output_path=$HOME/season.csv"
call promote_model model_id=nba version=1 target_stage=staging
call set_reference_data model_id=nba "path=$example/reference.csv"
call detect_drift model_id=nba "current_path=$example/season.csv"
call health_check
call search_models
call get_model model_id=nba
call list_predictions model_id=nba limit=3
call log_predictions model_id=nba version=1 "predictions=[{\"features\": ${row:1:-1}, \"prediction\": \"home_win\"}]"
call record_outcomes model_id=nba 'outcomes=[{"prediction_id": "018f0000-0000-7000-8000-000000000000", "actual": "home_win"}]'
call get_performance model_id=nba
call list_alerts
refused acknowledge_alert INVALID_INPUT alert_id=none
call deploy_model model_id=nba version=0 set_active=false
call set_traffic model_id=nba 'weights={"0": 0.1, "1": 0.9}'
call reset_circuit_breaker model_id=nba version=0
call set_traffic model_id=nba 'weights={"1": 1}'
call update_model model_id=nba version=1 'tags={"season": "2025"}' 'aliases={"champion": "1"}'
call compare_models model_id=nba 'versions=["0", "champion"]'
call retire_model model_id=nba version=0
call promote_model model_id=nba version=1 target_stage=production
call promote_model model_id=nba version=0 target_stage=production
call rollback_model model_id=nba reason=trial
call register_model model_id=nba version=2 "source=$example/home_win_v1.onnx" "feature_names=$names" 'class_labels=["away_win","home_win"]'
call backtest model_id=nba version=2 "path=$example/season.csv"
rollout=$(inspect --method tools/call --tool-name start_rollout --tool-arg model_id=nba version=2 | grep -oE '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}' | head -n 1)
echo "start_rollout ok"
call get_rollout "rollout_id=$rollout"
call control_rollout "rollout_id=$rollout" action=abort reason=trial
called="$called start_rollout"
# Without an MLflow server the tool must say so, and nothing else.
answer=$("$INSPECTOR" --cli --config "$config" --server modelyard --method tools/call --tool-name sync_mlflow </dev/null || true)
printf '%s' "$answer" | grep -q MLFLOW_UNAVAILABLE || { printf 'FAILED: sync_mlflow\n%s\n' "$answer" >&2; exit 1; }
called="$called sync_mlflow"
missed=$(comm -23 <(printf '%s\n' "$listed") <(printf '%s\n' $called | sort -u))
[ -z "$missed" ] || { echo "tools that were listed but not called: $missed" >&2; exit 1; }
