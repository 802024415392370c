//! libFuzzer's program for [`vipd_fuzz::wire_ah`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vipd_fuzz::wire_ah(bytes));
