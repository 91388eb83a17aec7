//! What is always so of work for later.

use database::check::Rule;

/// The rules of this crate's tables.
pub const RULES: &[Rule] = &[Rule {
    fault: "a job is at work by nobody",
    broken_by: "select 'job ' || j.id as name from jobs j
         where j.state = 'running' and j.leased_until is null",
}];
