//! Devices on disk: what is known of each, and what happened to it.

use redb::{ReadableTable as _, ReadableTableMetadata as _, TableDefinition};

use super::{Store, StoreError, failed, key, parse, to_json};
use crate::dps::device::{Device, Event};

/// Lower-case registration id -> a device.
pub(super) const DEVICES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("devices");
/// Lower-case registration id and number -> what happened.
pub(super) const HISTORY: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("history");

/// Events that are kept of one device.
const MOST_EVENTS: u64 = 100;

/// A write that came too late: somebody else has written since what it was based on was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outdated;

impl Store {
    /// A device.
    pub(in crate::dps) fn device(&self, id: &str) -> Result<Option<Device>, StoreError> {
        let transaction = self.file.read()?;
        let table = transaction.open_table(DEVICES).map_err(failed)?;
        let found = table.get(key(id).as_str()).map_err(failed)?;
        found.map(|entry| parse(entry.value())).transpose()
    }

    /// Devices in the order of their ids, from the one after `after`.
    pub(in crate::dps) fn devices(&self, after: &str, most: usize) -> Result<Vec<Device>, StoreError> {
        let transaction = self.file.read()?;
        let table = transaction.open_table(DEVICES).map_err(failed)?;
        let after = key(after);
        let mut found = Vec::new();
        for entry in table.range(after.as_str()..).map_err(failed)? {
            let (id, device) = entry.map_err(failed)?;
            if after.is_empty() || id.value() != after {
                found.push(parse(device.value())?);
            }
            if found.len() == most {
                break;
            }
        }
        Ok(found)
    }

    /// How many devices there are.
    pub(in crate::dps) fn count_devices(&self) -> Result<u64, StoreError> {
        let transaction = self.file.read()?;
        transaction.open_table(DEVICES).map_err(failed)?.len().map_err(failed)
    }

    /// What happened to a device, newest first.
    pub(in crate::dps) fn history(&self, id: &str) -> Result<Vec<Event>, StoreError> {
        let transaction = self.file.read()?;
        let table = transaction.open_table(HISTORY).map_err(failed)?;
        let id = key(id);
        let range = table.range((id.as_str(), 0)..=(id.as_str(), u64::MAX)).map_err(failed)?;
        range.rev().map(|entry| parse(entry.map_err(failed)?.1.value())).collect()
    }

    /// Writes a device and what happened, both or neither, if it is still as it was when `device.revision` was read.
    pub(in crate::dps) async fn put_device(
        &self,
        mut device: Device,
        event: Event,
    ) -> Result<Result<(), Outdated>, StoreError> {
        self.write(move |transaction| {
            let id = key(&device.state.registration_id);
            let mut devices = transaction.open_table(DEVICES).map_err(failed)?;
            let now = devices.get(id.as_str()).map_err(failed)?.map(|now| parse::<Device>(now.value())).transpose()?;
            if now.map_or(0, |now| now.revision) != device.revision {
                return Ok(Err(Outdated));
            }
            device.revision += 1;
            devices.insert(id.as_str(), to_json(&device)?.as_slice()).map_err(failed)?;
            let mut history = transaction.open_table(HISTORY).map_err(failed)?;
            let newest = history.range((id.as_str(), 0)..=(id.as_str(), u64::MAX)).map_err(failed)?.next_back();
            let next = newest.transpose().map_err(failed)?.map_or(0, |(key, _)| key.value().1 + 1);
            history.insert((id.as_str(), next), to_json(&event)?.as_slice()).map_err(failed)?;
            if let Some(oldest) = next.checked_sub(MOST_EVENTS) {
                history.remove((id.as_str(), oldest)).map_err(failed)?;
            }
            Ok(Ok(()))
        })
        .await
    }

    /// Forgets a device's registration. Its history stays. Whether there was one.
    pub(in crate::dps) async fn remove_device(&self, id: &str) -> Result<bool, StoreError> {
        let id = key(id);
        self.write(move |transaction| {
            let mut devices = transaction.open_table(DEVICES).map_err(failed)?;
            let removed = devices.remove(id.as_str()).map_err(failed)?;
            Ok(removed.is_some())
        })
        .await
    }
}
