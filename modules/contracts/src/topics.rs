//! stub
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic { Tenants, Users, UserGroups, RetryQueue }
pub struct EventVersion;
impl EventVersion { pub fn to_json(&self) -> serde_json::Value { 1.into() } pub fn accepts(&self, _: Option<&serde_json::Value>) -> bool { true } }
impl Topic {
    pub fn as_str(self) -> &'static str { "tenants" }
    pub fn parse(_: &str) -> Option<Self> { None }
    pub fn version(self) -> EventVersion { EventVersion }
}
