#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| email::fuzzing::mime(bytes));
