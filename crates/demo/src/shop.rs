//! What the shop sells and who works there: constants of the story. Pure.

use accounts::Role;
use kernel::{AgentId, CategoryId, FieldId, InboxId, ProblemId, TagId, TeamId};

pub(crate) const COMPANY: &str = "Northlight Studio";
pub(crate) const TIME_ZONE: &str = "Europe/Lisbon";
pub(crate) const DOMAIN: &str = "northlight.example";

/// An inbox before it has a row.
pub(crate) struct InboxPlan {
    pub(crate) name: &'static str,
    pub(crate) local: &'static str,
    pub(crate) reply_within_minutes: i64,
    pub(crate) products: &'static [&'static str],
    /// Keys of [`ISSUES`], the frequent ones more than once.
    pub(crate) issues: &'static [&'static str],
    /// How many of a hundred tickets come here.
    pub(crate) share: usize,
}

pub(crate) const INBOXES: [InboxPlan; 5] = [
    InboxPlan {
        name: "Course",
        local: "course",
        reply_within_minutes: 24 * 60,
        products: &["Web Design Foundations", "Illustration from Zero", "Motion for Makers"],
        issues: &["video", "video", "cert", "login", "refund", "coupon", "presale", "feature"],
        share: 30,
    },
    InboxPlan {
        name: "Plugin",
        local: "plugin",
        reply_within_minutes: 8 * 60,
        products: &["Lantern Forms", "Lantern Cache", "Lantern Shop"],
        issues: &["license", "license", "conflict", "conflict", "presale", "refund", "feature"],
        share: 26,
    },
    InboxPlan {
        name: "E-book",
        local: "books",
        reply_within_minutes: 24 * 60,
        products: &["The Quiet Website", "Type That Works", "Selling Small"],
        issues: &["kindle", "kindle", "download", "refund", "presale", "coupon", "login"],
        share: 14,
    },
    InboxPlan {
        name: "Templates",
        local: "templates",
        reply_within_minutes: 48 * 60,
        products: &["Studio Invoice Kit", "Pitch Deck Nord", "Resume Set Aurora"],
        issues: &["edit", "edit", "edit", "download", "presale", "refund", "feature"],
        share: 14,
    },
    InboxPlan {
        name: "Billing",
        local: "billing",
        reply_within_minutes: 12 * 60,
        products: &["Web Design Foundations", "Lantern Shop", "Type That Works", "Pitch Deck Nord"],
        issues: &["charged", "charged", "invoice", "invoice", "refund", "coupon"],
        share: 16,
    },
];

/// What customers write about.
#[derive(Debug)]
pub(crate) struct Issue {
    pub(crate) key: &'static str,
    /// Index into [`CATEGORIES`].
    pub(crate) category: usize,
    pub(crate) tags: &'static [&'static str],
    pub(crate) causes: &'static [&'static str],
}

pub(crate) const CATEGORIES: [&str; 12] = [
    "Refunds",
    "Sign-in",
    "Downloads",
    "Invoices and VAT",
    "Licences",
    "Bugs",
    "Videos",
    "Reading devices",
    "Certificates",
    "Discounts",
    "How to",
    "Before buying",
];

macro_rules! issues {
    ($($key:literal $category:literal [$($tag:literal)*] [$($cause:literal)*];)*) => {
        pub(crate) const ISSUES: &[Issue] = &[$(Issue {
            key: $key, category: $category, tags: &[$($tag),*], causes: &[$($cause),*],
        }),*];
    };
}

issues! {
    "refund" 0 ["refund" "guarantee"] ["Wrong expectation" "Bought twice"];
    "login" 1 ["login" "mail-filter"] ["Mail filter" "Old session"];
    "download" 2 ["download" "resend"] ["Cut file on one server" "Slow line"];
    "invoice" 3 ["vat" "invoice"] ["Checkout does not ask for the company"];
    "license" 4 ["license" "activation"] ["Old activation" "Firewall of the host"];
    "conflict" 5 ["bug" "cache"] ["Regression in a release" "Page cache"];
    "video" 6 ["video" "bug"] ["Wrong codec profile" "Missing sound track"];
    "kindle" 7 ["e-reader" "typo"] ["Old device" "Long lines in samples"];
    "cert" 8 ["certificate"] ["Double speed is not counted" "Name not asked for"];
    "coupon" 9 ["discount" "campaign"] ["Wrong filter of a campaign"];
    "charged" 0 ["refund" "dispute-risk"] ["Click on try again" "Renewal mail bounced"];
    "edit" 10 ["how-to" "fonts"] ["Step missing in the guide"];
    "presale" 11 ["pre-sale" "school"] ["Not on the product page"];
    "feature" 10 ["idea" "beta"] ["Missing feature"];
}

/// Issues that every language of the phrases can tell.
pub(crate) const COMMON_ISSUES: [&str; 4] = ["refund", "login", "download", "invoice"];

pub(crate) const TAGS: [&str; 25] = [
    "refund",
    "guarantee",
    "login",
    "mail-filter",
    "download",
    "resend",
    "vat",
    "invoice",
    "license",
    "activation",
    "bug",
    "cache",
    "video",
    "e-reader",
    "typo",
    "certificate",
    "discount",
    "campaign",
    "dispute-risk",
    "how-to",
    "fonts",
    "pre-sale",
    "school",
    "idea",
    "beta",
];

/// Somebody of the team before they have a row.
pub(crate) struct AgentPlan {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    /// Indices into [`INBOXES`]; none: every one.
    pub(crate) inboxes: &'static [usize],
    /// Index into [`TEAMS`].
    pub(crate) team: usize,
    pub(crate) signature: &'static str,
}

macro_rules! agents {
    ($($name:literal $role:ident $team:literal [$($inbox:literal)*] $signature:literal;)*) => {
        pub(crate) const AGENTS: &[AgentPlan] = &[$(AgentPlan {
            name: $name, role: Role::$role, team: $team, inboxes: &[$($inbox),*],
            signature: $signature,
        }),*];
    };
}

agents! {
    "Sarah Lindqvist" Owner 0 [] "Sarah Lindqvist, founder";
    "Mateo Ruiz" Lead 0 [] "Mateo Ruiz, support lead";
    "Priya Nair" Agent 0 [] "Priya";
    "Tom Okafor" Agent 2 [4] "Tom from billing";
    "Ines Costa" Collaborator 1 [] "Ines, development";
    "Camila Torres" Lead 1 [] "Camila Torres";
    "Hana Sato" Agent 0 [] "Hana Sato, courses";
    "Lukas Brandt" Agent 1 [] "Lukas";
    "Amara Diallo" Agent 0 [] "Amara Diallo";
    "Oleksandra Melnyk" Agent 1 [1 3] "Oleksandra, plugins and templates";
    "Noah Fischer" Agent 2 [2 4] "Noah Fischer";
    "Yusuf Demir" Agent 0 [] "";
}

pub(crate) const TEAMS: [&str; 3] = ["Learning", "Software", "Billing"];

/// Title, and whether it is fixed.
pub(crate) const PROBLEMS: [(&str, bool); 3] = [
    ("Downloads stop at 99 % on slow lines", false),
    ("White page after updates with the page cache on", false),
    ("Double speed does not count for certificates", true),
];

/// Key, label, kind, choices.
pub(crate) const FIELDS: [(&str, &str, &str, &str); 4] = [
    ("order_number", "Order number", "text", ""),
    ("amount", "Amount", "number", ""),
    ("platform", "Platform", "choice", "Windows\nmacOS\nLinux\niOS\nAndroid"),
    ("bought", "Bought on", "date", ""),
];

pub(crate) const SAVED_REPLIES: [(&str, &str); 8] = [
    (
        "Refund done",
        "Hi {{first_name|there}},\n\nyour money is on its way back. Banks take three to five working days to show it.",
    ),
    (
        "New download link",
        "Hi {{first_name|there}},\n\nhere is a fresh link. It works for seven days and can be resumed if your line drops.",
    ),
    (
        "Which browser?",
        "Hi {{first_name|there}},\n\ncould you tell me which browser and device you use, and send a screenshot of the message?",
    ),
    (
        "Invoice changed",
        "Hi {{first_name|there}},\n\nthe corrected invoice is in your account under Orders. The old one is cancelled there.",
    ),
    (
        "Key freed",
        "Hi {{first_name|there}},\n\nI freed the old activation. Please enter your key once more on the new site.",
    ),
    (
        "Known bug",
        "Hi {{first_name|there}},\n\nthank you for the report. We know this one, and I will write to you on the day the fix is out.",
    ),
    (
        "Student discount",
        "Hi {{first_name|there}},\n\nstudents get half off. Send me a proof of enrolment and I will make you a code.",
    ),
    (
        "Closing for now",
        "Hi {{first_name|there}},\n\nI have not heard from you, so I take it that all is well. Just reply if not.",
    ),
];

/// Name, query, sort.
pub(crate) const VIEWS: [(&str, &str, &str); 5] = [
    ("Refunds", "state:open tag:refund", "due"),
    ("Dispute risk", "tag:dispute-risk", "due"),
    ("Plugin bugs", "tag:bug", "newest"),
    ("Schools", "tag:school", "newest"),
    ("Urgent", "priority:urgent", "due"),
];

/// An inbox as the stories know it.
#[derive(Clone, Debug)]
pub(crate) struct InboxCard {
    pub(crate) id: InboxId,
    pub(crate) address: String,
    pub(crate) reply_within_minutes: i64,
}

/// Somebody of the team as the stories know them.
#[derive(Clone, Debug)]
pub(crate) struct AgentCard {
    pub(crate) id: AgentId,
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    /// Indices into [`INBOXES`]; none: every one.
    pub(crate) inboxes: &'static [usize],
    pub(crate) signature: &'static str,
}

impl AgentCard {
    pub(crate) fn first_name(&self) -> &'static str {
        self.name.split(' ').next().unwrap_or_default()
    }

    pub(crate) fn sees(&self, inbox: usize) -> bool {
        self.inboxes.is_empty() || self.inboxes.contains(&inbox)
    }
}

/// The shop with its rows: everything is in the order of the constants above.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    pub(crate) inboxes: Vec<InboxCard>,
    pub(crate) agents: Vec<AgentCard>,
    pub(crate) teams: Vec<TeamId>,
    pub(crate) categories: Vec<CategoryId>,
    pub(crate) tags: Vec<TagId>,
    pub(crate) fields: Vec<FieldId>,
    pub(crate) problems: Vec<ProblemId>,
}

impl Shop {
    /// Who answers in an inbox.
    pub(crate) fn answering(&self, inbox: usize) -> Vec<&AgentCard> {
        let answers = |agent: &&AgentCard| {
            agent.role != Role::Collaborator && agent.role != Role::Owner && agent.sees(inbox)
        };
        self.agents.iter().filter(answers).collect()
    }

    pub(crate) fn agent(&self, id: AgentId) -> Option<&AgentCard> {
        self.agents.iter().find(|agent| agent.id == id)
    }

    pub(crate) fn tag(&self, name: &str) -> Option<TagId> {
        let at = TAGS.iter().position(|tag| *tag == name)?;
        self.tags.get(at).copied()
    }
}
