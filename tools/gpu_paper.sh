#!/bin/sh
# What a CPU cannot measure of the paper's network, in one go on a GPU, under ten minutes; prints JSON.
#   tools/gpu_paper.sh DATA WEIGHTS [OUT] [tools/gpu_paper.py's other options]
# DATA: a folder of the protocol mvtec_partial. WEIGHTS: MobileNetV2's. It ends by itself; what is there by then
# stands in OUT/gpu_paper.json.
set -eu
DATA=$1
WEIGHTS=$2
OUT=${3:-${OUT:-runs/gpu_paper}}
[ $# -lt 3 ] && shift 2 || shift 3
exec timeout --kill-after=10 590 "${PYTHON:-python3}" "$(dirname "$0")/gpu_paper.py" \
    --data "$DATA" --weights "$WEIGHTS" --out "$OUT" "$@"
