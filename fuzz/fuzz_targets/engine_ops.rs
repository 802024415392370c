//! libFuzzer's program for [`vipd_fuzz::engine_ops`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vipd_fuzz::engine_ops(bytes));
