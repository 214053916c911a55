//! Embeds the console; see the file included.

#![expect(
    clippy::expect_used,
    reason = "a build script has nobody to hand an error to"
)]

include!("../../web/embed/build.rs");

fn main() {
    embed("console");
}
