//! What is always so of customers.

use database::check::Rule;

/// The rules of this crate's tables.
pub const RULES: &[Rule] = &[
    Rule {
        fault: "a customer cannot be found",
        broken_by: "select 'customer ' || c.id as name from customers c where not exists (
             select 1 from search_documents d where d.kind = 'customer' and d.source_id = c.id)",
    },
    Rule {
        fault: "a customer is found who is not there",
        broken_by: "select 'customer ' || d.source_id as name from search_documents d
             where d.kind = 'customer'
               and not exists (select 1 from customers c where c.id = d.source_id)",
    },
];
