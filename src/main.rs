//! The `spandrel` binary.
fn main() {}
