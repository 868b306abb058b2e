#!/usr/bin/env bash
# Writes docs/PARITY.md. With --reference, llama.cpp computes the reference again first.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "${1:-}" = --reference ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install -q llama-cpp-python==0.3.36 gguf==0.19.0 numpy
  for m in smollm2:135m gemma3:270m; do
    path=$(go run ./cmd/godwit pull "$m" --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["path"])')
    "$work/venv/bin/python" eval/parity/reference.py --model "${m%%:*}" "$path" --work "$work"
  done
fi
go test -tags long ./eval/parity -count=1 -timeout 90m -run Long -v -update
