//! What every module stands on: values, database, events, HTTP, authentication; it knows no module.
