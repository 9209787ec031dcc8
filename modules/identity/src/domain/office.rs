//! Offices.

use opencity_contracts::UserGroup;
use opencity_contracts::user_group::ContactPoint;
use opencity_kernel::id::{OfficeId, UserId};
use opencity_kernel::instant::Instant;
use uuid::Uuid;

/// An office (*ufficio*, user group).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Office {
    pub(crate) id: OfficeId,
    pub(crate) name: String,
    pub(crate) topic_id: Option<Uuid>,
    pub(crate) short_description: Option<String>,
    pub(crate) main_function: Option<String>,
    pub(crate) more_info: Option<String>,
    pub(crate) manager_id: Option<UserId>,
    pub(crate) contact_point: Option<ContactPoint>,
    pub(crate) location_id: Option<Uuid>,
    pub(crate) calendar_id: Option<Uuid>,
    pub(crate) version: i64,
    pub(crate) created_at: Instant,
    pub(crate) updated_at: Instant,
}

impl Office {
    /// One that has nothing but a name.
    pub(crate) fn new(id: OfficeId, name: String, now: Instant) -> Self {
        Self {
            id,
            name,
            topic_id: None,
            short_description: None,
            main_function: None,
            more_info: None,
            manager_id: None,
            contact_point: None,
            location_id: None,
            calendar_id: None,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// As the event tells it. How many services it has, only `services` knows.
    pub(crate) fn to_event(&self, users_count: u64) -> UserGroup {
        UserGroup {
            id: self.id.uuid(),
            name: self.name.clone(),
            topic_id: self.topic_id,
            short_description: self.short_description.clone(),
            main_function: self.main_function.clone(),
            more_info: self.more_info.clone(),
            manager_id: self.manager_id.map(UserId::uuid),
            users_count: Some(users_count),
            services_count: None,
            core_contact_point: self.contact_point.clone(),
            core_location_id: self.location_id,
            calendar_id: self.calendar_id,
            created_at: self.created_at.into(),
            updated_at: self.updated_at.into(),
        }
    }
}
