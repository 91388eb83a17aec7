//! A real Dovecot: every address has a mailbox, mail comes in over LMTP.

use std::fmt::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::OnceLock;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::peers::wait_for_port;
use super::tokens;
use super::{Peer, free_port, part, scratch};

pub(crate) const MAIL_PASSWORD: &str = "letters-only";
/// `nobody` of Debian: Dovecot keeps no mail for root.
const NOBODY: u32 = 65_534;

pub(crate) struct Dovecot {
    pub(crate) imap_port: u16,
    lmtp_port: u16,
    _peer: Peer,
}

impl Dovecot {
    /// The one of this run.
    pub(crate) fn here() -> &'static Self {
        static ONE: OnceLock<Dovecot> = OnceLock::new();
        ONE.get_or_init(Self::start)
    }

    fn start() -> Self {
        let program = part(&["/usr/sbin/dovecot"]);
        part(&["/usr/lib/dovecot/imap"]);
        part(&["/usr/lib/dovecot/lmtp"]);
        let folder = scratch("dovecot");
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&folder, open).expect("the folder can be opened");
        let (imap_port, lmtp_port) = (free_port(), free_port());
        let mail = folder.join("mail");
        std::fs::create_dir(&mail).expect("a folder for mail can be made");
        let me = std::fs::metadata(&mail).expect("it is there");
        let (uid, gid) = if me.uid() == 0 { (NOBODY, NOBODY) } else { (me.uid(), me.gid()) };
        std::os::unix::fs::chown(&mail, Some(uid), Some(gid)).expect("it can be given away");
        let mut text = if is_before_2_4(&program) {
            settings_before_2_4(&folder, (uid, gid))
        } else {
            settings_since_2_4(&folder, (uid, gid))
        };
        text.push_str(&services(&folder, imap_port, lmtp_port));
        if me.uid() != 0 {
            text.push_str(&unprivileged());
        }
        let path = folder.join("dovecot.conf");
        std::fs::write(&path, text).expect("settings can be written");
        let peer =
            Peer::start(&folder, &[&program, "-F", "-c", path.to_str().expect("a plain path")]);
        wait_for_port(imap_port, "Dovecot", &folder);
        wait_for_port(lmtp_port, "Dovecot's LMTP", &folder);
        Self { imap_port, lmtp_port, _peer: peer }
    }

    /// Puts a mail into the mailbox of an address, as a mail server would.
    pub(crate) async fn takes(&self, from: &str, to: &str, mail: &str) {
        let stream = TcpStream::connect(("127.0.0.1", self.lmtp_port)).await.expect("it answers");
        speak(stream, from, to, mail, "250").await;
    }
}

/// Hands a mail over by LMTP; the last answer must begin so.
pub(crate) async fn speak(stream: TcpStream, from: &str, to: &str, mail: &str, expected: &str) {
    let heard = offer(stream, from, to, mail).await.expect("it listens and answers");
    assert!(heard.starts_with(expected), "{heard:?}");
}

/// Offers a mail by LMTP. What was said in the end: to the mail itself, or to the step after which
/// it was no use to go on. Nothing, if the other side hung up.
pub(crate) async fn offer(
    stream: TcpStream,
    from: &str,
    to: &str,
    mail: &str,
) -> std::io::Result<String> {
    let mut stream = BufReader::new(stream);
    let mut data = String::new();
    for line in mail.lines() {
        let dot = if line.starts_with('.') { "." } else { "" };
        let _ = write!(data, "{dot}{line}\r\n");
    }
    let steps = [
        (String::new(), "220"),
        ("LHLO tests.example\r\n".to_owned(), "250"),
        (format!("MAIL FROM:<{from}>\r\n"), "250"),
        (format!("RCPT TO:<{to}>\r\n"), "250"),
        ("DATA\r\n".to_owned(), "354"),
    ];
    for (said, expected) in steps {
        stream.write_all(said.as_bytes()).await?;
        let heard = hear(&mut stream).await?;
        if !heard.starts_with(expected) {
            return Ok(heard);
        }
    }
    stream.write_all(format!("{data}.\r\n").as_bytes()).await?;
    hear(&mut stream).await
}

/// The last line of an answer.
async fn hear(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        if line.as_bytes().get(3) != Some(&b'-') {
            return Ok(line);
        }
    }
}

/// Debian 12 has Dovecot 2.3, Debian 13 has 2.4, which is told most things in other words.
fn is_before_2_4(program: &str) -> bool {
    let said = std::process::Command::new(program).arg("--version").output();
    let said = said.expect("it says its version").stdout;
    ["2.2.", "2.3."].iter().any(|old| said.starts_with(old.as_bytes()))
}

/// How it finds out whose a token is; the token follows.
fn token_url() -> String {
    format!("http://127.0.0.1:{}/?token=", tokens::port())
}

fn settings_before_2_4(folder: &Path, (uid, gid): (u32, u32)) -> String {
    let oauth = format!(
        "tokeninfo_url = {}\nusername_attribute = email\nactive_attribute = active\n\
         active_value = true\n",
        token_url()
    );
    std::fs::write(folder.join("oauth2.conf"), oauth).expect("settings can be written");
    let folder = folder.display();
    format!(
        "disable_plaintext_auth = no
mail_location = maildir:~/Maildir
passdb {{
  driver = static
  mechanisms = plain login
  args = password={MAIL_PASSWORD}
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/oauth2.conf
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail/%u allow_all_users=yes
}}
"
    )
}

fn settings_since_2_4(folder: &Path, (uid, gid): (u32, u32)) -> String {
    let (folder, token_url) = (folder.display(), token_url());
    format!(
        "dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
auth_allow_cleartext = yes
mail_driver = maildir
mail_path = ~/Maildir
oauth2 {{
  tokeninfo_url = {token_url}
  introspection_mode = auth
  username_attribute = email
  active_attribute = active
  active_value = true
}}
passdb static {{
  mechanisms_filter = plain login
  password = {MAIL_PASSWORD}
}}
passdb oauth2 {{
  mechanisms_filter = xoauth2 oauthbearer
}}
userdb static {{
  fields {{
    uid = {uid}
    gid = {gid}
    home = {folder}/mail/%{{user}}
  }}
  allow_all_users = yes
}}
"
    )
}

fn services(folder: &Path, imap_port: u16, lmtp_port: u16) -> String {
    let folder = folder.display();
    format!(
        "base_dir = {folder}/run
log_path = {folder}/said
listen = 127.0.0.1
protocols = imap lmtp
ssl = no
auth_mechanisms = plain login xoauth2 oauthbearer
first_valid_uid = 1
first_valid_gid = 1
postmaster_address = postmaster@tests.example
hostname = tests.example
service imap-login {{
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp_port}
  }}
}}
"
    )
}

/// Without root nobody can become somebody else or change the root folder.
fn unprivileged() -> String {
    let name = |what: &str| {
        let said = std::process::Command::new("id").arg(what).output().expect("`id` is there");
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    };
    let (user, group) = (name("-un"), name("-gn"));
    format!(
        "default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
}}
"
    )
}
