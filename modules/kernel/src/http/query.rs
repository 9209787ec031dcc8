//! The query of a request.

use std::ops::RangeInclusive;

use actix_web::HttpRequest;

use crate::id::Id;
use crate::problem::Problem;

/// The parameters of a query: empty ones count as absent, unknown ones are left aside.
#[derive(Debug, Clone, Default)]
pub struct Query(Vec<(String, String)>);

impl From<Vec<(String, String)>> for Query {
    fn from(parameters: Vec<(String, String)>) -> Self {
        Self(parameters)
    }
}

impl Query {
    /// The query of a request.
    ///
    /// # Errors
    /// [`ProblemKind::BadParameter`](crate::ProblemKind::BadParameter), as for every method that reads a value.
    pub fn of(request: &HttpRequest) -> Result<Self, Problem> {
        serde_urlencoded::from_str(request.query_string())
            .map(Self)
            .map_err(|_| Problem::bad_parameter("query", "name=value pairs joined by &"))
    }

    /// A parameter by name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// All parameters, as they came.
    #[must_use]
    pub fn parameters(&self) -> &[(String, String)] {
        &self.0
    }

    /// An id.
    ///
    /// # Errors
    /// If it is no UUID.
    pub fn id<K>(&self, name: &str) -> Result<Option<Id<K>>, Problem> {
        self.parameter(name)
            .map(str::parse)
            .transpose()
            .map_err(|_| Problem::bad_parameter(name, "an id in the form of a UUID"))
    }

    /// The ids of a comma list.
    ///
    /// # Errors
    /// If one is no UUID.
    pub fn ids<K>(&self, name: &str) -> Result<Vec<Id<K>>, Problem> {
        self.parameter(name)
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(|_| Problem::bad_parameter(name, "UUIDs joined by commas"))
    }

    /// Yes or no.
    ///
    /// # Errors
    /// If it is neither.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Problem> {
        let word = self.parameter(name).map(str::to_ascii_lowercase);
        match word.as_deref() {
            None => Ok(None),
            Some("true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(_) => Err(Problem::bad_parameter(name, "true or false")),
        }
    }

    /// A whole number within bounds.
    ///
    /// # Errors
    /// If it is none, or lies outside.
    pub fn number(&self, name: &str, bounds: RangeInclusive<i64>) -> Result<Option<i64>, Problem> {
        let Some(text) = self.parameter(name) else {
            return Ok(None);
        };
        match text.parse() {
            Ok(number) if bounds.contains(&number) => Ok(Some(number)),
            _ => Err(Problem::bad_parameter(
                name,
                &format!("a whole number from {} to {}", bounds.start(), bounds.end()),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::id::TermId;
    use actix_web::test::TestRequest;

    fn query(text: &str) -> Query {
        Query::of(&TestRequest::with_uri(&format!("/x?{text}")).to_http_request()).unwrap()
    }

    #[test]
    fn empty_parameters_are_absent() {
        let query = query("id=&ids=&flag=&number=&_=1");
        assert_eq!(query.id::<crate::id::kind::Term>("id").unwrap(), None);
        assert_eq!(query.ids::<crate::id::kind::Term>("ids").unwrap(), []);
        assert_eq!(query.flag("flag").unwrap(), None);
        assert_eq!(query.number("number", 1..=2).unwrap(), None);
    }

    #[test]
    fn values_are_read_and_others_name_their_parameter() {
        let (one, other) = (TermId::new(), TermId::new());
        let good = query(&format!("ids={one},%20{other},&flag=TRUE&number=2"));
        assert_eq!(good.ids("ids").unwrap(), [one, other]);
        assert_eq!(good.flag("flag").unwrap(), Some(true));
        assert_eq!(good.number("number", 1..=2).unwrap(), Some(2));

        let bad = query("id=x&ids=1,2&flag=perhaps&number=3");
        let faults = [
            bad.id::<crate::id::kind::Term>("id").unwrap_err(),
            bad.ids::<crate::id::kind::Term>("ids").unwrap_err(),
            bad.flag("flag").unwrap_err(),
            bad.number("number", 1..=2).unwrap_err(),
        ];
        for (fault, name) in faults.iter().zip(["id", "ids", "flag", "number"]) {
            let text = fault.body("r").to_string();
            assert!(text.contains(name), "{text}");
        }
    }
}
