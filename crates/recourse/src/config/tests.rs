use super::*;

fn given(file: &str) -> Result<Settings, BadSetting> {
    let values = toml::from_str(file).map_err(|fault: toml::de::Error| BadSetting::File {
        path: "recourse.toml".to_owned(),
        fault: fault.message().to_owned(),
    })?;
    let file = file::File { path: "recourse.toml".to_owned(), values };
    Settings::from_given(&Given::new(Flags::default(), Some(file)))
}

fn refusal(file: &str) -> String {
    given(file).unwrap_err().to_string()
}

#[test]
fn without_settings_there_is_a_server_for_this_machine() {
    let settings = given("").unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.base_url, "http://localhost:8080");
    assert_eq!(settings.database, Location::File("data/recourse.db".into()));
    assert_eq!(settings.storage, Place::Folder("data/files".into()));
    assert_eq!(settings.key_file, PathBuf::from("data/recourse.key"));
    assert_eq!((settings.api_pace, settings.disk_reserve_mib), (Pace::default(), 32));
    assert_eq!(settings.stopping, Stopping::default());
    assert!(settings.lmtp.is_none() && settings.trusted_proxies.is_empty());
}

#[test]
fn a_file_says_it_all() {
    let settings = given(
        "listen = '0.0.0.0:80'\nbase_url = 'https://help.example.com/'\nlmtp = '127.0.0.1:2424'\n\
         database_url = 'postgres://u:p@db/x'\nstorage_url = 's3://bucket'\n\
         trusted_proxies = ['10.0.0.0/8', '127.0.0.1']\nallow_internal = 'mail.lan, 10.1.0.0/16'\n\
         api_requests_a_minute = 300\nsecurity_contact = 'safe@example.com'\n\
         stop_grace = 0\nstop_within = '8'",
    )
    .unwrap();
    assert_eq!(settings.base_url, "https://help.example.com");
    assert_eq!(settings.host(), "help.example.com");
    assert!(settings.is_https());
    assert_eq!(settings.trusted_proxies.len(), 2);
    assert_eq!(settings.allow_internal.len(), 2);
    assert_eq!(settings.api_pace.requests_a_minute, 300);
    assert_eq!(settings.security_contact.as_deref(), Some("mailto:safe@example.com"));
    let seconds = |number| std::time::Duration::from_secs(number);
    assert_eq!(settings.stopping, Stopping { grace: seconds(0), within: seconds(8) });
}

#[test]
fn a_flag_counts_more_than_the_file() {
    let values = toml::from_str("listen = '127.0.0.1:1'\ndata = '/a'").unwrap();
    let file = file::File { path: "recourse.toml".to_owned(), values };
    let flags = Flags { listen: Some("127.0.0.1:2".to_owned()), ..Flags::default() };
    let settings = Settings::from_given(&Given::new(flags, Some(file))).unwrap();
    assert_eq!(settings.listen.port(), 2);
    assert_eq!(settings.data, PathBuf::from("/a"));
}

#[test]
fn a_bad_setting_is_one_clear_sentence() {
    for (file, expected) in [
        (
            "security_contact = 'https://x.example/a b'",
            "security_contact in recourse.toml is “https://x.example/a b”, but it must be an \
             address of mail or a link that begins with https://",
        ),
        (
            "api_requests_a_minute = 0",
            "api_requests_a_minute in recourse.toml is “0”, but it must be a number from 1 to \
             1000000",
        ),
        (
            "stop_within = 60",
            "stop_within in recourse.toml is “60”, but it must be a number of seconds from 2 to 25",
        ),
        (
            "listen = 'here'",
            "listen in recourse.toml is “here”, but it must be an address with a port, such as \
             127.0.0.1:8080",
        ),
        (
            "trusted_proxies = '10.0.0.0/8, proxy'",
            "trusted_proxies in recourse.toml is “10.0.0.0/8, proxy”, but “proxy” is not a \
             network such as 10.0.0.0/8 or 127.0.0.1",
        ),
        (
            "database_url = 'mysql://root:secret@db/x'",
            "database_url in recourse.toml is “…”, but the database URL must begin with \
             postgres:// or postgresql://, or be left out for SQLite",
        ),
        (
            "base_url = 'http://support.example.com'",
            "base_url in recourse.toml is “http://support.example.com”, but the base URL must \
             look like https://support.example.com; plain http:// is taken only for this machine",
        ),
    ] {
        assert_eq!(refusal(file), expected);
    }
    assert!(refusal("lisen = '127.0.0.1:1'").contains("unknown field `lisen`"));
}

#[test]
fn a_base_url_has_a_host_that_can_be() {
    for wrong in [
        "https://a.example:banana",
        "https://...",
        "https://",
        "https://a.example:",
        "https://u@a.example",
        "https://a..example",
        "https://a.example:99999",
        "ftp://a.example",
    ] {
        assert!(given(&format!("base_url = '{wrong}'")).is_err(), "{wrong}");
    }
}

#[test]
fn hosts_are_read_with_and_without_ports() {
    for (url, host) in [
        ("https://a.example", "a.example"),
        ("https://a.example:8443", "a.example"),
        ("http://[::1]:8080", "[::1]"),
    ] {
        assert_eq!(given(&format!("base_url = '{url}'")).unwrap().host(), host, "{url}");
    }
}
