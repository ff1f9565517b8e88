#!/usr/bin/env bash
# usage: unpack.sh PARTS_DIR SITE_DIR     verl 0.9.1 and sglang 0.5.12 as archive parts → a folder for PYTHONPATH
set -euo pipefail
mkdir -p "$2"
cat "$1"/part_* | xz -T0 -d | tar -C "$2" -xf -
python3 -m compileall -q -j 0 "$2" >/dev/null 2>&1 || true # without it every Ray worker start costs minutes
