//! Describes the data files of a site as an OpenAPI 3.1 document: each file, or family of files, is a GET without
//! parameters beyond those of its path. Schemas are those that `docs/schema` holds.

use serde_json::{Map, Value, json};

/// Files of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataFile {
    /// Relative to the site, with its variable parts in braces: `data/models/{provider}/{model}.json`.
    pub path: &'static str,
    /// A name for programs: `getModel`.
    pub operation: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// `application/json`, `application/x-ndjson` for a document on each line, `application/atom+xml`, `image/svg+xml`.
    pub media_type: &'static str,
    /// What the file, or each of its lines, holds.
    pub schema: Option<NamedSchema>,
}

/// A JSON Schema with its name in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedSchema {
    pub name: &'static str,
    /// The text of a file of `docs/schema`.
    pub text: &'static str,
}

/// The variable parts of paths, with what they stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathPart {
    pub name: &'static str,
    pub description: &'static str,
}

/// The document. `base` is the address of the site where it is known; without it, paths begin at the folder that holds this
/// document.
pub fn openapi_document(base: Option<&str>, files: &[DataFile], parts: &[PathPart]) -> Value {
    let paths: Map<String, Value> = files
        .iter()
        .map(|file| (format!("/{}", file.path), json!({ "get": operation(file, parts) })))
        .collect();
    let schemas: Map<String, Value> = files
        .iter()
        .filter_map(|file| file.schema)
        .map(|schema| (schema.name.to_owned(), embedded(&schema)))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Speed of LLM APIs",
            "description": "Plain files of a static site. They are replaced as a whole when the site is made anew.",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "servers": [{ "url": base.map_or(".", |base| base.trim_end_matches('/')) }],
        "paths": paths,
        "components": { "schemas": schemas },
    })
}

fn operation(file: &DataFile, parts: &[PathPart]) -> Value {
    let is_named = |part: &&PathPart| file.path.contains(&format!("{{{}}}", part.name));
    let parameters: Vec<Value> = parts
        .iter()
        .filter(is_named)
        .map(|part| {
            let PathPart { name, description } = part;
            json!({ "name": name, "in": "path", "required": true, "description": description, "schema": { "type": "string" } })
        })
        .collect();
    let schema = file.schema.map_or_else(
        || json!({ "type": "string" }),
        |schema| json!({ "$ref": format!("#/components/schemas/{}", schema.name) }),
    );
    let mut operation = json!({
        "operationId": file.operation,
        "summary": file.summary,
        "responses": {
            "200": { "description": file.summary, "content": { file.media_type: { "schema": schema } } },
            "404": { "description": "The site has no such file." },
        },
    });
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    operation
}

/// A schema whose references lead to where it stands in the document. One that is no JSON allows everything; a test reads
/// each of them.
fn embedded(schema: &NamedSchema) -> Value {
    let mut value: Value = serde_json::from_str(schema.text).unwrap_or(Value::Bool(true));
    if let Some(top) = value.as_object_mut() {
        top.remove("$schema");
    }
    lead(&mut value, &format!("#/components/schemas/{}", schema.name));
    value
}

fn lead(value: &mut Value, place: &str) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member.as_str().and_then(|target| target.strip_prefix('#')) {
                    Some(target) if name == "$ref" => *member = format!("{place}{target}").into(),
                    _ => lead(member, place),
                }
            }
        }
        Value::Array(members) => members.iter_mut().for_each(|member| lead(member, place)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGES: NamedSchema =
        NamedSchema { name: "Changes", text: include_str!("../../docs/schema/results_changes.schema.json") };

    fn document() -> Value {
        let list = DataFile {
            path: "data/changes.json",
            operation: "getChanges",
            summary: "Changes of all series.",
            media_type: "application/json",
            schema: Some(CHANGES),
        };
        let rows = DataFile {
            path: "data/{provider}/{model}.ndjson",
            operation: "getRows",
            media_type: "application/x-ndjson",
            schema: None,
            ..list
        };
        let part = |name, description| PathPart { name, description };
        openapi_document(None, &[list, rows], &[part("provider", "A provider."), part("model", "A model.")])
    }

    /// All references of a value.
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => members.iter().for_each(|(name, member)| {
                found.extend(member.as_str().filter(|_| name == "$ref"));
                references(member, found);
            }),
            Value::Array(members) => members.iter().for_each(|member| references(member, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 5, "{found:?}");
        for reference in found {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
    }

    #[test]
    fn every_part_of_a_path_is_a_parameter() {
        let document = document();
        let parameters = &document["paths"]["/data/{provider}/{model}.ndjson"]["get"]["parameters"];
        let names: Vec<&str> =
            parameters.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["provider", "model"]);
        assert!(document["paths"]["/data/changes.json"]["get"].get("parameters").is_none());
        assert_eq!(document["servers"][0]["url"], ".");
    }
}
