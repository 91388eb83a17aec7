//! Who writes in: names, languages and addresses from many places. Pure.

use anyhow::{Context, Result};
use kernel::{CustomerId, EmailAddress, Timestamp};

use crate::rng::Rng;

/// Somebody who writes in.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: CustomerId,
    pub(crate) name: String,
    /// How to address them.
    pub(crate) given: String,
    pub(crate) address: EmailAddress,
    pub(crate) language: &'static str,
    /// When their latest ticket began.
    pub(crate) wrote_at: Timestamp,
}

struct Name {
    written: &'static str,
    plain: String,
}

struct Country {
    share: usize,
    language: &'static str,
    providers: Vec<&'static str>,
    given: Vec<Name>,
    family: Vec<Name>,
    family_first: bool,
    /// How many of its people were met.
    met: usize,
}

/// Everybody whom the shop may meet. No two people have one address.
pub(crate) struct People {
    countries: Vec<Country>,
    strangers: usize,
}

const DATA: &str = include_str!("../data/people.txt");
/// Steps through the pairs of names so that neighbours do not share one. A prime that is larger
/// than any list.
const STRIDE: usize = 37;

impl People {
    pub(crate) fn load() -> Result<Self> {
        let mut countries = Vec::new();
        let mut lines = DATA.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        while let Some(head) = lines.next() {
            let given = lines.next().and_then(|line| line.strip_prefix("given "));
            let family = lines.next().and_then(|line| line.strip_prefix("family "));
            let mut words = head.split(' ').skip(1);
            let share = words.next().context("a share")?.parse()?;
            let language = words.next().context("a language")?;
            let (family_first, providers) = words.partition(|word| *word == "family-first");
            let family_first: Vec<&str> = family_first;
            countries.push(Country {
                share,
                language,
                providers,
                given: names(given.context("given names")?),
                family: names(family.context("family names")?),
                family_first: !family_first.is_empty(),
                met: 0,
            });
        }
        Ok(Self { countries, strangers: 0 })
    }

    /// Somebody new.
    pub(crate) fn meet(&mut self, rng: &mut Rng, id: CustomerId, at: Timestamp) -> Result<Person> {
        let total = self.countries.iter().map(|country| country.share).sum();
        let mut ticket = rng.below(total);
        let country = self.countries.iter_mut().find(|country| {
            let found = ticket < country.share;
            ticket = ticket.saturating_sub(country.share);
            found
        });
        country.context("a country")?.meet(rng, id, at)
    }

    /// A sender of what nobody asked for.
    pub(crate) fn stranger(&mut self, id: CustomerId, at: Timestamp) -> Result<Person> {
        self.strangers += 1;
        let names = ["Growth Desk", "SEO Partners", "Mail Admin", "Prize Office", "Funding Now"];
        let hosts = ["best-rank", "fast-credit", "domain-check", "bulk-offers"];
        let name = names.get(self.strangers % names.len()).context("a name")?;
        let host = hosts.get(self.strangers % hosts.len()).context("a host")?;
        Ok(Person {
            id,
            name: (*name).to_owned(),
            given: (*name).to_owned(),
            address: format!("offer{}@{host}.example", self.strangers).parse()?,
            language: "en",
            wrote_at: at,
        })
    }
}

impl Country {
    fn meet(&mut self, rng: &mut Rng, id: CustomerId, at: Timestamp) -> Result<Person> {
        let pairs = self.given.len() * self.family.len();
        let pair = self.met * STRIDE % pairs;
        let round = self.met / pairs;
        self.met += 1;
        let given = self.given.get(pair % self.given.len()).context("a given name")?;
        let family = self.family.get(pair / self.given.len()).context("a family name")?;
        let (name, called) = if self.family_first {
            let name = format!("{} {}", family.written, given.written);
            (name.clone(), name)
        } else {
            (format!("{} {}", given.written, family.written), given.written.to_owned())
        };
        let provider = rng.pick(&self.providers).context("a provider")?;
        let separator = rng.pick(&[".", "_", "-"]).copied().unwrap_or(".");
        let number = if round == 0 { String::new() } else { (round + 1).to_string() };
        let local = format!("{}{separator}{}{number}", given.plain, family.plain);
        let address = format!("{local}@{provider}").parse()?;
        Ok(Person { id, name, given: called, address, language: self.language, wrote_at: at })
    }
}

fn names(line: &'static str) -> Vec<Name> {
    let split = |word: &'static str| match word.split_once('=') {
        Some((written, plain)) => Name { written, plain: plain.to_owned() },
        None => Name { written: word, plain: word.to_lowercase() },
    };
    line.split(' ').map(split).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn nobody_shares_an_address_and_the_world_is_wide() {
        let mut people = People::load().unwrap();
        let mut rng = Rng::of(1, 1);
        let mut addresses = HashSet::new();
        let mut languages = HashSet::new();
        let at = Timestamp::from_seconds(0);
        for number in 1..20_000 {
            let person = people.meet(&mut rng, CustomerId(number), at).unwrap();
            languages.insert(person.language);
            assert!(addresses.insert(person.address.to_string()), "{}", person.address);
        }
        assert_eq!(people.countries.len(), 17);
        assert_eq!(languages.len(), 9);
    }

    #[test]
    fn every_pair_of_names_comes_before_the_first_comes_again() {
        for country in People::load().unwrap().countries {
            let pairs = country.given.len() * country.family.len();
            let all: HashSet<usize> = (0..pairs).map(|met| met * STRIDE % pairs).collect();
            assert_eq!(all.len(), pairs, "{}", country.language);
        }
    }
}
