//! A row as the BSON bytes that MongoDB keeps, made of an outcome's text, of a row's fields, or packed earlier.

use super::document::{self, PackedRow, Row, RowDestination, RowView};
use super::mongo_json::{self, RowBytes};
use super::payload::OutcomePayload;
use crate::domain::PublishedProfiles;
use crate::storage::StoreError;
use crate::storage::mongo::bson;
use chrono::{DateTime, Utc};
use mongodb::bson::error::Error;
use mongodb::bson::spec::ElementType;
use mongodb::bson::{Document, RawBsonRef, RawDocumentBuf};

/// A row in the form in which MongoDB gets it.
#[derive(Debug)]
pub struct BsonRow {
    pub place: RowDestination,
    pub moves_health: bool,
    pub document: RawDocumentBuf,
}

impl BsonRow {
    /// The row of an outcome's document.
    ///
    /// # Errors
    /// As [`document::row_of`].
    pub fn read(
        payload: &OutcomePayload,
        published_profiles: &PublishedProfiles,
    ) -> Result<Self, StoreError> {
        match mongo_json::read(payload.kind, &payload.json, published_profiles) {
            Some(RowBytes { place, moves_health, bytes }) => Self::of_bytes(place, moves_health, bytes),
            None => Self::of(&document::row_of(payload, published_profiles)?),
        }
    }

    /// # Errors
    /// As [`bson::to_raw`].
    pub fn of(row: &Row) -> Result<Self, StoreError> {
        let document = bson::to_raw(&row.fields).map_err(|error| refused(&error))?;
        Ok(Self { place: row.place, moves_health: row.moves_health, document })
    }

    /// # Errors
    /// None for rows that this store packed.
    pub fn unpacked(row: PackedRow) -> Result<Self, StoreError> {
        match row {
            PackedRow::Fields(row) => Self::of(&row),
            PackedRow::Bytes { place, moves_health, bytes } => Self::of_bytes(place, moves_health, bytes),
        }
    }

    fn of_bytes(place: RowDestination, moves_health: bool, bytes: Vec<u8>) -> Result<Self, StoreError> {
        let document = RawDocumentBuf::from_bytes(bytes).map_err(|error| refused(&error))?;
        Ok(Self { place, moves_health, document })
    }

    /// The row for a place where it waits.
    pub fn packed(self) -> PackedRow {
        let Self { place, moves_health, document } = self;
        PackedRow::Bytes { place, moves_health, bytes: document.into_bytes() }
    }

    pub fn id(&self) -> &str {
        self.document.get_str("_id").unwrap_or_default()
    }

    /// The row as a tree, for commands on a single one.
    ///
    /// # Errors
    /// None for a row of ours.
    pub fn fields(&self) -> Result<Document, Error> {
        Document::try_from(&self.document)
    }
}

fn refused(error: &Error) -> StoreError {
    StoreError::Rejected(format!("the row cannot be written as BSON: {error}"))
}

/// The texts and dates of a row, found in one pass: the library reads a document from its start for each question.
pub struct BsonRowView<'a> {
    row: &'a BsonRow,
    fields: Vec<(&'a str, RawBsonRef<'a>)>,
}

impl BsonRow {
    pub fn view(&self) -> BsonRowView<'_> {
        // A row of ours is always readable to its end.
        let elements = self.document.iter_elements().map_while(Result::ok);
        let asked = elements
            .filter(|element| matches!(element.element_type(), ElementType::String | ElementType::DateTime));
        let fields = asked.filter_map(|element| Some((element.key().as_str(), element.value().ok()?)));
        BsonRowView { row: self, fields: fields.collect() }
    }
}

impl BsonRowView<'_> {
    fn get(&self, name: &str) -> Option<RawBsonRef<'_>> {
        self.fields.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }
}

impl RowView for BsonRowView<'_> {
    fn place(&self) -> RowDestination {
        self.row.place
    }

    fn moves_health(&self) -> bool {
        self.row.moves_health
    }

    fn text(&self, name: &str) -> &str {
        self.get(name).and_then(|value| value.as_str()).unwrap_or_default()
    }

    fn instant(&self, name: &str) -> Option<DateTime<Utc>> {
        bson::moment(self.get(name)?.as_datetime()?)
    }
}
