#!/usr/bin/env bash
# The real binary under a shifted clock, from right before a change of the clocks to right after it: `check` takes the
# policy, `plan`, next_at, schedule_next_timestamp_seconds and what the daemon begins name the same moments, and
# `rehearse` lives through as many.
#   tests/process/shifted.sh PATH-OF-LIFEBOAT     (needs faketime, curl and python3)
set -euo pipefail
lifeboat=$1
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
export TZ=UTC AWS_ACCESS_KEY_ID=AKIA111122223333TEST AWS_SECRET_ACCESS_KEY=test NO_COLOR=1
port=4580
field() { python3 -c 'import json,sys; print(eval("d"+sys.argv[1], {"d": json.load(sys.stdin)}))' "$1"; }
same() { [ "$1" = "$2" ] || { echo "$case_: $3 says $1, not $2"; cat "$work/log"; exit 1; }; }
until_() { for _ in $(seq 300); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done; echo "$case_: never: $*"; cat "$work/log"; exit 1; }

# Writes the policy file: one source by this schedule in this zone, and the endpoint at $port.
policy() {
  cat >"$work/lifeboat.toml" <<TOML
[daemon]
state = "$work/state.db"
listen = "127.0.0.1:$((port + 1))"
control = "$work/control.sock"
poll = "5s"
[aws]
endpoint_url = "http://127.0.0.1:$port"
[[policy]]
name = "dst"
region = "us-east-1"
file_systems = ["fs-0123456789abcdef0"]
schedule = "$1"
timezone = "$2"
  [[policy.destination]]
  region = "us-west-2"
TOML
  export LIFEBOAT_CONFIG="$work/lifeboat.toml"
}

# The line and its zone; its first firing, twenty seconds before which the daemon starts, and the one after it; how many
# there are from that start on in 24 hours.
try() {
  local line=$1 zone=$2 first=$3 second=$4 in_a_day=$5
  case_="'$line' $zone $first"
  port=$((port + 2))
  local start; start=$(date -u -d "$first - 20 seconds" '+%Y-%m-%d %H:%M:%S')
  rm -f "$work"/state.db*
  policy "$line" "$zone"
  faketime "$start" "$lifeboat" check >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
  same "$(faketime "$start" "$lifeboat" plan --json 2>>"$work/log" | field '["policies"][0]["next_at"][:2]')" "['$first', '$second']" plan
  same "$(faketime "$start" "$lifeboat" rehearse --start "${start/ /T}Z" --days 1 --json 2>>"$work/log" | field '["calls_per_day"]["CreateBackup"]')" "$in_a_day" rehearse
  faketime "$start" "$lifeboat" simulator --listen "127.0.0.1:$port" >"$work/simulator.log" 2>&1 &
  local simulator=$!
  until_ grep -q http:// "$work/simulator.log"
  faketime "$start" "$lifeboat" run 2>"$work/log" &
  local daemon=$!
  until_ curl -fsS "http://127.0.0.1:$((port + 1))/readyz"
  same "$(curl -fsS "http://127.0.0.1:$((port + 1))/api/v1/status" | field '["policies"][0]["next_at"]')" "$first" next_at
  same "$(curl -fsS "http://127.0.0.1:$((port + 1))/metrics" | awk '/^lifeboat_schedule_next_timestamp_seconds/ {printf "%d", $2}')" "$(date -u -d "$first" +%s)" metric
  until_ grep -q "occurrence opened" "$work/log"
  same "$(grep 'occurrence opened' "$work/log" | head -1 | grep -o "$first")" "$first" 'the daemon'
  same "$(curl -fsS "http://127.0.0.1:$((port + 1))/api/v1/status" | field '["policies"][0]["next_at"]')" "$second" 'next_at after it'
  pkill -TERM -P "$daemon" 2>/dev/null || kill "$daemon"
  pkill -TERM -P "$simulator" 2>/dev/null || kill "$simulator"
  wait "$daemon" "$simulator" 2>/dev/null || true
  echo "ok $case_"
}

try '0 2,14 * * *' America/New_York 2027-03-14T07:00:00Z 2027-03-14T18:00:00Z 3
try '0 1,13 * * *' America/New_York 2026-11-01T05:00:00Z 2026-11-01T18:00:00Z 2
try '*/20 2 * * *' Europe/Paris 2027-03-28T01:00:00Z 2027-03-29T00:00:00Z 4
try '30 23 * * 6' America/Nuuk 2027-03-28T01:00:00Z 2027-04-04T00:30:00Z 1
try '0 0,12 * * *' America/Havana 2027-03-14T05:00:00Z 2027-03-14T16:00:00Z 3
try '30 */1 * * *' Australia/Melbourne 2026-04-04T15:30:00Z 2026-04-04T16:30:00Z 24

# A host whose clock is set 25 hours ahead for six seconds, and then goes right: not a minute is lost, and nothing is said
# to be due at another time.
jump() {
  case_='a clock that jumps'
  port=$((port + 2))
  rm -f "$work"/state.db* "$work/log" "$work/simulator.log"
  policy '*/10 * * * * *' UTC
  "$lifeboat" simulator --listen "127.0.0.1:$port" --speed 1000 >"$work/simulator.log" 2>&1 &
  local simulator=$!
  until_ grep -q http:// "$work/simulator.log"
  echo '+0s' >"$work/offset"
  LD_PRELOAD=$(dirname "$(find /usr/lib -name libfaketime.so.1 | head -1)")/libfaketime.so.1 \
    FAKETIME_TIMESTAMP_FILE="$work/offset" FAKETIME_CACHE_DURATION=1 FAKETIME_DONT_FAKE_MONOTONIC=1 \
    "$lifeboat" run 2>"$work/log" &
  local daemon=$!
  until_ grep -q "occurrence opened" "$work/log"
  local metrics="http://127.0.0.1:$((port + 1))/metrics"
  ahead() { curl -fsS "$metrics" | awk '/^lifeboat_clock_offset_seconds/ {exit !($2 > 80000)}'; }
  level() { curl -fsS "$metrics" | awk '/^lifeboat_clock_offset_seconds/ {exit !($2 < 2 && $2 > -2)}'; }
  echo '+25h' >"$work/offset"
  until_ grep -q "the host's clock jumped" "$work/log"
  until_ ahead
  sleep 4
  echo '+0s' >"$work/offset"
  until_ level
  local before; before=$(grep -c "occurrence opened" "$work/log")
  more() { [ "$(grep -c "occurrence opened" "$work/log")" -gt $((before + 2)) ]; }
  until_ more
  # Three more came due within half a minute of the clock's being right, and none a day ahead is on record.
  local history; history=$("$lifeboat" history --limit 1000)
  local tomorrow; tomorrow=$(date -u -d '+1 day' +%Y-%m-%d)
  if grep -qE "missed|$tomorrow" <<<"$history" || grep -q "occurrence=$tomorrow" "$work/log"; then
    echo "$case_: $history"; cat "$work/log"; exit 1
  fi
  kill "$daemon" "$simulator"
  wait "$daemon" "$simulator" 2>/dev/null || true
  echo "ok $case_"
}
jump
