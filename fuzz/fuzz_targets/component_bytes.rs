#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wasmote_fuzz::component_bytes(data));
