//! Rows in bulk. A page is two short statements: one finds the rows in order, by an index, and one reads their
//! documents. So no sort carries documents, and the thread is free for others between two pages.

use super::row_pages::{PAGE_ROWS, RowPage, RowPages, RowQuery, RowSource};
use crate::storage::StoreError;
use crate::storage::history::RunSeries;
use crate::storage::history::row_pages::RowStore;
use crate::storage::sqlite::SqliteStore;
use crate::storage::sqlite::errors::SqliteCallError;
use async_trait::async_trait;
use rusqlite::types::Value as Parameter;
use rusqlite::{Connection, params_from_iter};

impl RowStore for SqliteStore {
    fn pages(&self, question: RowQuery) -> Box<dyn RowPages + '_> {
        Box::new(SqlitePages::new(self, question))
    }
}

/// The end of a page: time and id of its last row.
type PageMark = (i64, String);

/// Pages of one query.
pub struct SqlitePages<'a> {
    store: &'a SqliteStore,
    question: RowQuery,
    mark: Option<PageMark>,
}

impl<'a> SqlitePages<'a> {
    /// Pages from the first row on.
    pub fn new(store: &'a SqliteStore, question: RowQuery) -> Self {
        Self { store, question, mark: None }
    }
}

#[async_trait]
impl RowPages for SqlitePages<'_> {
    async fn next(&mut self) -> Result<Option<RowPage>, StoreError> {
        let (question, mark) = (self.question.clone(), self.mark.clone());
        let (page, last) = self.store.ask(move |connection| page(connection, &question, mark)).await?;
        self.mark = last;
        Ok((!page.is_empty()).then_some(page))
    }
}

/// The rows after `mark`, and the mark after them.
fn page(
    connection: &mut Connection,
    question: &RowQuery,
    mark: Option<PageMark>,
) -> Result<(RowPage, Option<PageMark>), SqliteCallError> {
    let (sql, parameters) = next_rows(question, mark.as_ref());
    let mut order = connection.prepare_cached(&sql)?;
    let mut order = order.query(params_from_iter(parameters))?;
    let sql = format!("SELECT doc FROM {} WHERE rowid = ?", name(question.table));
    let mut documents = connection.prepare_cached(&sql)?;
    let (mut page, mut last) = (RowPage::default(), mark);
    while !page.is_full()
        && let Some(next) = order.next()?
    {
        let at = next.get(1)?;
        last = Some((at, next.get(2)?));
        let mut found = documents.query([next.get::<_, i64>(0)?])?;
        // Read directly after its lookup, while the pages read for that are still cached.
        if let Some(row) = found.next()? {
            let bytes = row.get_ref(0)?.as_bytes_or_null().ok().flatten().unwrap_or_default();
            page.add(at, |text| match std::str::from_utf8(bytes) {
                Ok(document) => text.push_str(document),
                Err(_) => text.push_str(&String::from_utf8_lossy(bytes)),
            });
        }
    }
    Ok((page, last))
}

fn name(table: RowSource) -> &'static str {
    match table {
        RowSource::Runs(_) => "runs",
        RowSource::Errors => "errors",
    }
}

/// The statement that finds the next row numbers, and its parameters. The index is named, because the planner would
/// sort a whole window if one of a provider looks narrower to it; only rows of the same millisecond are sorted, by id.
fn next_rows(question: &RowQuery, mark: Option<&PageMark>) -> (String, Vec<Parameter>) {
    let scope = &question.scope;
    let (time, index) = match (question.table, &scope.provider, &scope.model) {
        (RowSource::Runs(_), Some(_), Some(_)) => ("run_ts_ms", "runs_of_model"),
        (RowSource::Runs(_), ..) => ("run_ts_ms", "runs_of_window"),
        (RowSource::Errors, Some(_), Some(_)) => ("ts_ms", "errors_by_model"),
        (RowSource::Errors, ..) => ("ts_ms", "errors_by_time"),
    };
    let mut conditions = Vec::new();
    let mut parameters = Vec::new();
    let mut and = |condition: String, parameter: Parameter| {
        conditions.push(condition);
        parameters.push(parameter);
    };
    if let RowSource::Runs(series) = question.table {
        and("published = ?".to_owned(), i64::from(series == RunSeries::Published).into());
    }
    for (column, wanted) in [("provider", &scope.provider), ("model_name", &scope.model)] {
        if let Some(wanted) = wanted {
            and(format!("{column} = ?"), wanted.clone().into());
        }
    }
    // After a mark the window's start adds nothing, and SQLite would search each page from there.
    if let (None, Some(from)) = (mark, scope.window.from) {
        and(format!("{time} >= ?"), from.timestamp_millis().into());
    }
    if let Some(to) = scope.window.to {
        and(format!("{time} < ?"), to.timestamp_millis().into());
    }
    if let Some((at, id)) = mark {
        and(format!("({time}, id) > (?, ?)"), (*at).into());
        parameters.push(id.clone().into());
    }
    conditions.push("1".to_owned());
    let sql = format!(
        "SELECT rowid, {time}, id FROM {} INDEXED BY {index} WHERE {} ORDER BY {time}, id LIMIT {PAGE_ROWS}",
        name(question.table),
        conditions.join(" AND ")
    );
    (sql, parameters)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Window;
    use crate::storage::history::HistoryFilter;
    use crate::storage::sqlite::schema;
    use chrono::DateTime;
    use rusqlite::StatementStatus;

    #[test]
    fn a_late_page_of_a_window_costs_what_an_early_one_costs() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection).unwrap();
        for number in 0..20_000 {
            let sql = "INSERT INTO errors (id, doc, provider, model_name, ts_ms, stage, error_kind, fingerprint, moves_health,
                message) VALUES (printf('e%06d', ?1), '{}', 'groq', 'm', ?1, 'read', 'unknown', 'f', 1, '')";
            connection.prepare_cached(sql).unwrap().execute([number]).unwrap();
        }
        let from = DateTime::from_timestamp_millis(0);
        let scope = HistoryFilter { window: Window { from, to: None }, ..HistoryFilter::default() };
        let question = RowQuery { table: RowSource::Errors, scope, fields: None };
        let steps = |mark: Option<&PageMark>| {
            let (sql, parameters) = next_rows(&question, mark);
            let mut statement = connection.prepare(&sql).unwrap();
            let mut rows = statement.query(params_from_iter(parameters)).unwrap();
            let mut found = 0;
            while rows.next().unwrap().is_some() {
                found += 1;
            }
            drop(rows);
            assert!(found > 900, "{found}");
            statement.get_status(StatementStatus::VmStep)
        };
        let (early, late) = (steps(None), steps(Some(&(18_000, "e018000".to_owned()))));
        assert!(late < 2 * early, "{late} steps after {early}");
    }

    #[test]
    fn every_page_begins_where_the_last_one_ended_by_an_index() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection).unwrap();
        let from = DateTime::from_timestamp_millis(0);
        let mark = (7, "id".to_owned());
        for table in
            [RowSource::Runs(RunSeries::Published), RowSource::Runs(RunSeries::Probe), RowSource::Errors]
        {
            for (window, mark) in [
                (Window::default(), None),
                (Window::default(), Some(&mark)),
                (Window { from, to: from }, Some(&mark)),
            ] {
                for (provider, model) in
                    [(None, None), (Some("groq"), None), (Some("groq"), Some("m")), (None, Some("m"))]
                {
                    let [provider, model] = [provider, model].map(|name| name.map(str::to_owned));
                    let scope = HistoryFilter { window, provider, model, ..HistoryFilter::default() };
                    let (sql, parameters) = next_rows(&RowQuery { table, scope, fields: None }, mark);
                    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
                    let plan =
                        statement.query_map(params_from_iter(parameters), |row| row.get::<_, String>(3));
                    let plan = plan.unwrap().collect::<rusqlite::Result<Vec<_>>>().unwrap().join("; ");
                    let sorts_ties_alone = plan.contains("LAST TERM OF ORDER BY");
                    let seeks = mark.is_none() || plan.contains("_ms>?") || plan.contains("_ms,");
                    assert!(sorts_ties_alone && seeks, "{sql}\n{plan}");
                }
            }
        }
    }
}
