//! turnd.
fn main() {}
