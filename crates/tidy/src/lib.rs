//! Rules about this repository that no compiler checks. `cargo test -p tidy` reads the tree and
//! says what is out of order and what to do about it.

#[cfg(test)]
mod documents;
#[cfg(test)]
mod edges;
#[cfg(test)]
mod forms;
#[cfg(test)]
mod leftovers;
#[cfg(test)]
mod markup;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod rust;
#[cfg(test)]
mod sizes;
#[cfg(test)]
mod sql;
#[cfg(test)]
mod texts;
#[cfg(test)]
mod tree;
#[cfg(test)]
mod trusted;
#[cfg(test)]
mod waiting;
