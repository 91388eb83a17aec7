//! Answers from the DNS: live ones, or fixed ones for tests.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use mail_auth::common::parse::TxtRecordParser;
use mail_auth::common::verify::DomainKey;
use mail_auth::dmarc::Dmarc;
use mail_auth::hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts,
};
use mail_auth::hickory_resolver::proto::op::ResponseCode;
use mail_auth::hickory_resolver::proto::rr::{Name, RData};
use mail_auth::hickory_resolver::system_conf::read_system_conf;
use mail_auth::spf::Spf;
use mail_auth::{
    DnsError, Error, MX, MessageAuthenticator, Parameters, RecordSet, ResolverCache, Txt,
};

/// Asks the DNS. Cheap to clone.
#[derive(Clone)]
pub struct Dns(Arc<Inner>);

pub(crate) struct Inner {
    authenticator: MessageAuthenticator,
    answers: Answers,
    /// What was asked in vain lately, and until when it is not asked again.
    in_vain: Mutex<HashMap<Box<str>, (Vain, Instant)>>,
}

/// How a question was in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vain {
    /// Nobody answered in time.
    Silence,
    /// There is nothing of that name.
    Absence,
}

/// What is known without asking.
enum Answers {
    /// Nothing: everything is asked, and the resolver remembers.
    Live,
    /// Everything: what is not among it does not exist.
    Fixed(HashMap<Box<str>, Vec<String>>),
    /// Nobody answers.
    Broken,
}

/// One question may take this long, and all questions for one check that long.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(2);
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);
/// What was in vain is not asked again for this long. The resolver remembers an absence only where
/// the answer says for how long, and many do not.
const VAIN_FOR: Duration = Duration::from_secs(30);
const VAIN_MAX: usize = 10_000;
const CACHED_ANSWERS_MAX: u64 = 10_000;

/// The resolver did not answer or cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("the DNS cannot be asked: {0}")]
pub struct DnsFault(String);

impl Dns {
    /// Asks the servers that this machine is set up with.
    pub fn system() -> Result<Self, DnsFault> {
        let (config, options) = read_system_conf().map_err(|fault| DnsFault(fault.to_string()))?;
        Self::live(config, options)
    }

    /// Asks the server at this address, by UDP. For tests.
    pub fn at(server: SocketAddr) -> Result<Self, DnsFault> {
        let mut udp = ConnectionConfig::udp();
        udp.port = server.port();
        let server = NameServerConfig::new(server.ip(), true, vec![udp]);
        Self::live(ResolverConfig::from_parts(None, vec![], vec![server]), ResolverOpts::default())
    }

    /// Knows these TXT records and nothing else. For tests.
    pub fn fixed<'r>(
        records: impl IntoIterator<Item = (&'r str, &'r str)>,
    ) -> Result<Self, DnsFault> {
        let mut known: HashMap<Box<str>, Vec<String>> = HashMap::new();
        for (name, text) in records {
            let name = format!("{}.", name.to_ascii_lowercase());
            known.entry(name.into_boxed_str()).or_default().push(text.to_owned());
        }
        Self::with(ResolverConfig::default(), ResolverOpts::default(), Answers::Fixed(known))
    }

    /// Answers nothing. For tests.
    pub fn broken() -> Result<Self, DnsFault> {
        Self::with(ResolverConfig::default(), ResolverOpts::default(), Answers::Broken)
    }

    fn live(config: ResolverConfig, mut options: ResolverOpts) -> Result<Self, DnsFault> {
        options.timeout = QUESTION_TIMEOUT;
        options.attempts = 1;
        options.cache_size = CACHED_ANSWERS_MAX;
        Self::with(config, options, Answers::Live)
    }

    fn with(
        config: ResolverConfig,
        options: ResolverOpts,
        answers: Answers,
    ) -> Result<Self, DnsFault> {
        let authenticator = MessageAuthenticator::new(config, options)
            .map_err(|fault| DnsFault(fault.to_string()))?;
        Ok(Self(Arc::new(Inner { authenticator, answers, in_vain: Mutex::default() })))
    }

    /// The TXT records of a name; none when it does not exist.
    pub(crate) async fn texts(&self, name: &str) -> Result<Vec<String>, DnsFault> {
        let name = format!("{}.", name.trim_end_matches('.').to_ascii_lowercase());
        match &self.0.answers {
            Answers::Fixed(known) => {
                return Ok(known.get(name.as_str()).cloned().unwrap_or_default());
            }
            Answers::Broken => return Err(DnsFault("nobody answers".to_owned())),
            Answers::Live => {}
        }
        let asked = Name::from_str_relaxed(&name).map_err(|fault| DnsFault(fault.to_string()))?;
        let lookup = self.0.authenticator.resolver().txt_lookup(asked).await;
        match lookup {
            Ok(found) => Ok(found
                .answers()
                .iter()
                .filter_map(|record| match &record.data {
                    RData::TXT(text) => {
                        let bytes: Vec<u8> =
                            text.txt_data.iter().flat_map(|piece| piece.iter().copied()).collect();
                        Some(String::from_utf8_lossy(&bytes).into_owned())
                    }
                    _ => None,
                })
                .collect()),
            Err(fault) => match Error::from(fault) {
                Error::Dns(DnsError::RecordNotFound(_)) => Ok(Vec::new()),
                fault => Err(DnsFault(fault.to_string())),
            },
        }
    }

    /// Waits for the work as long as is bearable.
    pub(crate) async fn in_time<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(CHECK_TIMEOUT, work).await.ok()
    }

    /// Whether this was asked in vain lately. What is asked is named so that nobody else's question
    /// is meant: a sender chooses some of these names.
    pub(crate) fn in_vain(&self, asked: &str) -> Option<Vain> {
        let known = self.0.in_vain.lock().unwrap_or_else(PoisonError::into_inner);
        let (vain, until) = known.get(asked)?;
        (Instant::now() < *until).then_some(*vain)
    }

    /// Remembers for a while that this was asked in vain.
    pub(crate) fn was_in_vain(&self, asked: &str, vain: Vain) {
        // What is fixed costs nothing to ask.
        if !matches!(self.0.answers, Answers::Live) {
            return;
        }
        let mut known = self.0.in_vain.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if known.len() >= VAIN_MAX {
            known.retain(|_, (_, until)| now < *until);
        }
        if known.len() < VAIN_MAX {
            known.insert(asked.into(), (vain, now + VAIN_FOR));
        }
    }

    pub(crate) fn authenticator(&self) -> &MessageAuthenticator {
        &self.0.authenticator
    }

    /// A question, with what is known.
    pub(crate) fn parameters<P>(
        &self,
        params: P,
    ) -> Parameters<'_, P, Inner, Inner, Inner, Inner, Inner> {
        Parameters {
            params,
            cache_txt: Some(&self.0),
            cache_mx: None,
            cache_ptr: None,
            cache_ipv4: Some(&self.0),
            cache_ipv6: None,
        }
    }
}

impl std::fmt::Debug for Dns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Dns")
    }
}

impl ResolverCache<Box<str>, Txt> for Inner {
    fn get<Q>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        match &self.answers {
            Answers::Live => None,
            Answers::Broken => Some(Txt::Error(Error::Dns(DnsError::Resolver(String::new())))),
            Answers::Fixed(known) => {
                let found = known.get_key_value(name);
                Some(found.map_or_else(not_found, |(name, texts)| parsed(name, texts)))
            }
        }
    }

    fn remove<Q>(&self, _name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        None
    }

    /// The resolver below remembers what it asked.
    fn insert(&self, _key: Box<str>, _value: Txt, _valid_until: Instant) {}
}

fn not_found() -> Txt {
    Txt::Error(Error::Dns(DnsError::RecordNotFound(ResponseCode::NXDomain)))
}

fn parsed(name: &str, texts: &[String]) -> Txt {
    let first = |parse: &dyn Fn(&[u8]) -> Option<Txt>| {
        let found = texts.iter().find_map(|text| parse(text.as_bytes()));
        found.unwrap_or(Txt::Error(Error::Dns(DnsError::InvalidRecordType)))
    };
    if name.contains("._domainkey.") {
        first(&|text| DomainKey::parse(text).ok().map(|key| Txt::DomainKey(Arc::new(key))))
    } else if name.starts_with("_dmarc.") {
        first(&|text| Dmarc::parse(text).ok().map(|policy| Txt::Dmarc(Arc::new(policy))))
    } else {
        first(&|text| Spf::parse(text).ok().map(|spf| Txt::Spf(Arc::new(spf))))
    }
}

macro_rules! addresses {
    ($($key:ty => $value:ty;)*) => {$(
        /// Addresses are asked for only to see whether a domain exists; fixed answers say yes.
        impl ResolverCache<$key, RecordSet<$value>> for Inner {
            fn get<Q>(&self, _name: &Q) -> Option<RecordSet<$value>>
            where
                $key: Borrow<Q>,
                Q: Hash + Eq + ?Sized,
            {
                let is_live = matches!(self.answers, Answers::Live);
                let none = RecordSet { rrset: Arc::from([]), dnssec_status: Default::default() };
                (!is_live).then_some(none)
            }

            fn remove<Q>(&self, _name: &Q) -> Option<RecordSet<$value>>
            where
                $key: Borrow<Q>,
                Q: Hash + Eq + ?Sized,
            {
                None
            }

            fn insert(&self, _key: $key, _value: RecordSet<$value>, _valid_until: Instant) {}
        }
    )*};
}

addresses! {
    Box<str> => MX;
    Box<str> => Ipv4Addr;
    Box<str> => Ipv6Addr;
    IpAddr => Box<str>;
}
