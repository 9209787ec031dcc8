//! What the module listens to.

use async_trait::async_trait;
use opencity_contracts::UserGroup;
use opencity_kernel::db::WriteScope;
use opencity_kernel::events::{Consumer, Event, HandleError, Next, OrderingKey, Topic};

use crate::store::offices;

/// Keeps which category and place each office names, so that neither is removed from under it.
pub struct Offices;

#[async_trait]
impl Consumer for Offices {
    fn name(&self) -> &'static str {
        "services.offices"
    }

    fn topics(&self) -> &'static [Topic] {
        &[Topic::UserGroups]
    }

    fn ordering_key(&self, _event: &Event) -> OrderingKey {
        OrderingKey::None
    }

    fn handle(&self, scope: &mut WriteScope<'_>, event: &Event) -> Result<Next, HandleError> {
        let office: UserGroup = event.body()?;
        let gone = event.change_type() == "deleted";
        let kept = offices::keep(scope, &office, event.aggregate_version, gone)?;
        Ok(if kept { Next::Done } else { Next::Nothing })
    }
}
