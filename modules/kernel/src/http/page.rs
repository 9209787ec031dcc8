//! Lists in pages.

use std::ops::Deref;

use actix_web::HttpRequest;
use serde::Serialize;
use serde_json::{Map, Value};

use super::Query;
use crate::problem::Problem;

/// The most entries of a page.
pub const MAX_LIMIT: i64 = 100;
/// The deepest offset; beyond it, follow `next`.
pub const MAX_OFFSET: i64 = 100_000;

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Oldest first.
    Ascending,
    /// Newest first.
    Descending,
}

/// `offset`, `limit`, `sort` and `cursor` of a request, and all its other parameters.
#[derive(Debug, Clone)]
pub struct PageQuery {
    /// Entries to pass over; none where a cursor says where the page begins.
    pub offset: i64,
    /// Entries before the page: beside a cursor, those that the link `next` told of.
    place: Option<i64>,
    /// Entries to give.
    pub limit: i64,
    /// In which order.
    pub sort: Sort,
    /// Where a page before ended.
    pub cursor: Option<String>,
    query: Query,
}

impl Deref for PageQuery {
    type Target = Query;
    fn deref(&self) -> &Query {
        &self.query
    }
}

impl PageQuery {
    /// Reads them.
    ///
    /// # Errors
    /// [`ProblemKind::BadParameter`](crate::ProblemKind::BadParameter).
    pub fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let query = Query::of(request)?;
        let sort = match query
            .parameter("sort")
            .map(str::to_ascii_uppercase)
            .as_deref()
        {
            None | Some("ASC") => Sort::Ascending,
            Some("DESC") => Sort::Descending,
            Some(_) => return Err(Problem::bad_parameter("sort", "ASC or DESC")),
        };
        let cursor = query.parameter("cursor").map(str::to_owned);
        let told = query.number("offset", 0..=MAX_OFFSET)?;
        let (offset, place) = match (&cursor, told) {
            (Some(_), told) => (0, told),
            (None, told) => (told.unwrap_or(0), told.or(Some(0))),
        };
        Ok(Self {
            offset,
            place,
            limit: query.number("limit", 1..=MAX_LIMIT)?.unwrap_or(10),
            sort,
            cursor,
            query,
        })
    }

    fn url(&self, base: &str, set: &[(&str, String)], drop: &[&str]) -> String {
        let mut pairs: Vec<(String, String)> = self
            .parameters()
            .iter()
            .filter(|(key, _)| {
                !drop.contains(&key.as_str()) && !set.iter().any(|(name, _)| key == name)
            })
            .cloned()
            .collect();
        pairs.extend(
            set.iter()
                .map(|(key, value)| ((*key).to_owned(), value.clone())),
        );
        let query = serde_urlencoded::to_string(&pairs).unwrap_or_default();
        if query.is_empty() {
            base.to_owned()
        } else {
            format!("{base}?{query}")
        }
    }
}

/// `meta` of a collection.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Meta {
    /// Entries in all.
    #[schema(minimum = 0)]
    pub count: i64,
    /// The parameters as they were understood.
    pub parameter: Map<String, Value>,
}

/// `links` of a collection.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Links {
    /// This page.
    #[serde(rename = "self")]
    #[schema(max_length = 65534)]
    pub this: String,
    /// The page before.
    #[schema(max_length = 65534)]
    pub prev: Option<String>,
    /// The next page.
    #[schema(max_length = 65534)]
    pub next: Option<String>,
}

/// A page of a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Collection<T> {
    /// Counts.
    pub meta: Meta,
    /// Where to go from here.
    pub links: Links,
    /// The entries.
    #[schema(max_items = 100)]
    pub data: Vec<T>,
}

impl<T> Collection<T> {
    /// A page: `base` is the list's address, `next` the cursor after its last entry if there are more.
    #[must_use]
    pub fn new(
        query: &PageQuery,
        base: &str,
        count: i64,
        data: Vec<T>,
        next: Option<String>,
    ) -> Self {
        let mut parameter: Map<String, Value> = query
            .parameters()
            .iter()
            .map(|(key, value)| (key.clone(), Value::String(value.clone())))
            .collect();
        parameter.insert("offset".to_owned(), query.place.unwrap_or(0).into());
        parameter.insert("limit".to_owned(), query.limit.into());
        let prev = query.place.filter(|place| *place > 0).map(|place| {
            query.url(
                base,
                &[("offset", (place - query.limit).max(0).to_string())],
                &["cursor"],
            )
        });
        let given = i64::try_from(data.len()).unwrap_or(MAX_OFFSET);
        let after = query.place.map(|place| place + given);
        let next = next.map(|cursor| {
            let mut set = vec![("cursor", cursor)];
            set.extend(
                after
                    .filter(|after| *after <= MAX_OFFSET)
                    .map(|after| ("offset", after.to_string())),
            );
            query.url(base, &set, &["offset"])
        });
        Self {
            meta: Meta { count, parameter },
            links: Links {
                this: query.url(base, &[], &[]),
                prev,
                next,
            },
            data,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use actix_web::test::TestRequest;

    use super::*;

    fn page(query: &str, entries: usize) -> Links {
        let request = TestRequest::with_uri(&format!("/list{query}")).to_http_request();
        let query = PageQuery::of(&request).unwrap();
        Collection::new(
            &query,
            "/list",
            100,
            vec![(); entries],
            Some("c".to_owned()),
        )
        .links
    }

    #[test]
    fn a_page_behind_a_cursor_knows_the_one_before() {
        let first = page("?limit=2", 2);
        assert_eq!(first.prev, None);
        assert_eq!(
            first.next.as_deref(),
            Some("/list?limit=2&cursor=c&offset=2")
        );
        let third = page("?limit=2&cursor=c&offset=4", 2);
        assert_eq!(third.prev.as_deref(), Some("/list?limit=2&offset=2"));
        assert_eq!(
            third.next.as_deref(),
            Some("/list?limit=2&cursor=c&offset=6")
        );
        // Too deep for an offset, or nothing told of it: only the way on.
        let last = page("?cursor=c&offset=100000", 10);
        assert_eq!(last.next.as_deref(), Some("/list?cursor=c"));
        let lost = page("?cursor=c", 10);
        assert_eq!(
            (lost.prev, lost.next.as_deref()),
            (None, Some("/list?cursor=c"))
        );
    }

    #[test]
    fn a_cursor_says_alone_where_the_page_begins() {
        let request = TestRequest::with_uri("/list?cursor=c&offset=4").to_http_request();
        assert_eq!(PageQuery::of(&request).unwrap().offset, 0);
    }
}
