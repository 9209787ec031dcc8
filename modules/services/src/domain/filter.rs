//! Which services a list shows, and in which order.

use std::cmp::Ordering;

use opencity_contracts::service::ServiceStatus;
use opencity_kernel::Problem;
use opencity_kernel::id::{Id, OfficeId, TermId};

use super::service::{GroupId, LISTED, Service};

/// The parameters of a query; empty ones count as absent, unknown ones are left aside.
#[derive(Debug, Default)]
pub struct Parameters(pub Vec<(String, String)>);

impl Parameters {
    /// A parameter by name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }
}

/// What lists can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OrderBy {
    /// The name, whatever its case.
    #[default]
    Name,
    /// When it was made.
    CreatedAt,
    /// When it last changed.
    UpdatedAt,
    /// The status.
    Status,
    /// Sticky ones last, so that descending order shows them first.
    Sticky,
}

/// The filters of `GET services`; empty lists do not filter, and all filters hold together.
#[derive(Debug, Default)]
pub struct ServiceFilter {
    /// Words in name or short description.
    pub text: Option<String>,
    /// Shown statuses.
    pub statuses: Vec<ServiceStatus>,
    /// The external name.
    pub identifier: Option<String>,
    /// Categories.
    pub topics: Vec<TermId>,
    /// Recipients.
    pub recipients: Vec<TermId>,
    /// Geographic areas.
    pub areas: Vec<TermId>,
    /// Group.
    pub group: Option<GroupId>,
    /// Offices.
    pub offices: Vec<OfficeId>,
    /// Only services outside of groups.
    pub ungrouped: bool,
    /// Only sticky ones, or only the others.
    pub sticky: Option<bool>,
    /// The order.
    pub order: OrderBy,
    /// From high to low.
    pub descending: bool,
    /// At most so many.
    pub limit: usize,
}

impl ServiceFilter {
    /// Reads the query of a list. `status` takes 1, 2 and 4, of an administrator also 0 and 3; others are ignored,
    /// as existing clients expect.
    ///
    /// # Errors
    /// [`ProblemKind::BadParameter`](opencity_kernel::ProblemKind::BadParameter).
    pub fn of(query: &Parameters, administrator: bool, most: usize) -> Result<Self, Problem> {
        let may_ask = |status: &ServiceStatus| administrator || LISTED.contains(status);
        let status = query
            .parameter("status")
            .and_then(|text| text.parse().ok())
            .and_then(ServiceStatus::from_code)
            .filter(may_ask);
        Ok(Self {
            text: query
                .parameter("q")
                .map(|text| text.trim().to_lowercase())
                .filter(|text| !text.is_empty()),
            statuses: status.map_or_else(|| LISTED.to_vec(), |status| vec![status]),
            identifier: query.parameter("identifier").map(str::to_owned),
            topics: ids(query, "topics_id")?,
            recipients: ids(query, "recipient_id")?,
            areas: ids(query, "geographic_area_id")?,
            group: query
                .parameter("service_group_id")
                .map(|text| {
                    text.parse()
                        .map_err(|_| Problem::bad_parameter("service_group_id", "a UUID"))
                })
                .transpose()?,
            offices: ids(query, "user_group_ids")?,
            ungrouped: flag(query, "grouped")? == Some(false),
            sticky: flag(query, "sticky")?,
            order: order(query)?,
            descending: flag(query, "ascending")? == Some(false),
            limit: match query.parameter("limit") {
                None => most,
                Some(text) => text
                    .parse::<i32>()
                    .ok()
                    .and_then(|limit| usize::try_from(limit).ok())
                    .filter(|limit| *limit > 0)
                    .ok_or_else(|| Problem::bad_parameter("limit", "a whole number from 1"))?
                    .min(most),
            },
        })
    }

    /// Whether a service is shown.
    #[must_use]
    pub fn shows(&self, service: &Service) -> bool {
        let fields = &service.fields;
        let any = |wanted: &[TermId], held: &[TermId]| {
            wanted.is_empty() || wanted.iter().any(|id| held.contains(id))
        };
        let text = self.text.as_ref().is_none_or(|text| {
            let short = fields
                .texts
                .short_description
                .as_deref()
                .unwrap_or_default();
            fields.name.to_lowercase().contains(text) || short.to_lowercase().contains(text)
        });
        text && self.statuses.contains(&fields.status)
            && (self.identifier.is_none() || self.identifier == fields.identifier)
            && any(&self.topics, fields.topics_id.as_slice())
            && any(&self.recipients, &fields.recipients_id)
            && any(&self.areas, &fields.geographic_areas_id)
            && (self.group.is_none() || self.group == fields.service_group_id)
            && (self.offices.is_empty()
                || self
                    .offices
                    .iter()
                    .any(|id| fields.user_group_ids.contains(id)))
            && !(self.ungrouped && fields.service_group_id.is_some())
            && self.sticky.is_none_or(|sticky| sticky == fields.sticky)
    }

    /// The services shown, in order.
    #[must_use]
    pub fn apply(&self, services: Vec<Service>) -> Vec<Service> {
        let mut shown: Vec<Service> = services
            .into_iter()
            .filter(|service| self.shows(service))
            .collect();
        shown.sort_by(|one, other| {
            let order = self.compare(one, other);
            if self.descending {
                order.reverse()
            } else {
                order
            }
        });
        shown.truncate(self.limit);
        shown
    }

    fn compare(&self, one: &Service, other: &Service) -> Ordering {
        let order = match self.order {
            OrderBy::Name => Ordering::Equal,
            OrderBy::CreatedAt => one.created_at.cmp(&other.created_at),
            OrderBy::UpdatedAt => one.updated_at.cmp(&other.updated_at),
            OrderBy::Status => one.fields.status.code().cmp(&other.fields.status.code()),
            OrderBy::Sticky => one.fields.sticky.cmp(&other.fields.sticky),
        };
        let name = |service: &Service| service.fields.name.to_lowercase();
        order
            .then_with(|| name(one).cmp(&name(other)))
            .then_with(|| one.id.cmp(&other.id))
    }
}

/// The ids of a comma list.
///
/// # Errors
/// [`ProblemKind::BadParameter`](opencity_kernel::ProblemKind::BadParameter).
pub fn ids<K>(query: &Parameters, name: &str) -> Result<Vec<Id<K>>, Problem> {
    query.parameter(name).map_or_else(
        || Ok(Vec::new()),
        |list| {
            let parts = list
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty());
            parts
                .map(|part| {
                    part.parse()
                        .map_err(|_| Problem::bad_parameter(name, "UUIDs joined by commas"))
                })
                .collect()
        },
    )
}

fn flag(query: &Parameters, name: &str) -> Result<Option<bool>, Problem> {
    match query
        .parameter(name)
        .map(str::to_ascii_lowercase)
        .as_deref()
    {
        None => Ok(None),
        Some("1" | "true") => Ok(Some(true)),
        Some("0" | "false") => Ok(Some(false)),
        Some(_) => Err(Problem::bad_parameter(name, "true or false")),
    }
}

fn order(query: &Parameters) -> Result<OrderBy, Problem> {
    match query.parameter("order_by") {
        None | Some("name") => Ok(OrderBy::Name),
        Some("created_at" | "createdAt") => Ok(OrderBy::CreatedAt),
        Some("updated_at" | "updatedAt") => Ok(OrderBy::UpdatedAt),
        Some("status") => Ok(OrderBy::Status),
        Some("sticky") => Ok(OrderBy::Sticky),
        Some(_) => Err(Problem::bad_parameter(
            "order_by",
            "name, created_at, updated_at, status or sticky",
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::service::ServiceFields;
    use opencity_kernel::id::ServiceId;
    use opencity_kernel::instant::Instant;

    fn service(name: &str, change: impl FnOnce(&mut ServiceFields)) -> Service {
        let mut fields = ServiceFields {
            name: name.to_owned(),
            status: ServiceStatus::Published,
            ..ServiceFields::default()
        };
        change(&mut fields);
        let at = Instant::from_unix(0);
        Service {
            id: ServiceId::random(),
            fields,
            version: 1,
            created_at: at,
            updated_at: at,
        }
    }

    fn filter(query: &str, administrator: bool) -> Result<ServiceFilter, Problem> {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let pairs = pairs
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        ServiceFilter::of(&Parameters(pairs), administrator, 100)
    }

    fn names(query: &str, services: &[Service]) -> Vec<String> {
        let shown = filter(query, false).unwrap().apply(services.to_vec());
        shown
            .into_iter()
            .map(|service| service.fields.name)
            .collect()
    }

    #[test]
    fn the_public_never_lists_hidden_and_private_services_whatever_it_asks_for() {
        let services = [
            service("hidden", |s| s.status = ServiceStatus::Hidden),
            service("private", |s| s.status = ServiceStatus::Private),
            service("published", |_| {}),
            service("suspended", |s| s.status = ServiceStatus::Suspended),
        ];
        for query in ["", "status=0", "status=3", "status=nonsense"] {
            assert_eq!(
                names(query, &services),
                ["published", "suspended"],
                "{query}"
            );
        }
        assert_eq!(names("status=2", &services), ["suspended"]);
        assert_eq!(
            filter("status=0", true)
                .unwrap()
                .apply(services.to_vec())
                .len(),
            1
        );
    }

    #[test]
    fn filters_hold_together() {
        let (category, recipient, office) = (TermId::new(), TermId::new(), OfficeId::new());
        let services = [
            service("both", |s| {
                s.topics_id = Some(category);
                s.recipients_id = vec![recipient];
                s.user_group_ids = vec![office];
            }),
            service("category only", |s| s.topics_id = Some(category)),
            service("none", |_| {}),
        ];
        assert_eq!(
            names(&format!("topics_id={category}"), &services),
            ["both", "category only"]
        );
        assert_eq!(
            names(
                &format!("topics_id={category}&recipient_id={recipient}"),
                &services
            ),
            ["both"]
        );
        assert_eq!(
            names(
                &format!("user_group_ids={},{office}", OfficeId::new()),
                &services
            ),
            ["both"]
        );
        assert_eq!(
            names(&format!("topics_id={}", TermId::new()), &services),
            [""; 0]
        );
        assert_eq!(names("q=CATEGORY", &services), ["category only"]);
    }

    #[test]
    fn the_order_ignores_case_and_can_be_turned() {
        let services = [
            service("beta", |s| s.sticky = true),
            service("Alfa", |_| {}),
            service("gamma", |_| {}),
        ];
        assert_eq!(names("", &services), ["Alfa", "beta", "gamma"]);
        assert_eq!(
            names("ascending=false&limit=2", &services),
            ["gamma", "beta"]
        );
        assert_eq!(
            names("order_by=sticky&ascending=false&limit=1", &services),
            ["beta"]
        );
        assert_eq!(names("sticky=false", &services), ["Alfa", "gamma"]);
    }

    #[test]
    fn services_outside_of_groups_can_be_asked_for() {
        let services = [
            service("in", |s| s.service_group_id = Some(GroupId::random())),
            service("out", |_| {}),
        ];
        assert_eq!(names("grouped=false", &services), ["out"]);
        assert_eq!(names("grouped=true", &services), ["in", "out"]);
    }

    #[test]
    fn a_parameter_that_is_no_id_or_order_is_refused() {
        for query in [
            "topics_id=x",
            "service_group_id=x",
            "order_by=colour",
            "sticky=perhaps",
            "limit=0",
            "user_group_ids=1,2",
        ] {
            assert!(filter(query, false).is_err(), "{query}");
        }
    }
}
