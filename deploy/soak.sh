#!/usr/bin/env bash
# A soak: the daemon against ten simulated providers while faults are switched on and off, judged at the end.
#   deploy/soak.sh [MINUTES] [LLMBENCH]      default: 5 minutes, target/release/llmbench
# Seven providers are well. Of the others one stands still, one dies, and one only ever refuses; the daemon itself is
# killed and paused. Judged: `status --check` while a provider is gone and after it is back, the cadence of the healthy
# lanes, that each slot counts once, that nothing waits, and /metrics where SOAK_METRICS names its address.
# SOAK_STORE=mongodb://… takes another store than a fresh SQLite file. Needs bash and Python 3. Exit 0, or 1 with reasons.
set -euo pipefail
minutes=${1:-5}
llmbench=$(realpath "${2:-target/release/llmbench}")
cadence=20
home=$(mktemp -d)
children=()
finish() {
    local status=$?
    set +e
    for child in "${children[@]}"; do kill -CONT "$child"; kill -KILL "$child"; done 2>/dev/null
    wait 2>/dev/null || true
    if [ $status -eq 0 ]; then rm -rf "$home"; else echo "what is left is in $home"; fi
}
trap finish EXIT
export HOME=$home LLMBENCH_STATE_DIR=$home/state LLMBENCH_STORE=${SOAK_STORE:-sqlite:$home/runs.db}
unset XDG_CONFIG_HOME XDG_DATA_HOME XDG_STATE_HOME XDG_CACHE_HOME LLMBENCH_CONFIG MONGODB_URI

say() { echo "$(date -u +%H:%M:%S) $*"; }
fail() { say "FAILED: $*"; failures=$((failures + 1)); }
failures=0

# simulator NAME ADDRESS: starts one, and leaves its process in pid_NAME and its address in at_NAME.
simulator() {
    rm -f "$home/$1"
    "$llmbench" sim serve --listen "$2" >"$home/$1" 2>/dev/null &
    children+=($!)
    printf -v "pid_$1" %s $!
    until [ -s "$home/$1" ]; do sleep 0.1; done
    printf -v "at_$1" %s "$(sed 's,http://,,' "$home/$1")"
}

start() {
    "$llmbench" daemon 2>>"$home/daemon.log" >>"$home/daemon.log" &
    daemon=$!
    children+=("$daemon")
}

for name in well frozen dying; do simulator $name 127.0.0.1:0; done
{
    printf '[daemon]\ncadence = %s\ntick = 2.0\ndeadline = 10.0\nrecheck = 5.0\n' $cadence
    for n in 0 1 2 3 4 5 6 7 8 9; do
        case $n in 7) at=$at_frozen ;; 8) at=$at_dying ;; *) at=$at_well ;; esac
        printf "[providers.p%s]\ndialect = 'chat'\nbase_url = 'http://%s/v1'\n" $n "$at"
    done
} >"$home/config.toml"
export LLMBENCH_CONFIG=$home/config.toml
"$llmbench" db init >/dev/null 2>&1
for n in 0 1 2 3 4 5 6 7 8; do
    for tokens in 8 16 24; do echo "p$n:steady-ttft100-gap10-n$tokens"; done
done | "$llmbench" models add --from-file - --yes --reason soak >/dev/null 2>&1
"$llmbench" models add --no-probe --yes p9:error503 >/dev/null 2>&1
"$llmbench" models enable --no-probe p9:error503 --yes --reason soak >/dev/null 2>&1

begun=$(date +%s)
end=$((begun + $(printf %.0f "$(python3 -c "print($minutes * 60)")")))
start
kills=0 pauses=0 outages=0 seen=0
# One round takes 45 s. After the last one three turns pass, which is when a lane that only refuses is said to.
while [ $(($(date +%s) + 45 + 3 * cadence)) -lt $end ]; do
    sleep 10
    say "p7 stands still, p8 is dead"
    kill -STOP "$pid_frozen"; kill -KILL "$pid_dying"; wait "$pid_dying" 2>/dev/null || true
    outages=$((outages + 1))
    sleep 15
    say "the daemon is killed"
    kill -KILL "$daemon" || { fail "the daemon ended: $(tail -3 "$home/daemon.log")"; exit 1; }
    # Dead only when it was waited for: until then its lock is held.
    wait "$daemon" 2>/dev/null || true
    kills=$((kills + 1)); start
    sleep 15
    kill -0 "$daemon" || fail "the daemon ended: $(tail -3 "$home/daemon.log")"
    "$llmbench" status --check >"$home/check" 2>&1 || true
    grep -q p8 "$home/check" && seen=$((seen + 1))
    kill -CONT "$pid_frozen"; simulator dying "$at_dying"
    say "both are back; the daemon is paused"
    kill -STOP "$daemon"; sleep 3; kill -CONT "$daemon"; pauses=$((pauses + 1))
done
say "no more faults"
while [ "$(date +%s)" -lt $end ]; do sleep 1; done
[ $kills -gt 0 ] || fail "no fault was switched on: more minutes are needed"
[ $seen -gt 0 ] || fail "status --check never named the provider that was gone"
"$llmbench" status --json >"$home/status.json" || fail "status gave no answer"
"$llmbench" status --check >"$home/check" 2>&1 || say "status --check: $(cat "$home/check")"
grep -Ev 'too busy' "$home/check" | grep -Eq '\bp[0-8]: ' && fail "status --check complains of a lane that is well: $(cat "$home/check")"
grep -q p9 "$home/check" || fail "status --check does not name the lane that only refuses"
if [ -n "${SOAK_METRICS:-}" ]; then
    python3 -c "import sys, urllib.request as u; t = u.urlopen(sys.argv[1]).read().decode(); sys.exit('p0' not in t)" \
        "$SOAK_METRICS" || fail "/metrics does not tell of p0"
fi
grep VmRSS "/proc/$daemon/status" | tr -s '\t ' ' '
ps -o time=,etime= -p "$daemon" | sed 's/^/processor and wall time of the last process:/'
kill -TERM "$daemon"; wait "$daemon" || fail "the daemon ended with status $?"
tail -1 "$home/daemon.log"
tail -1 "$home/daemon.log" | grep -q ' 0 wait in the outbox' || fail "rows wait in the outbox"
"$llmbench" results list --published --json -n 10000 --since 7d >"$home/rows.json"
# Spoilt samples are not in the published series; a slot that had only those had its turn all the same.
"$llmbench" results list --probe --json -n 10000 --since 7d >"$home/spoilt.json"
python3 - $((end - begun)) $cadence "$home/rows.json" "$home/spoilt.json" <<'PYTHON' || failures=$((failures + 1))
import collections, json, sys
def read(path):
    answer = json.load(open(path))
    return answer if isinstance(answer, list) else next(value for value in answer.values() if isinstance(value, list))
rows = read(sys.argv[3]) + read(sys.argv[4])
rows = [row for row in rows if row.get("slot_at")]
slots, ids = collections.defaultdict(set), collections.Counter(row["_id"] for row in rows if "/" in row["_id"])
for row in rows:
    slots[row["provider"], row["model_name"]].add(row["slot_at"])
most, bad = float(sys.argv[1]) / float(sys.argv[2]), 0
for n in range(7):
    for (provider, model), had in sorted(slots.items()):
        if provider == f"p{n}" and len(had) < 0.7 * most:
            print(f"FAILED: {provider}:{model} had {len(had)} slots of {most:.0f}"); bad += 1
    if sum(provider == f"p{n}" for provider, _ in slots) != 3:
        print(f"FAILED: p{n} has models without a row"); bad += 1
bad += sum(count > 1 for count in ids.values())
suspect = sum(bool(row.get("suspect")) for row in rows)
shares = [len(had) / most for (provider, _), had in slots.items() if provider not in ("p7", "p8", "p9")]
print(f"{len(rows)} rows, {suspect} of them suspect, {len(ids)} counted slots; a healthy model had {min(shares):.0%} to {max(shares):.0%} of its slots")
sys.exit(bad > 0)
PYTHON
say "$outages outages, $kills kills, $pauses pauses; $failures failures"
[ $failures -eq 0 ]
