//! libFuzzer's inputs to the target of this name.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| unbait_fuzz::json_lines::try_input(bytes));
