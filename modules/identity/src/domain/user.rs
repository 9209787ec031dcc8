//! Users of every kind.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{NaiveDate, TimeZone};
use opencity_contracts::user::{Address, User as UserEvent, UserEventReason, UserRole};
use opencity_kernel::FieldProblem;
use opencity_kernel::id::{OfficeId, ServiceId, UserId};
use opencity_kernel::instant::Instant;
use opencity_kernel::tax_code::{FiscalCode, TestBodies};

/// What a user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UserKind {
    /// A citizen.
    #[default]
    Citizen,
    /// An operator of the body.
    Operator,
    /// An administrator of the body.
    Administrator,
    /// An administrator of the platform.
    Platform,
}

impl UserKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [
        Self::Citizen,
        Self::Operator,
        Self::Administrator,
        Self::Platform,
    ];

    /// `role` on the wire and in the database.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Citizen => "user",
            Self::Operator => "operator",
            Self::Administrator => "admin",
            Self::Platform => "platform",
        }
    }

    /// The kind of a `role`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Whether he works for the body or the platform.
    #[must_use]
    pub fn is_staff(self) -> bool {
        self != Self::Citizen
    }

    /// `roles` of his token (`core-api.md` §2). An administrator is no operator.
    #[must_use]
    pub fn roles(self) -> &'static [&'static str] {
        match self {
            Self::Citizen => &["ROLE_USER", "ROLE_CPS_USER"],
            Self::Operator => &["ROLE_USER", "ROLE_OPERATORE"],
            Self::Administrator => &["ROLE_USER", "ROLE_ADMIN"],
            Self::Platform => &["ROLE_USER", "ROLE_PLATFORM_ADMIN"],
        }
    }

    fn event_role(self) -> UserRole {
        match self {
            Self::Citizen => UserRole::User,
            Self::Operator => UserRole::Operator,
            Self::Administrator => UserRole::Admin,
            Self::Platform => UserRole::Platform,
        }
    }
}

/// A citizen, operator or administrator.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct User {
    pub id: UserId,
    pub kind: UserKind,
    /// Of operators and administrators: unique in the body, whatever its case.
    pub username: Option<String>,
    pub enabled: bool,
    /// An operator for integrations by API.
    pub system_user: bool,
    /// A citizen of whom nobody knows who he is.
    pub anonymous: bool,
    /// Of citizens: upper case.
    pub tax_code: Option<String>,
    pub spid_code: Option<String>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub email: Option<String>,
    pub mobile_phone: Option<String>,
    pub telephone: Option<String>,
    pub gender: Option<String>,
    /// Midnight in Italy of the day.
    pub date_of_birth: Option<Instant>,
    pub place_of_birth: Option<String>,
    /// Cadastral code of the place of birth.
    pub birth_code: Option<String>,
    pub county_of_birth: Option<String>,
    pub country_of_birth: Option<String>,
    pub domicile: Address,
    pub residency: Address,
    /// Services whose applications an operator works.
    pub enabled_services: BTreeSet<ServiceId>,
    /// Offices that an operator is a member of.
    pub offices: BTreeSet<OfficeId>,
    /// Ids of the same citizen that follow from fiscal codes corrected since.
    pub aliases: BTreeSet<UserId>,
    pub last_login_at: Option<Instant>,
    /// Counts changes, from 1.
    pub version: i64,
    pub created_at: Instant,
    pub updated_at: Instant,
}

impl User {
    /// Somebody of whom only the kind is known.
    #[must_use]
    pub fn new(id: UserId, kind: UserKind, now: Instant) -> Self {
        Self {
            id,
            kind,
            username: None,
            enabled: true,
            system_user: false,
            anonymous: false,
            tax_code: None,
            spid_code: None,
            given_name: None,
            family_name: None,
            email: None,
            mobile_phone: None,
            telephone: None,
            gender: None,
            date_of_birth: None,
            place_of_birth: None,
            birth_code: None,
            county_of_birth: None,
            country_of_birth: None,
            domicile: Address::default(),
            residency: Address::default(),
            enabled_services: BTreeSet::new(),
            offices: BTreeSet::new(),
            aliases: BTreeSet::new(),
            last_login_at: None,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// Name and surname.
    #[must_use]
    pub fn full_name(&self) -> Option<String> {
        let parts: Vec<&str> = [&self.given_name, &self.family_name]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }

    /// `username` of the token.
    #[must_use]
    pub fn login_name(&self) -> String {
        self.username
            .clone()
            .or_else(|| self.tax_code.clone())
            .unwrap_or_else(|| self.id.to_string())
    }

    /// Whether an operator or administrator has been away so long that he is refused.
    pub(crate) fn is_inactive(&self, password_set: Instant, now: Instant, days: u64) -> bool {
        let last_seen = self
            .last_login_at
            .unwrap_or(self.created_at)
            .max(password_set);
        days > 0
            && self.kind.is_staff()
            && now.since(last_seen) > Duration::from_secs(days * 86_400)
    }

    /// Whether rights differ: what the security log tells.
    pub(crate) fn same_rights(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.enabled == other.enabled
            && self.system_user == other.system_user
            && self.enabled_services == other.enabled_services
            && self.offices == other.offices
    }

    /// As the event tells him. A deleted one keeps nothing but his id and role.
    pub(crate) fn to_event(&self, reason: UserEventReason) -> UserEvent {
        let bare = UserEvent {
            id: self.id.uuid(),
            role: self.kind.event_role(),
            event_reason: reason,
            created_at: self.created_at.into(),
            updated_at: self.updated_at.into(),
            ..UserEvent::default()
        };
        if reason == UserEventReason::Deleted {
            return bare;
        }
        let staff = self.kind.is_staff();
        UserEvent {
            username: self.username.clone(),
            tax_code: self.tax_code.clone(),
            aliases: self.aliases.iter().map(|id| id.uuid()).collect(),
            spid_code: self.spid_code.clone(),
            given_name: self.given_name.clone(),
            family_name: self.family_name.clone(),
            full_name: self.full_name(),
            gender: self.gender.clone(),
            date_of_birth: self.date_of_birth.map(Into::into),
            place_of_birth: self.place_of_birth.clone(),
            county_of_birth: self.county_of_birth.clone(),
            country_of_birth: self.country_of_birth.clone(),
            email: self.email.clone(),
            mobile_phone: self.mobile_phone.clone(),
            telephone: self.telephone.clone(),
            domicile: self.domicile.clone(),
            residency: self.residency.clone(),
            enabled: staff.then_some(self.enabled),
            roles: if staff {
                self.kind
                    .roles()
                    .iter()
                    .map(|role| (*role).to_owned())
                    .collect()
            } else {
                Vec::new()
            },
            system_user: staff.then_some(self.system_user),
            enabled_services_ids: self.enabled_services.iter().map(|id| id.uuid()).collect(),
            user_groups_ids: self.offices.iter().map(|id| id.uuid()).collect(),
            ..bare
        }
    }
}

/// The address that the API shows for a citizen who gave none (`core-model.md` §8): nobody can be written to there.
pub(crate) fn placeholder_mail(id: UserId, anonymous: bool) -> String {
    let domain = if anonymous {
        "anonymous.fake.email.tld"
    } else {
        "cps.didnt.have.my.email.tld"
    };
    format!("{id}@{domain}")
}

/// A day, as `1980-01-31` or as a time with offset: midnight in Italy.
pub(crate) fn date_of(text: &str) -> Option<Instant> {
    if let Ok(day) = NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d") {
        let midnight = chrono_tz::Europe::Rome
            .from_local_datetime(&day.and_hms_opt(0, 0, 0)?)
            .earliest()?;
        return Some(Instant::from_utc(midnight.to_utc()));
    }
    Instant::parse(text.trim()).ok()
}

/// What of a user is not valid; `before` is what he was, whose fiscal code is not checked again.
pub(crate) fn faults(
    user: &User,
    before: Option<&User>,
    test_bodies: TestBodies,
) -> Vec<FieldProblem> {
    let mut faults = Vec::new();
    let mut fault = |field: &str, code: &str, message: &str| {
        faults.push(FieldProblem {
            field: field.to_owned(),
            code: code.to_owned(),
            message: message.to_owned(),
        });
    };
    if !user.anonymous {
        for (field, value) in [
            ("given_name", &user.given_name),
            ("family_name", &user.family_name),
        ] {
            if value.is_none() && before.is_none() {
                fault(field, "required", "Give this field a value.");
            }
        }
    }
    let texts = [
        ("given_name", &user.given_name),
        ("family_name", &user.family_name),
        ("username", &user.username),
        ("email", &user.email),
        ("mobile_phone", &user.mobile_phone),
        ("telephone", &user.telephone),
        ("gender", &user.gender),
        ("spid_code", &user.spid_code),
        ("place_of_birth", &user.place_of_birth),
        ("birth_code", &user.birth_code),
        ("county_of_birth", &user.county_of_birth),
        ("country_of_birth", &user.country_of_birth),
    ];
    for (field, value) in texts {
        if value
            .as_ref()
            .is_some_and(|text| text.chars().count() > 180)
        {
            fault(field, "length", "Give at most 180 characters.");
        }
    }
    for (field, address) in [("domicile", &user.domicile), ("residency", &user.residency)] {
        let parts = [
            ("address", &address.address),
            ("country", &address.country),
            ("county", &address.county),
            ("municipality", &address.municipality),
            ("post_code", &address.post_code),
        ];
        for (part, value) in parts {
            if value
                .as_ref()
                .is_some_and(|text| text.chars().count() > 255)
            {
                fault(
                    &format!("{field}.{part}"),
                    "length",
                    "Give at most 255 characters.",
                );
            }
        }
    }
    if user.kind.is_staff() {
        match user.username.as_deref() {
            None => fault("username", "required", "Give this field a value."),
            Some(name) if name.chars().any(|c| c.is_whitespace() || c.is_control()) => {
                fault("username", "pattern", "Give a name without blanks.");
            }
            Some(_) => {}
        }
    } else if !user.anonymous {
        let unchanged = before.is_some_and(|before| before.tax_code == user.tax_code);
        match user.tax_code.as_deref() {
            None if before.is_none_or(|before| before.tax_code.is_some()) => {
                fault("tax_code", "required", "Give this field a value.");
            }
            Some(code) if !unchanged && FiscalCode::parse(code, test_bodies).is_err() => {
                fault(
                    "tax_code",
                    "check",
                    "Give a fiscal code of 16 characters or 11 digits; compare it with the health card.",
                );
            }
            _ => {}
        }
    }
    faults.extend(FieldProblem::unless_email("email", user.email.as_deref()));
    faults
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn citizen(code: &str) -> User {
        let mut user = User::new(UserId::new(), UserKind::Citizen, Instant::from_unix(0));
        user.given_name = Some("Mario".to_owned());
        user.family_name = Some("Rossi".to_owned());
        user.tax_code = Some(code.to_owned());
        user
    }

    fn fields(faults: &[FieldProblem]) -> Vec<&str> {
        faults.iter().map(|fault| fault.field.as_str()).collect()
    }

    #[test]
    fn a_wrong_check_character_is_refused_where_a_person_enters_it() {
        assert!(faults(&citizen("RSSMRA80A01H501U"), None, TestBodies::Refused).is_empty());
        assert_eq!(
            fields(&faults(
                &citizen("RSSMRA80A01H501X"),
                None,
                TestBodies::Refused
            )),
            ["tax_code"]
        );
        let known = citizen("RSSMRA80A01H501X");
        assert!(
            faults(&known, Some(&known), TestBodies::Refused).is_empty(),
            "a code that came by an event stays"
        );
    }

    #[test]
    fn test_bodies_are_taken_in_the_demo_only() {
        assert_eq!(
            fields(&faults(&citizen("77777777777"), None, TestBodies::Refused)),
            ["tax_code"]
        );
        assert!(faults(&citizen("77777777777"), None, TestBodies::Accepted).is_empty());
    }

    #[test]
    fn a_deleted_user_leaves_only_id_and_role() {
        let mut user = citizen("RSSMRA80A01H501U");
        user.email = Some("mario@example.org".to_owned());
        let text = serde_json::to_string(&user.to_event(UserEventReason::Deleted)).unwrap();
        assert!(
            !text.contains("RSSMRA") && !text.contains("Mario") && !text.contains("mario@"),
            "{text}"
        );
    }

    #[test]
    fn a_day_is_midnight_in_italy() {
        assert_eq!(
            date_of("1980-01-01").unwrap().to_wire(),
            "1980-01-01T00:00:00+01:00"
        );
        assert_eq!(
            date_of("1992-08-14").unwrap().to_wire(),
            "1992-08-14T00:00:00+02:00"
        );
        assert_eq!(date_of("14/08/1992"), None);
    }

    #[test]
    fn staff_that_was_away_too_long_is_refused_until_a_new_password() {
        let day = 86_400;
        let mut admin = User::new(
            UserId::new(),
            UserKind::Administrator,
            Instant::from_unix(0),
        );
        let (early, late) = (Instant::from_unix(0), Instant::from_unix(546 * day));
        assert!(admin.is_inactive(early, late, 545));
        assert!(!admin.is_inactive(early, late, 0));
        assert!(!admin.is_inactive(Instant::from_unix(500 * day), late, 545));
        admin.last_login_at = Some(Instant::from_unix(100 * day));
        assert!(!admin.is_inactive(early, late, 545));
    }
}
