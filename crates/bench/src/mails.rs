//! A mail server that hands over mails by LMTP.

use std::net::SocketAddr;

use anyhow::{Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// Where the mails go: an inbox of the world.
const TO: &str = "course@northlight.example";

pub(crate) struct Sender {
    read: BufReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
}

impl Sender {
    pub(crate) async fn connect(lmtp: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(lmtp).await?;
        stream.set_nodelay(true)?;
        let (read, write) = stream.into_split();
        let mut sender = Self { read: BufReader::new(read), write };
        sender.expect('2').await?;
        sender.say("LHLO bench\r\n").await?;
        sender.expect('2').await?;
        Ok(sender)
    }

    /// Hands over one mail; it is stored when this returns.
    pub(crate) async fn hand_over(&mut self, mail: &Mail) -> Result<()> {
        let from = &mail.from;
        self.say(&format!("MAIL FROM:<{from}>\r\nRCPT TO:<{TO}>\r\nDATA\r\n")).await?;
        self.expect('2').await?;
        self.expect('2').await?;
        self.expect('3').await?;
        self.say(&mail.text).await?;
        self.expect('2').await
    }

    async fn say(&mut self, text: &str) -> Result<()> {
        Ok(self.write.write_all(text.as_bytes()).await?)
    }

    async fn expect(&mut self, kind: char) -> Result<()> {
        let mut line = String::new();
        loop {
            line.clear();
            self.read.read_line(&mut line).await?;
            if !line.starts_with(kind) {
                bail!("the server answered {line:?}");
            }
            if line.chars().nth(3) != Some('-') {
                return Ok(());
            }
        }
    }
}

/// A letter of a customer, as a mail program writes it.
pub(crate) struct Mail {
    from: String,
    text: String,
}

impl Mail {
    /// Of some thousand customers each writes now and then; every mail is another one.
    pub(crate) fn nth(run: u64, number: usize) -> Self {
        let who = format!("customer{}", number.wrapping_mul(7_919) % 5_000);
        let from = format!("{who}@customers.example");
        let text = format!(
            "From: {who} <{from}>\r\n\
             To: Course <{TO}>\r\n\
             Subject: The download of order {number} does not start\r\n\
             Message-ID: <{run}.{number}@customers.example>\r\n\
             Date: Sun, 22 Nov 2026 10:00:00 +0000\r\n\
             MIME-Version: 1.0\r\n\
             Content-Type: multipart/alternative; boundary=\"b1\"\r\n\
             \r\n\
             --b1\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\
             \r\n\
             Hello,\r\n\
             \r\n\
             I bought the course last week, and the link on the download page does nothing. I tried\r\n\
             another browser and my phone as well. The order number is NL-{number}, paid by card.\r\n\
             Could you send me a new link, please? I would like to begin this weekend.\r\n\
             \r\n\
             Thank you and kind regards,\r\n\
             {who}\r\n\
             --b1\r\n\
             Content-Type: text/html; charset=utf-8\r\n\
             \r\n\
             <html><body><p>Hello,</p><p>I bought the course last week, and the link on the download\r\n\
             page does nothing. I tried another browser and my phone as well. The order number is\r\n\
             <b>NL-{number}</b>, paid by card.<br>Could you send me a new link, please? I would like\r\n\
             to begin this weekend.</p><p>Thank you and kind regards,<br>{who}</p></body></html>\r\n\
             --b1--\r\n\
             .\r\n"
        );
        Self { from, text }
    }
}
