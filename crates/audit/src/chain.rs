//! The hashes and seals of the trail. Pure.

use keys::Keys;
use sha2::{Digest, Sha256};

/// A row of the trail as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) number: i64,
    pub(crate) at: i64,
    pub(crate) who_kind: String,
    pub(crate) who_id: Option<i64>,
    pub(crate) who_name: String,
    pub(crate) via: Option<i64>,
    pub(crate) act: String,
    pub(crate) object_kind: Option<String>,
    pub(crate) object_id: Option<String>,
    pub(crate) object_name: Option<String>,
    pub(crate) address: Option<String>,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
    pub(crate) hash: Vec<u8>,
}

impl Row {
    /// The hash that this row has behind one with `previous`. Every column goes in with its length,
    /// so that no text can flow from one into the next.
    pub(crate) fn hashed(&self, previous: &[u8]) -> Vec<u8> {
        let mut parts = Parts::new("recourse audit entry v1");
        parts.bytes(previous);
        parts.int(self.number);
        parts.int(self.at);
        parts.bytes(self.who_kind.as_bytes());
        parts.maybe_int(self.who_id);
        parts.bytes(self.who_name.as_bytes());
        parts.maybe_int(self.via);
        parts.bytes(self.act.as_bytes());
        let texts = [
            &self.object_kind,
            &self.object_id,
            &self.object_name,
            &self.address,
            &self.before,
            &self.after,
        ];
        for text in texts {
            parts.maybe_text(text.as_deref());
        }
        parts.hash()
    }
}

/// Where the trail ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) number: i64,
    pub(crate) hash: Vec<u8>,
    pub(crate) checkpoints: i64,
    pub(crate) checked: Vec<u8>,
    pub(crate) seal: Vec<u8>,
}

impl Head {
    /// As the migration makes it.
    pub(crate) fn is_blank(&self) -> bool {
        self.number == 0
            && self.checkpoints == 0
            && self.hash.is_empty()
            && self.checked.is_empty()
            && self.seal.is_empty()
    }

    pub(crate) fn sealed(mut self, keys: &Keys) -> Self {
        self.seal = keys.seal_trail(&self.parts().each()).to_vec();
        self
    }

    /// The fingerprint of the key that sealed it, if one of ours did.
    pub(crate) fn sealed_by(&self, keys: &Keys) -> Option<String> {
        keys.trail_sealed_by(&self.parts().each(), &self.seal)
    }

    fn parts(&self) -> HeadParts<'_> {
        HeadParts {
            number: self.number.to_be_bytes(),
            hash: &self.hash,
            checkpoints: self.checkpoints.to_be_bytes(),
            checked: &self.checked,
        }
    }
}

struct HeadParts<'h> {
    number: [u8; 8],
    hash: &'h [u8],
    checkpoints: [u8; 8],
    checked: &'h [u8],
}

impl HeadParts<'_> {
    fn each(&self) -> [&[u8]; 5] {
        [b"audit head v1", &self.number, self.hash, &self.checkpoints, self.checked]
    }
}

/// A point at which the key file vouched for all entries so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) id: i64,
    pub(crate) number: i64,
    pub(crate) hash: Vec<u8>,
    pub(crate) at: i64,
    pub(crate) key: String,
    pub(crate) seal: Vec<u8>,
}

impl Checkpoint {
    pub(crate) fn sealed(mut self, keys: &Keys) -> Self {
        self.key = keys.fingerprint();
        self.seal = keys.seal_trail(&self.parts().each(&self.hash, &self.key)).to_vec();
        self
    }

    pub(crate) fn sealed_by(&self, keys: &Keys) -> Option<String> {
        keys.trail_sealed_by(&self.parts().each(&self.hash, &self.key), &self.seal)
    }

    /// The hash over all checkpoints up to this one.
    pub(crate) fn chained(&self, previous: &[u8]) -> Vec<u8> {
        let mut parts = Parts::new("recourse audit checkpoint v1");
        parts.bytes(previous);
        parts.int(self.id);
        parts.int(self.number);
        parts.bytes(&self.hash);
        parts.int(self.at);
        parts.bytes(self.key.as_bytes());
        parts.bytes(&self.seal);
        parts.hash()
    }

    fn parts(&self) -> CheckpointParts {
        CheckpointParts {
            id: self.id.to_be_bytes(),
            number: self.number.to_be_bytes(),
            at: self.at.to_be_bytes(),
        }
    }
}

struct CheckpointParts {
    id: [u8; 8],
    number: [u8; 8],
    at: [u8; 8],
}

impl CheckpointParts {
    fn each<'p>(&'p self, hash: &'p [u8], key: &'p str) -> [&'p [u8]; 6] {
        [b"audit checkpoint v1", &self.id, &self.number, hash, &self.at, key.as_bytes()]
    }
}

/// What a hash is made over: each part with its kind and its length in front.
struct Parts(Sha256);

impl Parts {
    fn new(purpose: &str) -> Self {
        let mut parts = Self(Sha256::new());
        parts.bytes(purpose.as_bytes());
        parts
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update([1]);
        self.0.update(kernel::count(bytes.len()).to_be_bytes());
        self.0.update(bytes);
    }

    fn int(&mut self, int: i64) {
        self.0.update([2]);
        self.0.update(int.to_be_bytes());
    }

    fn nothing(&mut self) {
        self.0.update([0]);
    }

    fn maybe_int(&mut self, int: Option<i64>) {
        match int {
            Some(int) => self.int(int),
            None => self.nothing(),
        }
    }

    fn maybe_text(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.bytes(text.as_bytes()),
            None => self.nothing(),
        }
    }

    fn hash(self) -> Vec<u8> {
        self.0.finalize().to_vec()
    }
}
