//! The two databases.

pub use opencity_testing::Store;

/// Tests that hold on both databases.
#[macro_export]
macro_rules! on_both_databases {
    ($($(#[$doc:meta])* async fn $name:ident($store:ident) $body:block)*) => {
        $($(#[$doc])* async fn $name($store: $crate::world::Store) $body)*
        mod on_sqlite {
            $(#[actix_web::test]
            async fn $name() { super::$name($crate::world::Store::Sqlite).await; })*
        }
        mod on_postgres {
            $(#[actix_web::test]
            async fn $name() { super::$name($crate::world::Store::Postgres).await; })*
        }
    };
}
