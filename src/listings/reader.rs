//! Reads one provider's list completely: its parts concurrently, the pages of each part in sequence. Redirects are
//! never followed, every step has a deadline and a body has a size limit; [`PageTransport`] fetches the pages. Every
//! failure is recorded in the [`Listing`] and never returned as an error: one provider must not stop another.

use super::transport::{HostContact, ListingPageAnswer, PageTransport};
use crate::domain::listing::{ListedEndpoint, Listing, ReadStatus};
use crate::domain::redact::Redactor;
use crate::domain::{FailureKind, ModelRef};
use crate::measure::verdict::{ErrorContext, refusal_of};
use crate::providers::listing::{self, ListingEndpoint, ListingEntry, ListingPage};
use crate::providers::route::ProviderRoute;
use crate::wire::ExchangeLimits;
use crate::wire::stream::Stream;
use chrono::{DateTime, SubsecRound, Utc};
use std::sync::Arc;
use tokio::task::JoinSet;

/// The largest page, bytes. The longest known list has 2 MB.
pub const PAGE_BYTES: usize = 32 * 1024 * 1024;

/// More pages than any list has: stops a server that always names a next one.
const MOST_PAGES: usize = 500;

/// The context of reading, besides a route.
#[derive(Clone)]
pub struct ListingReader {
    pub transport: PageTransport,
    /// Deadlines of each page; its size is [`PAGE_BYTES`].
    pub limits: ExchangeLimits,
    /// Removes secrets from messages.
    pub redactor: Arc<Redactor>,
}

/// A list, and information about the connection to its host.
#[derive(Debug, Clone, PartialEq)]
pub struct ListingRead {
    pub listing: Listing,
    /// The kind of the first failure.
    pub kind: Option<FailureKind>,
    /// The first page's exchange, if there was one and it was timed.
    pub touch: Option<HostContact>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ListingReadError {
    pub kind: FailureKind,
    /// The reason, for users.
    pub reason: String,
}

/// The result of one part.
#[derive(Debug, Default)]
struct EndpointRead {
    raw_count: u64,
    entries: Vec<ListingEntry>,
    error: Option<String>,
    kind: Option<FailureKind>,
    touch: Option<HostContact>,
    /// True if the list is whole without this part.
    supplements: bool,
    /// True if the login has no right to this part, and the list is complete without it.
    forgone: bool,
}

impl ListingReader {
    /// Reads the list behind a route.
    pub async fn read(&self, route: Arc<ProviderRoute>) -> Listing {
        self.look(route).await.listing
    }

    /// The same, with information about the connection.
    pub async fn look(&self, route: Arc<ProviderRoute>) -> ListingRead {
        let provider = route.host.name.clone();
        let started_at = now();
        let got = match listing::parts(&route.host) {
            Ok(parts) => self.parts(&route, parts).await,
            Err(reason) => EndpointRead { error: Some(reason), ..EndpointRead::default() },
        };
        let (kind, touch) = (got.kind, got.touch);
        ListingRead { listing: listing_of(provider, started_at, now(), got, &self.redactor), kind, touch }
    }

    /// Requests one page and checks only that it is delivered.
    ///
    /// # Errors
    /// The reason why it is not.
    pub async fn prove(&self, route: &ProviderRoute, part: &ListingEndpoint) -> Result<(), ListingReadError> {
        let answer = self.fetch(route, part, None, &mut None).await?;
        self.fault(route, &answer).map_or(Ok(()), Err)
    }

    /// Reads the endpoints of one of a router's models.
    ///
    /// # Errors
    /// The reason why they cannot be read.
    pub async fn endpoints(
        &self,
        route: &ProviderRoute,
        model_id: &str,
    ) -> Result<Vec<ListedEndpoint>, ListingReadError> {
        let wrong = |kind, reason: String| ListingReadError { kind, reason };
        let part = listing::endpoints_part(&route.host, model_id)
            .ok_or_else(|| wrong(FailureKind::Unknown, format!("`{model_id}` is no author/slug")))?;
        let answer = self.fetch(route, &part, None, &mut None).await?;
        match self.fault(route, &answer) {
            Some(fault) => Err(fault),
            None => ListingEndpoint::endpoints(&answer.body)
                .map_err(|reason| wrong(FailureKind::Protocol, reason)),
        }
    }

    /// Reads parts concurrently. Their entries keep the order of the parts, because the first of two with one id
    /// counts.
    async fn parts(&self, route: &Arc<ProviderRoute>, parts: Vec<ListingEndpoint>) -> EndpointRead {
        let mut reads = JoinSet::new();
        for (place, part) in parts.into_iter().enumerate() {
            let (reader, route) = (self.clone(), Arc::clone(route));
            reads.spawn(async move { (place, reader.part(&route, &part).await) });
        }
        let mut gots = reads.join_all().await;
        gots.sort_by_key(|(place, _)| *place);
        merged(gots.into_iter().map(|(_, got)| got).collect())
    }

    async fn part(&self, route: &ProviderRoute, part: &ListingEndpoint) -> EndpointRead {
        let mut got = EndpointRead { supplements: part.supplements, ..EndpointRead::default() };
        let mut cursor: Option<String> = None;
        let mut connection = None;
        for number in 1..=MOST_PAGES {
            let page = self.page(route, part, cursor.as_deref(), &mut connection, &mut got.touch).await;
            match page {
                Err(wrong) => {
                    got.forgone = part.shape.is_forgone() && wrong.kind == FailureKind::Auth;
                    (got.error, got.kind) = (Some(placed(part, number, &wrong.reason)), Some(wrong.kind));
                    return got;
                }
                Ok(page) => {
                    got.raw_count += page.raw_count;
                    got.entries.extend(page.entries);
                    cursor = page.next;
                }
            }
            if cursor.is_none() {
                return got;
            }
        }
        got.error = Some(placed(part, MOST_PAGES, "it still names a next page"));
        got
    }

    async fn page(
        &self,
        route: &ProviderRoute,
        part: &ListingEndpoint,
        cursor: Option<&str>,
        connection: &mut Option<Stream>,
        touch: &mut Option<HostContact>,
    ) -> Result<ListingPage, ListingReadError> {
        let answer = self.fetch(route, part, cursor, connection).await?;
        *touch = touch.or(answer.contact);
        match self.fault(route, &answer) {
            Some(wrong) => Err(wrong),
            None => part
                .page(cursor, &answer.body)
                .map_err(|reason| ListingReadError { kind: FailureKind::Protocol, reason }),
        }
    }

    async fn fetch(
        &self,
        route: &ProviderRoute,
        part: &ListingEndpoint,
        cursor: Option<&str>,
        connection: &mut Option<Stream>,
    ) -> Result<ListingPageAnswer, ListingReadError> {
        let prepared = route.prepare_page(part, cursor).await;
        let request =
            prepared.map_err(|fault| ListingReadError { kind: fault.kind, reason: fault.message })?;
        let limits = ExchangeLimits { body_bytes: PAGE_BYTES, ..self.limits };
        Ok(self.transport.fetch(&request, &limits, connection).await)
    }

    fn fault(&self, route: &ProviderRoute, answer: &ListingPageAnswer) -> Option<ListingReadError> {
        let model = ModelRef::new(&route.host.name, "");
        let region = route.region();
        let asked = ErrorContext { model: &model, region: region.as_deref(), redactor: &self.redactor };
        refusal_of(answer.received(), None, asked).map(|refusal| {
            let status = refusal.fault.http_status.filter(|status| *status != 200);
            let reason = match status {
                Some(status) => format!("HTTP {status}: {}", refusal.fault.message),
                None => refusal.fault.message,
            };
            ListingReadError { kind: refusal.fault.kind, reason }
        })
    }
}

/// All parts of a list as one. A part that the login may not read is forgone where another part was read.
fn merged(gots: Vec<EndpointRead>) -> EndpointRead {
    let mut all = EndpointRead::default();
    let read = gots.iter().any(|got| got.error.is_none() && got.raw_count > 0);
    for mut got in gots {
        if read && got.forgone {
            (got.error, got.kind) = (None, None);
        }
        all.raw_count += got.raw_count;
        all.entries.extend(got.entries);
        // Only the first error is reported: the others are mostly the same.
        if all.error.is_none() && !got.supplements {
            (all.error, all.kind) = (got.error, got.kind);
        }
        all.touch = all.touch.or(got.touch);
    }
    all
}

/// The reason, after the part's label and the number of a later page, if there are any.
fn placed(part: &ListingEndpoint, number: usize, reason: &str) -> String {
    let page = if number > 1 { format!("page {number}") } else { String::new() };
    let places: Vec<&str> =
        [part.label.as_str(), &page].into_iter().filter(|place| !place.is_empty()).collect();
    if places.is_empty() { reason.to_owned() } else { format!("{}: {reason}", places.join(", ")) }
}

/// The current time, truncated to the milliseconds that stores keep.
fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(3)
}

/// The longest stored error, in characters.
const LONGEST_ERROR: usize = 1000;

/// Evaluates the result. An empty list is a failure: every provider offers models, and all of them would look gone.
fn listing_of(
    provider: String,
    started_at: DateTime<Utc>,
    finished_at: DateTime<Utc>,
    got: EndpointRead,
    redactor: &Redactor,
) -> Listing {
    let models = listing::settle(got.entries);
    let empty = match got.raw_count {
        0 => "its list is empty".to_owned(),
        count => format!("none of the {count} entries of its list is a model that writes text"),
    };
    let error = got.error.or_else(|| models.is_empty().then_some(empty));
    let status = match &error {
        None => ReadStatus::Completed,
        Some(_) if models.is_empty() => ReadStatus::Failed,
        Some(_) => ReadStatus::Partial,
    };
    let error = error.map(|error| redactor.redact(&error).chars().take(LONGEST_ERROR).collect());
    Listing { provider, started_at, finished_at, status, error, raw_count: got.raw_count, models }
}

/// The record of a read that could not start, for example without a key.
pub fn not_begun(provider: &str, reason: &str, redactor: &Redactor) -> Listing {
    let got = EndpointRead { error: Some(reason.to_owned()), ..EndpointRead::default() };
    listing_of(provider.to_owned(), now(), now(), got, redactor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::listing::ListingFormat;

    #[test]
    fn nothing_is_never_complete() {
        let at = now();
        let judged = |got| listing_of("groq".to_owned(), at, at, got, &Redactor::new());
        let nothing = judged(EndpointRead::default());
        assert_eq!(
            (nothing.status, nothing.error.as_deref()),
            (ReadStatus::Failed, Some("its list is empty"))
        );
        let useless = judged(EndpointRead { raw_count: 3, ..EndpointRead::default() });
        assert_eq!(useless.status, ReadStatus::Failed);
        assert!(useless.error.unwrap().starts_with("none of the 3 entries"));
    }

    #[test]
    fn a_part_without_a_right_is_forgone_where_the_rest_was_read() {
        let models = || EndpointRead { raw_count: 3, ..EndpointRead::default() };
        let profiles = |forgone| EndpointRead {
            error: Some("inference profiles: HTTP 403".to_owned()),
            kind: Some(FailureKind::Auth),
            forgone,
            ..EndpointRead::default()
        };
        assert_eq!(merged(vec![models(), profiles(true)]).error, None, "complete by design");
        assert!(merged(vec![models(), profiles(false)]).error.is_some(), "another failure");
        let none = merged(vec![profiles(true), profiles(true)]);
        assert_eq!(none.kind, Some(FailureKind::Auth), "nothing was read at all");
        assert!(
            ListingFormat::InferenceProfiles.is_forgone() && !ListingFormat::FoundationModels.is_forgone()
        );
    }

    #[test]
    fn errors_say_where() {
        let part = |label: &str| ListingEndpoint::new(ListingFormat::Plain, "", "/models", label);
        assert_eq!(placed(&part(""), 1, "no"), "no");
        assert_eq!(placed(&part(""), 2, "no"), "page 2: no");
        assert_eq!(placed(&part("meta us"), 2, "no"), "meta us, page 2: no");
        let secret = not_begun("groq", "key sk-abcdefghijklmnop is bad", &Redactor::new());
        assert!(!secret.error.unwrap().contains("abcdefgh"));
    }
}
