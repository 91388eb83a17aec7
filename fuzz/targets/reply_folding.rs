#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| email::fuzzing::reply_folding(bytes));
