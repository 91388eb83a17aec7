//! The file of a backup: one record after the other, compressed and sealed with the key of the
//! installation. In front stands in the clear what it is, and which key opens it.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use database::carry::Sum;
use database::{Kind, Value};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use kernel::Timestamp;
use keys::{Keys, Opener, Sealer};
use serde::{Deserialize, Serialize};

const MAGIC: &str = "recourse backup 1\n";
/// As hexadecimal digits.
const FINGERPRINT: usize = 16;
/// No record is longer: mails and files are limited to far less when they come in.
const RECORD_MAX: u32 = 1 << 30;

/// What a backup is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// Of the program that made it.
    pub(crate) program: String,
    /// The version of the schema.
    pub(crate) schema: i64,
    pub(crate) made_at: Timestamp,
    /// How many rows and files there are at most, to tell how far one is.
    pub(crate) rows: u64,
    pub(crate) files: u64,
}

/// What has to be there when all of it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) tables: Vec<(String, Sum)>,
    pub(crate) counters: Vec<(String, i64)>,
    pub(crate) files: u64,
}

/// The rows that follow are of this table, with their values in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TableHead {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Record {
    Head(Head),
    Table(TableHead),
    Row(Vec<Value>),
    /// The bytes of a stored file.
    File(Vec<u8>),
    End(End),
}

pub(crate) struct Writer {
    to: DeflateEncoder<Sealer<BufWriter<File>>>,
    bytes: Vec<u8>,
}

impl Writer {
    /// Begins a file that nobody else can read. It must not be there.
    pub(crate) fn create(path: &Path, keys: &Keys) -> Result<Self> {
        use std::os::unix::fs::OpenOptionsExt;
        let file = File::options().write(true).create_new(true).mode(0o600).open(path);
        let file = file.with_context(|| format!("{} cannot be written", path.display()))?;
        let mut file = BufWriter::with_capacity(1 << 20, file);
        file.write_all(MAGIC.as_bytes())?;
        file.write_all(keys.fingerprint().as_bytes())?;
        let to = DeflateEncoder::new(Sealer::new(keys, file)?, Compression::fast());
        Ok(Self { to, bytes: Vec::new() })
    }

    pub(crate) fn write(&mut self, record: &Record) -> Result<()> {
        self.bytes.clear();
        let tag = match record {
            Record::Head(it) => self.json(b'H', it)?,
            Record::Table(it) => self.json(b'T', it)?,
            Record::End(it) => self.json(b'E', it)?,
            Record::Row(row) => {
                row.iter().try_for_each(|value| write_value(&mut self.bytes, value))?;
                b'R'
            }
            Record::File(bytes) => {
                self.bytes.extend_from_slice(bytes);
                b'F'
            }
        };
        let length = u32::try_from(self.bytes.len())?;
        self.to.write_all(&[tag])?;
        self.to.write_all(&length.to_be_bytes())?;
        Ok(self.to.write_all(&self.bytes)?)
    }

    fn json(&mut self, tag: u8, it: &impl Serialize) -> Result<u8> {
        serde_json::to_writer(&mut self.bytes, it)?;
        Ok(tag)
    }

    /// Brings everything to the disk.
    pub(crate) fn finish(self) -> Result<()> {
        let file = self.to.finish()?.finish()?;
        Ok(file.into_inner()?.sync_all()?)
    }
}

pub(crate) struct Reader {
    from: DeflateDecoder<Opener<BufReader<File>>>,
    pub(crate) head: Head,
}

impl Reader {
    pub(crate) fn open(path: &Path, keys: &Keys) -> Result<Self> {
        let file =
            File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let mut file = BufReader::with_capacity(1 << 20, file);
        let mut front = vec![0; MAGIC.len() + FINGERPRINT];
        let has_front = file.read_exact(&mut front).is_ok() && front.starts_with(MAGIC.as_bytes());
        if !has_front {
            bail!("{} is no backup of Recourse", path.display());
        }
        let fingerprint = front.get(MAGIC.len()..).unwrap_or_default();
        let is_older = std::str::from_utf8(fingerprint).is_ok_and(|one| keys.is_older(one));
        if fingerprint != keys.fingerprint().as_bytes() && !is_older {
            bail!(
                "{} was sealed with another key ({}); say with --key-file where the key file of \
                 that installation is",
                path.display(),
                String::from_utf8_lossy(fingerprint)
            );
        }
        let mut from = DeflateDecoder::new(Opener::new(keys, file)?);
        match read(&mut from)? {
            Record::Head(head) => Ok(Self { from, head }),
            _ => bail!("the backup does not begin as one"),
        }
    }

    /// The next record. After [`Record::End`] there is none.
    pub(crate) fn next(&mut self) -> Result<Record> {
        let record = read(&mut self.from)?;
        if matches!(record, Record::End(_)) {
            // Only the very end of the file proves that nothing was cut off.
            let more = io::copy(&mut self.from, &mut io::sink()).context(DAMAGED)?;
            if more > 0 {
                bail!("something follows the end of the backup");
            }
        }
        Ok(record)
    }
}

const DAMAGED: &str = "the backup cannot be read to its end";

fn read(from: &mut impl Read) -> Result<Record> {
    let mut front = [0; 5];
    from.read_exact(&mut front).context(DAMAGED)?;
    let [tag, length @ ..] = front;
    let length = u32::from_be_bytes(length);
    if length > RECORD_MAX {
        bail!("the backup holds a record of {length} bytes");
    }
    let mut bytes = Vec::new();
    from.take(length.into()).read_to_end(&mut bytes).context(DAMAGED)?;
    if bytes.len() != usize::try_from(length)? {
        bail!(DAMAGED);
    }
    Ok(match tag {
        b'H' => Record::Head(serde_json::from_slice(&bytes)?),
        b'T' => Record::Table(serde_json::from_slice(&bytes)?),
        b'E' => Record::End(serde_json::from_slice(&bytes)?),
        b'R' => Record::Row(read_row(&bytes)?),
        b'F' => Record::File(bytes),
        other => bail!("the backup holds a record that is not known here: {other}"),
    })
}

fn write_value(to: &mut Vec<u8>, value: &Value) -> Result<()> {
    let mut put = |tag: u8, bytes: &[u8]| -> Result<()> {
        to.push(tag);
        to.extend_from_slice(&u32::try_from(bytes.len())?.to_be_bytes());
        to.extend_from_slice(bytes);
        Ok(())
    };
    match value {
        Value::Null(_) => to.push(0),
        Value::Int(it) => {
            to.push(1);
            to.extend_from_slice(&it.to_be_bytes());
        }
        Value::Float(it) => {
            to.push(2);
            to.extend_from_slice(&it.to_be_bytes());
        }
        Value::Bool(it) => to.extend_from_slice(&[3, u8::from(*it)]),
        Value::Text(it) => put(4, it.as_bytes())?,
        Value::Bytes(it) => put(5, it)?,
        Value::Uuid(it) => put(5, it.as_bytes())?,
    }
    Ok(())
}

fn read_row(mut bytes: &[u8]) -> Result<Vec<Value>> {
    let mut row = Vec::new();
    while let Some((tag, rest)) = bytes.split_first() {
        bytes = rest;
        row.push(match tag {
            // What kind of nothing it is, the table knows.
            0 => Value::Null(Kind::Int),
            1 => Value::Int(i64::from_be_bytes(*taken(&mut bytes)?)),
            2 => Value::Float(f64::from_be_bytes(*taken(&mut bytes)?)),
            3 => Value::Bool(taken::<1>(&mut bytes)? == &[1]),
            4 => Value::Text(String::from_utf8(long(&mut bytes)?)?),
            5 => Value::Bytes(long(&mut bytes)?),
            other => bail!("the backup holds a value that is not known here: {other}"),
        });
    }
    Ok(row)
}

fn taken<'b, const N: usize>(bytes: &mut &'b [u8]) -> Result<&'b [u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>().context("a row ends within a value")?;
    *bytes = rest;
    Ok(taken)
}

fn long(bytes: &mut &[u8]) -> Result<Vec<u8>> {
    let length = usize::try_from(u32::from_be_bytes(*taken(bytes)?))?;
    let (taken, rest) = bytes.split_at_checked(length).context("a row ends within a value")?;
    *bytes = rest;
    Ok(taken.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were() {
        let row = vec![
            Value::Null(Kind::Int),
            Value::Int(i64::MIN),
            Value::Float(1.5),
            Value::Bool(true),
            Value::Text("日本\n\0 \u{1f642}".to_owned()),
            Value::Bytes(vec![0, 255, 1]),
            Value::Text(String::new()),
        ];
        let mut bytes = Vec::new();
        for value in &row {
            write_value(&mut bytes, value).unwrap();
        }
        assert_eq!(read_row(&bytes).unwrap(), row);
        for length in 2..bytes.len() {
            // A row that was cut is refused or shorter, and never anything else.
            if let Ok(shorter) = read_row(&bytes[..length]) {
                assert_eq!(shorter, row[..shorter.len()]);
            }
        }
        assert!(read_row(&[9]).is_err());
        assert!(read_row(&[4, 255, 255, 255, 255]).is_err());
    }
}
