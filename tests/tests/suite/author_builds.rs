//! What `berth policy build` warns of: what a server would refuse, and what would make it slow.

use berth_tests::{author::Author, pages::repository};

/// A policy in Rust with this in its source, which decides for the first hub.
fn source(author: Author, name: &str, statics: &str, lines: &str) -> Author {
    let sdk = repository().join("guest-sdk");
    let manifest = format!(
        "[package]\nname = \"{name}\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\"]\n\
         [dependencies]\nberth-sdk = {{ path = {:?} }}\n[workspace]\n",
        sdk.display().to_string()
    );
    let text = format!(
        "use berth_sdk::{{Decision, Refusal, Request}};\nberth_sdk::policy!(allocate);\n{statics}\n\
         fn allocate(request: &Request) -> Result<Decision, Refusal> {{\n    {lines}\n    \
         Ok(Decision::to(request.hubs().first()?))\n}}\n"
    );
    author.file(&format!("{name}/Cargo.toml"), manifest).file(&format!("{name}/src/lib.rs"), text)
}

/// The settings for the target are the author's own, so debug information can get in.
#[tokio::test]
async fn memory_that_grows_and_debug_information_are_warned_of() {
    let grows = "core::hint::black_box(vec![1_u8; 4 << 20]);";
    let debug = "[target.wasm32-unknown-unknown]\nrustflags = [\"-Cdebuginfo=2\", \"-Cstrip=none\"]\n";
    let author = source(Author::default(), "slow", "", grows).file("slow/.cargo/config.toml", debug);
    let told = author.runs(&["build", "slow"]).await;
    told.says(0, &["warning: it carries what debuggers read", "warning: a plain decision grows its memory by 4."]);
    // With neither, nothing is said.
    let author = source(author, "slow", "", "").file("slow/.cargo/config.toml", "");
    let told = author.runs(&["build", "slow"]).await;
    assert!(told.code == 0 && !told.stdout.contains("warning"), "{told:?}");
    let check = r#"{"request": BODY, "expect": {"refusal": {"kind": "reject"}}}"#;
    let check = check.replace("BODY", berth_tests::bodies::phone());
    let author = source(author, "slow", "", &format!("if request.payload().text().is_some() {{ {grows} }}"))
        .file("slow/checks/phone.json", check);
    author.runs(&["build", "slow"]).await.says(0, &["the decision of checks/phone.json grows its memory by 4."]);
}

#[tokio::test]
async fn a_large_component_is_warned_of() {
    let large = "static LARGE: [u8; 9 << 20] = [7; 9 << 20];";
    let author = source(Author::default(), "large", large, "core::hint::black_box(&LARGE);");
    author.runs(&["build", "large"]).await.says(0, &["warning: it has 9 MB: a server compiles it for some seconds"]);
}

#[tokio::test]
async fn imports_of_wasi_are_warned_of() {
    let guest = repository().join("tests/guests/wasi");
    let told = Author::default().runs(&["build", guest.to_str().unwrap(), "-o", "wasi.wasm"]).await;
    let refused = "which no policy has: Berth will refuse it; `berth policy seal` answers it inside";
    told.says(0, &["warning: it imports wasi:cli/stdout@0.2.", refused]);
}
