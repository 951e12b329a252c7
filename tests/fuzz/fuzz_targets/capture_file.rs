#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checks::capture_file::check(bytes));
