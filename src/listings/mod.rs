//! What providers list against what is measured: reading lists over the network, and comparing what stores keep of them.
//! Nothing here enables a model: a listing proves nothing.

pub mod diff;
pub mod findings;
pub mod reader;
pub mod transport;

use crate::domain::listing::{Listing, ListingChangeCounts};

/// What became of one provider's list.
#[derive(Debug, Clone, PartialEq)]
pub struct SyncedListing {
    /// What was read.
    pub listing: Listing,
    /// What the store made of it, or why it did not take it.
    pub kept: Result<ListingChangeCounts, String>,
}

impl SyncedListing {
    /// Read whole and stored.
    pub fn is_whole(&self) -> bool {
        self.listing.status.is_complete() && self.kept.is_ok()
    }

    /// Why it is not, for people.
    pub fn trouble(&self) -> Option<&str> {
        let not_kept = self.kept.as_ref().err().map(String::as_str);
        not_kept.or(self.listing.error.as_deref())
    }
}
