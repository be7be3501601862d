//! Reads markup as an XML parser does, as far as the pictures and the feed need it. For tests: what is not well formed
//! panics with its place.

use std::collections::BTreeMap;

/// An element with its attributes, in the order of the text.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadElement {
    pub name: String,
    pub attributes: BTreeMap<String, String>,
    /// The text directly inside, with its entities resolved.
    pub text: String,
    /// Places of the elements around it, outermost first.
    pub parents: Vec<usize>,
}

/// All elements of a document.
pub fn elements(markup: &str) -> Vec<ReadElement> {
    let mut found: Vec<ReadElement> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut rest = markup.strip_prefix("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n").unwrap_or(markup);
    while !rest.is_empty() {
        let Some(start) = rest.find('<') else {
            assert!(rest.trim().is_empty(), "text behind the document: {rest:?}");
            break;
        };
        match open.last() {
            Some(inner) => found[*inner].text.push_str(&resolved(&rest[..start])),
            None => assert!(rest[..start].trim().is_empty(), "text outside of the document: {rest:?}"),
        }
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let closed = open.pop().expect("a tag was open");
            assert_eq!(found[closed].name, name, "the innermost tag is closed first");
        } else {
            assert!(open.last().is_some() || found.is_empty(), "one element is around all");
            found.push(read(tag.strip_suffix('/').unwrap_or(tag), &open));
            if !tag.ends_with('/') {
                open.push(found.len() - 1);
            }
        }
    }
    assert!(open.is_empty(), "all tags are closed");
    found
}

fn read(tag: &str, open: &[usize]) -> ReadElement {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    assert!(!name.is_empty() && name.chars().all(|ch| ch.is_ascii_alphanumeric() || ch == ':'), "<{tag}>");
    let mut attributes = BTreeMap::new();
    while !rest.trim().is_empty() {
        let (key, behind) = rest.trim_start().split_once("=\"").expect("an attribute has a value in quotes");
        let (value, behind) = behind.split_once('"').expect("a value ends");
        let is_new = attributes.insert(key.to_owned(), resolved(value)).is_none();
        assert!(is_new, "{key} stands twice in <{tag}>");
        rest = behind;
    }
    ReadElement { name: name.to_owned(), attributes, text: String::new(), parents: open.to_owned() }
}

/// The text behind entities.
fn resolved(text: &str) -> String {
    assert!(!text.contains('<'), "{text:?}");
    let is_allowed = |ch: char| matches!(ch, '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..);
    assert!(text.chars().all(is_allowed), "{text:?}");
    let mut out = String::new();
    let mut parts = text.split('&');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (entity, behind) = part.split_once(';').expect("an entity ends");
        out.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            other => panic!("{other} is no entity of XML"),
        });
        out.push_str(behind);
    }
    out
}
