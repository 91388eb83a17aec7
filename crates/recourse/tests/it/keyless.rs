//! An installation whose key file is gone or was mixed up: nothing starts, nothing is sealed with
//! another key, and no key is made that would hide what happened.

use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use keys::Keys;
use recourse::Program;

use crate::world::{World, on_both};

const MISSING: &str = "is not there; put back the one of this installation";
const WRONG: &str = "is not the one that this database was begun with";

/// Puts this key there, or none.
fn put(path: &Path, key: Option<&str>) {
    let _ = std::fs::remove_file(path);
    let Some(key) = key else { return };
    let file = std::fs::File::options().write(true).create_new(true).mode(0o600).open(path);
    std::io::Write::write_all(&mut file.unwrap(), key.as_bytes()).unwrap();
}

fn key_at(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

on_both! {
    async fn with_a_missing_or_wrong_key_nothing_starts_and_none_is_made(world: World) {
        world.opens_shop().await;
        world.stop().await;
        let (path, backup) = (world.settings.key_file.clone(), world.folder.join("all.backup"));
        let file = |name: &str| world.folder.join(name).to_str().unwrap().to_owned();
        let (good, bad) = (file("all.backup"), file("bad.backup"));
        assert_eq!(world.run(&["backup", &good], "").0, 0);
        let right = key_at(&path);
        let other = world.folder.join("other.key");
        Keys::load_or_make(&other).unwrap();
        let wrong = key_at(&other);
        for (key, expected) in [(None, MISSING), (wrong.as_deref(), WRONG)] {
            put(&path, key);
            let clock = Arc::clone(&world.clock);
            let fault = Program::start(world.settings.clone(), clock).await.err();
            let said = format!("{:#}", fault.expect("it does not start"));
            assert!(said.contains(expected), "{said}");
            for words in [
                &["serve", "--listen", "127.0.0.1:0"][..],
                &["agent", "list"],
                &["backup", &bad],
                &["keys", "rotate"],
                &["keys", "forget"],
                &["check"],
                &["audit", "verify"],
            ] {
                let (code, said) = world.run(words, "");
                assert!(code != 0 && said.contains(expected), "{words:?} {code}: {said}");
                assert_eq!(key_at(&path).as_deref(), key, "{words:?} made or changed a key");
            }
            assert!(!Path::new(&bad).exists());
        }
        put(&path, right.as_deref());

        let places = world.places_for_a_copy().await;
        for place in &places {
            let path = &place.settings.key_file;
            for (key, expected) in [(None, "is not there"), (wrong.as_deref(), "another key")] {
                put(path, key);
                let (code, said) = place.run(&["restore", backup.to_str().unwrap()], "");
                assert!(code != 0 && said.contains(expected), "{code}: {said}");
                assert_eq!(key_at(path).as_deref(), key);
                assert!(!place.folder.join("recourse.db").exists());
            }
        }
        world.start().await;
    }
}
