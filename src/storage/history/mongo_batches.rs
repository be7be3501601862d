//! Rows of an answer one after the other, where they lie in it: nothing is copied, and nobody is asked between two rows of one
//! batch. For answers of thousands of rows of which few fields count.

use futures_util::StreamExt;
use mongodb::bson::{RawBsonRef, RawDocument};
use mongodb::error::Result;
use mongodb::raw_batch_cursor::RawBatchCursor;

/// Has every row taken.
///
/// # Errors
/// The server's; an answer that is none.
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
