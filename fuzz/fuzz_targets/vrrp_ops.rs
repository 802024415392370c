//! libFuzzer's program for [`vipd_fuzz::vrrp_ops`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vipd_fuzz::vrrp_ops(bytes));
