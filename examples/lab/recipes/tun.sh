#!/bin/sh
# A program in another language against a lab, as root: npx -c 'sh examples/lab/recipes/tun.sh'
# The lab is a network namespace; the program runs in it.
set -eu
cd "$(dirname "$0")"
name=recipe$$

icmp lab up ../line-of-gateways.yaml --netns "$name" >"/tmp/$name.log" &
lab=$!
trap 'kill "$lab"; wait "$lab" 2>/dev/null || true; rm -f "/tmp/$name.log"' EXIT
until grep -q '^ready:' "/tmp/$name.log"; do
  kill -0 "$lab" || { cat "/tmp/$name.log"; exit 1; }
  sleep 0.1
done

# Node names are known there. What is expected is what the network of the file is like.
expect() {
  said=$(ip netns exec "$name" python3 ask.py "$2" "$3")
  [ "$said" = "$1" ] || { echo "$2 port $3: $said, not $1"; exit 1; }
  echo "$2 port $3: $said"
}
expect answered srv 53
expect refused srv 54
expect silent 10.0.3.77 53
