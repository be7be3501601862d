//! Reads the providers' lists over the network and compares them with the measured models. Nothing here enables a
//! model, because a list does not prove that it answers.

pub mod diff;
pub mod findings;
pub mod reader;
pub mod transport;

use crate::domain::listing::{Listing, ListingChangeCounts};

/// The result of reading and storing one provider's list.
#[derive(Debug, Clone, PartialEq)]
pub struct SyncedListing {
    pub listing: Listing,
    /// The store's changes, or its error.
    pub kept: Result<ListingChangeCounts, String>,
    /// Sentences about what beside the list could not be read.
    pub notes: Vec<String>,
}

impl SyncedListing {
    /// True if the list was read completely and stored.
    pub fn is_whole(&self) -> bool {
        self.listing.status.is_complete() && self.kept.is_ok()
    }

    /// The reason why it is not whole, for users.
    pub fn trouble(&self) -> Option<&str> {
        let not_kept = self.kept.as_ref().err().map(String::as_str);
        not_kept.or(self.listing.error.as_deref())
    }
}
