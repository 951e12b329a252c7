//! Nothing: how fast libFuzzer itself is.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    std::hint::black_box(bytes);
});
