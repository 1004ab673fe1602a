//! Which versions of a policy are kept: the last few that served, in the order in which they last did.

use redb::{ReadableTable as _, TableDefinition, WriteTransaction};

use super::StoreError;

/// Policy and number -> a version. The highest number served last; each version is there once.
const ORDER: TableDefinition<'_, (&str, u64), &str> = TableDefinition::new("order");
/// Version and policy, for each version that a policy has: what is not here any more is nobody's.
const USERS: TableDefinition<'_, (&str, &str), ()> = TableDefinition::new("users");

pub(super) fn create_tables(transaction: &WriteTransaction) -> Result<(), StoreError> {
    transaction.open_table(ORDER)?;
    transaction.open_table(USERS)?;
    Ok(())
}

/// Notes that a policy serves this version, and forgets and returns its oldest versions beyond `most`. The one that
/// serves and the one before it always stay.
pub(super) fn served(
    transaction: &WriteTransaction,
    policy: &str,
    version: &str,
    most: usize,
) -> Result<Vec<String>, StoreError> {
    let mut order = transaction.open_table(ORDER)?;
    let mut rows = Vec::new();
    for row in order.range((policy, 0)..=(policy, u64::MAX))? {
        let (key, value) = row?;
        rows.push((key.value().1, value.value().to_owned()));
    }
    let next = rows.last().map_or(0, |(number, _)| number + 1);
    if let Some(place) = rows.iter().position(|(_, kept)| kept == version) {
        order.remove((policy, rows.remove(place).0))?;
    }
    order.insert((policy, next), version)?;
    transaction.open_table(USERS)?.insert((version, policy), ())?;
    // The version itself is one of those that are kept.
    let surplus = (rows.len() + 1).saturating_sub(most.max(2));
    let mut gone = Vec::new();
    for (number, old) in rows.into_iter().take(surplus) {
        order.remove((policy, number))?;
        gone.push(old);
    }
    Ok(gone)
}

/// Takes a version from a policy, and tells whether no other has it.
pub(super) fn is_unused(transaction: &WriteTransaction, policy: &str, version: &str) -> Result<bool, StoreError> {
    let mut users = transaction.open_table(USERS)?;
    users.remove((version, policy))?;
    let next = users.range((version, "")..)?.next().transpose()?;
    Ok(next.is_none_or(|(key, _)| key.value().0 != version))
}
