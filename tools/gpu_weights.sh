#!/bin/sh
# Go on with the run of `make weights` on a machine with a GPU, for a limited time.
#
#   LIMIT=480 sh tools/gpu_weights.sh OUT [STATE]
#
# OUT: new folder for what comes back. STATE: the folder that an earlier call left, or that
# `sh tools/gpu_weights.sh --pack RUNS/weights STATE` made of a run; without it the run begins from
# BACKBONE. After LIMIT seconds of training, or the last step, OUT holds the log and the whole state, the average
# of the weights among it, in parts of 15 MB: they pass where large files do not.
# `sh tools/gpu_weights.sh --unpack OUT RUNS/weights` makes a run's folder of them, which `make weights` goes on with,
# or, where the last step is done, makes the weights of.
#
# The images are not carried along but made anew, the same by their seed. Needs no network: PYTHON is one
# that has the project's dependencies. MATERIALS, STEPS, KEEP, BACKBONE and TRAIN are those of the Makefile,
# and must be those of the run; DEVICE=cpu tries the way out.
set -eu
ROOT=$(cd "$(dirname "$0")/.." && pwd)
PYTHON=${PYTHON:-python3}
export PYTHONPATH="$ROOT/src${PYTHONPATH:+:$PYTHONPATH}"

pack() { # RUN OUT
    mkdir -p "$2"
    cp "$1/run.json" "$1/log.csv" "$2"
    gzip --fast --no-name --stdout "$1/training.safetensors" |
        split --bytes=15000000 --numeric-suffixes - "$2/training.part"
}

unpack() { # OUT RUN
    mkdir -p "$2"
    cp "$1/run.json" "$1/log.csv" "$2"
    cat "$1"/training.part* | gzip --decompress --stdout > "$2/training.partial"
    mv "$2/training.partial" "$2/training.safetensors"
}

case "${1:-}" in
--pack) pack "$2" "$3"; exit ;;
--unpack) unpack "$2" "$3"; exit ;;
"" | -h | --help) sed -n '2,20s/^# \{0,1\}//p' "$0"; exit ;;
esac

OUT=$1
RUNS=$(mktemp -d)
trap 'rm -rf "$RUNS"' EXIT
OBFTNET="$PYTHON -m obftnet" DEVICE=${DEVICE:-cuda} WORKERS=${WORKERS:-$(nproc)}
export RUNS OBFTNET DEVICE WORKERS
make -C "$ROOT" weights-data
if [ -n "${2:-}" ]; then unpack "$2" "$RUNS/weights"; fi
# Ended from outside, the run has its state on the disk, whole, of at most fifty steps ago.
timeout "${LIMIT:-480}" make -C "$ROOT" weights-run || [ $? -eq 124 ]
pack "$RUNS/weights" "$OUT"
tail -n 1 "$OUT/log.csv"
