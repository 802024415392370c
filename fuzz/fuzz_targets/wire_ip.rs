//! libFuzzer's program for [`vipd_fuzz::wire_ip`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vipd_fuzz::wire_ip(bytes));
