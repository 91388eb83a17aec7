//! The door from outside: each test sends requests through the router.

mod contract;
mod customers;
mod events;
mod files;
mod inboxes;
mod inputs;
mod mail;
mod once;
mod pace;
mod search;
mod shop;
mod tickets;
