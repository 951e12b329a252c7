#!/bin/sh
# A swarm in N shards by GNU parallel: on this machine, or on several that see the same files.
#
#   docs/swarm/parallel.sh SCENARIO A..B N OUT [options of parallel]
#   docs/swarm/parallel.sh fixtures/scenarios/router.toml 0..100000 8 out
#   docs/swarm/parallel.sh box.toml 0..1000000 16 out --sshlogin 8/host1,8/host2 --workdir .
#
# Run it again to go on: --resume takes no unit twice. The exit code is that of the merge.
set -eu
lockstep=${LOCKSTEP:-lockstep}
scenario=$1 seeds=$2 n=$3 out=$4
shift 4
mkdir -p "$out"
# A shard that finds something exits with 1. It is through all the same, so its code is not ours.
seq "$n" | parallel --joblog "$out/jobs.log" --results "$out/log" "$@" \
    "$lockstep swarm $scenario --seeds $seeds --shard {}/$n --out $out/r.{}.jsonl --resume" \
    >"$out/shards.txt" || true
exec "$lockstep" merge "$out"/r.*.jsonl --out "$out/all.jsonl" --junit "$out/all.xml"
