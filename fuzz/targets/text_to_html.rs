#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ui::fuzzing::text_to_html(bytes));
