//! libFuzzer's program for [`vipd_fuzz::config_text`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vipd_fuzz::config_text(bytes));
