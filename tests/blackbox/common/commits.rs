//! How many transactions have changed a database, as the database itself counts them.

use std::path::PathBuf;

use super::{Database, Platform};

/// Counts from when it was made; the platform must not run then.
///
/// - SQLite notes in the header of its WAL index how often the database was changed: a number of four bytes in the machine's
///   order, at the eighth byte of the `-shm` file (<https://www.sqlite.org/walformat.html>, section 2.1). It begins at zero when
///   the first connection opens the file.
/// - PostgreSQL's own statistics (`xact_commit`) count every reading as well, and its transaction ids every savepoint. So a trigger on
///   each table notes the transaction that has changed a row of it; what is rolled back takes its note with it.
pub enum Commits {
    Sqlite(PathBuf),
    Postgres(Box<Database>),
}

const NOTE_EACH: &str = "
    CREATE SCHEMA counted;
    CREATE TABLE counted.change (id xid8 PRIMARY KEY);
    CREATE FUNCTION counted.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO counted.change VALUES (pg_current_xact_id()) ON CONFLICT DO NOTHING;
        RETURN NULL;
    END $$;
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
            EXECUTE format('CREATE TRIGGER counted AFTER INSERT OR UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION counted.note()', name);
        END LOOP;
    END $$";

impl Commits {
    /// Begins to count.
    pub fn of(platform: &Platform) -> Self {
        match platform.database() {
            Database::Sqlite(_) => Self::Sqlite(platform.data_dir().join("opencity.sqlite-shm")),
            mut database => {
                database.run(NOTE_EACH);
                Self::Postgres(Box::new(database))
            }
        }
    }

    /// Transactions so far that have changed something; the platform runs.
    pub fn count(&mut self) -> u64 {
        match self {
            Self::Sqlite(index) => {
                let header = std::fs::read(index).unwrap();
                u64::from(u32::from_ne_bytes(header[8..12].try_into().unwrap()))
            }
            Self::Postgres(database) => database
                .number("SELECT count(*) FROM counted.change")
                .try_into()
                .unwrap(),
        }
    }
}
