//! Rows: from an outcome to the document that a store keeps, and the way into each store.

pub mod document;
pub mod field_types;
pub(super) mod mongo;
pub(super) mod mongo_bulk;
pub(super) mod mongo_record;
pub mod payload;
pub(super) mod sqlite;
