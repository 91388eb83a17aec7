//! What a reader should know about how a mail was read.

use serde::{Deserialize, Serialize};

/// Something about a mail that could not be read as it should.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Remark {
    #[error("this mail is too large to be shown in full; download it to see all of it")]
    TooLarge,
    #[error(
        "this mail takes too long to be understood and is shown as it came; download it to see \
         all of it"
    )]
    TooSlow,
    #[error("this mail has more parts than are shown; download it to see all of them")]
    TooManyParts,
    #[error("parts of this mail are nested too deeply and are shown as they came")]
    TooDeep,
    #[error("the header of this mail is too long; only its beginning was read")]
    HeaderTooLong,
    #[error("this mail names more people than are shown")]
    TooManyAddresses,
    #[error("this mail ends in the middle of a part; something may be missing")]
    Unfinished,
    #[error("the character set “{0}” is not known; some letters may be wrong")]
    CharsetUnknown(String),
    #[error("this mail is not written in the character set it names; some letters may be wrong")]
    CharsetWrong,
    #[error("a part of this mail is damaged and is shown as far as it could be read")]
    Damaged,
    #[error("the date of this mail cannot be read")]
    DateUnreadable,
    #[error("this mail is encrypted and cannot be read here")]
    Encrypted,
    #[error("the sender's name shows another address than the one that sent this mail")]
    NameClaimsAnotherAddress,
}
