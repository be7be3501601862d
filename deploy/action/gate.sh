#!/usr/bin/env bash
# The second step of action.yml: runs the gate, appends its summary to the job's page, and ends with llmbench's exit status.
set -uo pipefail

arguments=(--requests "${LLMBENCH_ACTION_REQUESTS:-5}")
# Adds each line of a text behind a flag; empty lines and the spaces around a line mean nothing.
each() {
  local line
  while IFS= read -r line; do
    line=${line#"${line%%[![:space:]]*}"}
    line=${line%"${line##*[![:space:]]}"}
    [[ -n $line ]] && arguments+=("${1:+$1=}$line")
  done <<<"$2"
}
each --model "${LLMBENCH_ACTION_MODELS:-}"
each --fail-if "${LLMBENCH_ACTION_FAIL_IF:-}"
each "" "${LLMBENCH_ACTION_ARGUMENTS:-}"
if [[ -n ${LLMBENCH_ACTION_STORE:-} ]]; then
  # Not as an argument: everybody on the machine may read arguments, and a URL may hold a password.
  export LLMBENCH_STORE=$LLMBENCH_ACTION_STORE
else
  arguments+=(--no-store)
fi

summary=$(mktemp)
trap 'rm -f -- "$summary"' EXIT
"${LLMBENCH_ACTION_PROGRAM:?}" run --markdown "${arguments[@]}" >"$summary"
status=$?
cat -- "$summary" >>"${GITHUB_STEP_SUMMARY:-/dev/stdout}"
echo "status=$status" >>"${GITHUB_OUTPUT:-/dev/null}"
exit "$status"
