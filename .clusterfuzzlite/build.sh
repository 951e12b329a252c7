#!/bin/bash -eu
# Builds the targets that need no DPDK: what a target links has to be in the image that runs it, and
# DPDK's shared libraries are not. SANITIZER is address: Rust's targets know no other there.
targets="parse_frame arp ipv4_options reassembly"
for target in $targets; do
    cargo fuzz build --fuzz-dir tests/fuzz -O --no-default-features "$target"
    cp "tests/fuzz/target/x86_64-unknown-linux-gnu/release/$target" "$OUT/"
    zip -jq "$OUT/${target}_seed_corpus.zip" "tests/fuzz/corpus/$target"/*
done
