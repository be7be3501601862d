//! Iterates rows within the server's answer: nothing is copied, and nothing is awaited between two rows of one batch.
//! For answers of thousands of rows of which few fields are needed.

use futures_util::StreamExt;
use mongodb::bson::{RawBsonRef, RawDocument};
use mongodb::error::Result;
use mongodb::raw_batch_cursor::RawBatchCursor;

/// Calls `take` with every row.
///
/// # Errors
/// The server's; a malformed answer.
pub async fn each(mut cursor: RawBatchCursor, mut take: impl FnMut(&RawDocument)) -> Result<()> {
    while let Some(batch) = cursor.next().await {
        let batch = batch?;
        for row in batch.doc_slices()? {
            if let RawBsonRef::Document(row) = row? {
                take(row);
            }
        }
    }
    Ok(())
}
