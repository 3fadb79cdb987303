//! Who may read a source: leases and their fencing numbers, and how far it has been read.

use std::time::Duration;

use jiff::Timestamp;

use super::database::{Lock, Transaction};
use super::rows;
use crate::seams::{Cursor, Fence, SourceId, StoreError};

/// Takes or renews the right to a source. `embedded`: there is no other serving process, so
/// whoever holds it is gone.
pub(super) async fn lease(
    tx: &mut Transaction,
    (source, holder): (&SourceId, &str),
    (now, ttl): (Timestamp, Duration),
    embedded: bool,
) -> Result<Option<Fence>, StoreError> {
    let now = now.as_millisecond();
    let until = now.saturating_add(i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX));
    let free_if_until = if embedded { i64::MAX } else { now };
    let rows = tx
        .rows(
            "INSERT INTO leases (source, holder, number, until) VALUES ($1, $2, 1, $3) \
             ON CONFLICT (source) DO UPDATE SET \
                 number = leases.number \
                     + CASE WHEN leases.holder = excluded.holder THEN 0 ELSE 1 END, \
                 holder = excluded.holder, until = excluded.until \
             WHERE leases.holder = excluded.holder OR leases.until <= $4 \
             RETURNING number",
            vec![source.0.as_str().into(), holder.into(), until.into(), free_if_until.into()],
        )
        .await?;
    rows.first()
        .map(|row| {
            Ok(Fence { source: source.clone(), holder: holder.to_owned(), number: row.int(0)? })
        })
        .transpose()
}

/// Gives the right back. The number stays, so that the next holder's is higher.
pub(super) async fn release(tx: &mut Transaction, fence: &Fence) -> Result<(), StoreError> {
    tx.run(
        "UPDATE leases SET holder = '', until = 0 \
         WHERE source = $1 AND holder = $2 AND number = $3",
        vec![fence.source.0.as_str().into(), fence.holder.as_str().into(), fence.number.into()],
    )
    .await
    .map(|_| ())
}

/// Refuses whoever lost the right. It can't pass to another before this transaction ends.
pub(super) async fn check(tx: &mut Transaction, fence: &Fence) -> Result<(), StoreError> {
    let rows = tx
        .locked(
            "SELECT number FROM leases WHERE source = $1 AND holder = $2 AND number = $3",
            vec![fence.source.0.as_str().into(), fence.holder.as_str().into(), fence.number.into()],
            Lock::Share,
        )
        .await?;
    if rows.is_empty() { Err(StoreError::Fenced(fence.source.clone())) } else { Ok(()) }
}

/// How far a source has been read.
pub(super) async fn cursor(tx: &mut Transaction, source: &SourceId) -> Result<Cursor, StoreError> {
    let rows = tx
        .rows(
            "SELECT epoch, uid, folder FROM cursors WHERE source = $1",
            vec![source.0.as_str().into()],
        )
        .await?;
    rows.first().map_or(Ok(Cursor::default()), |row| {
        Ok(Cursor {
            epoch: rows::narrow(row.int(0)?)?,
            uid: rows::narrow(row.int(1)?)?,
            folder: row.maybe_text(2)?,
        })
    })
}

/// Moves the cursor.
pub(super) async fn move_cursor(
    tx: &mut Transaction,
    source: &SourceId,
    upto: &Cursor,
) -> Result<(), StoreError> {
    tx.run(
        "INSERT INTO cursors (source, epoch, uid, folder) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (source) DO UPDATE \
         SET epoch = excluded.epoch, uid = excluded.uid, folder = excluded.folder",
        vec![
            source.0.as_str().into(),
            upto.epoch.into(),
            upto.uid.into(),
            upto.folder.as_deref().into(),
        ],
    )
    .await
    .map(|_| ())
}
