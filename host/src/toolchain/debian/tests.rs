use std::time::Duration;

use super::*;

fn shelf_with(folders: &[(&str, bool)]) -> tempfile::TempDir {
    let shelf = tempfile::tempdir().unwrap();
    for (name, whole) in folders {
        let folder = shelf.path().join(name);
        fs::create_dir(&folder).unwrap();
        if *whole {
            fs::write(folder.join(sysroot::MARKER), "").unwrap();
        }
    }
    shelf
}

#[test]
fn the_newest_whole_toolchain_is_taken() {
    let shelf =
        shelf_with(&[("1.99.0+dfsg1-1", false), ("1.96.0+dfsg1-1", true), ("1.100.0-1", true), (".staging-x", true)]);
    let finished_in = |folder: &Path| finished(&Shelf::new(folder.to_owned(), Duration::ZERO));
    assert_eq!(finished_in(shelf.path()), Some(shelf.path().join("1.100.0-1")));
    assert_eq!(finished_in(&shelf.path().join("none")), None);
}

#[test]
fn releases_compare_as_numbers() {
    assert_eq!(release("1.96.0+dfsg1-1~deb12u2"), [1, 96, 0]);
    assert_eq!(release("1:22.1.8-1"), [22, 1, 8]);
    assert!(release("1.100.0-1") > release("1.96.0-1"));
    assert!(release("1.95.0") >= release("1.95"));
}
