//! Any text is a template or an error.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use tiphys::render::template::{Functions, Templates};

fuzz_target!(|text: &str| {
    let mut templates = Templates::new(Arc::new(Functions::builtins()));
    let _ = templates.parse("input", text);
});
