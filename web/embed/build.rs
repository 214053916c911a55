// Embeds what `scripts/web.sh` builds: included by the build scripts of the crates
// that serve a page.
//
// Where it has not been built, nothing is embedded and the crate compiles all the
// same.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Writes the table of the files below `web/dist/<page>`.
fn embed(page: &str) {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let dist = here.join("../../web/dist");
    // The folder is there without a build too: a path that is missing would
    // make every build start anew.
    println!("cargo:rerun-if-changed={}", dist.display());
    println!("cargo:rerun-if-changed=build.rs");
    let root = dist.join(page);
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let mut table = String::from("pub(super) static FILES: &[File] = &[\n");
    for file in &files {
        let name = file.strip_prefix(&root).expect("found below it");
        let name = name.to_str().expect("the build makes plain names");
        let packed = |ending: &str| {
            let packed = PathBuf::from(format!("{}.{ending}", file.display()));
            if packed.is_file() {
                format!("Some(include_bytes!({packed:?}))")
            } else {
                "None".to_owned()
            }
        };
        let digest = digest(&fs::read(file).expect("just listed"));
        let _ = writeln!(
            table,
            "File {{ name: {name:?}, digest: \"{digest:016x}\", plain: include_bytes!({file:?}), \
             gzip: {}, brotli: {} }},",
            packed("gz"),
            packed("br"),
        );
    }
    table.push_str("];\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("app_files.rs"), table).expect("the output folder is writable");
}

/// All files that are not the packed form of another.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if !path
            .extension()
            .is_some_and(|ending| ending == "br" || ending == "gz")
        {
            files.push(path);
        }
    }
}

/// FNV-1a: tells two builds apart, and no more is asked of it.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
