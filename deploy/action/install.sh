#!/usr/bin/env bash
# The first step of action.yml: finds or builds llmbench, and names it in the step's output `program`.
set -euo pipefail

program=${LLMBENCH_ACTION_PROGRAM:-}
if [[ -z $program ]]; then
  root=${RUNNER_TEMP:?}/llmbench
  cargo install --quiet --locked --path "${GITHUB_ACTION_PATH:?}" --root "$root"
  program=$root/bin/llmbench
fi
if ! version=$("$program" --version); then
  echo "::error::$program is no llmbench that runs here: check the input 'path'"
  exit 2
fi
echo "$version"
echo "program=$program" >>"${GITHUB_OUTPUT:?}"
