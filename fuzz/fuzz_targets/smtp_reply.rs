//! libFuzzer's program for [`vipd_fuzz::smtp_reply`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vipd_fuzz::smtp_reply(bytes));
