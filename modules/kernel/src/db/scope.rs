//! The only ways to a query. A scope belongs to one tenant, and every query made through it
//! starts from that tenant's rows; what runs across tenants has a type of its own.
//!
//! ```
//! use diesel::prelude::*;
//! use opencity_kernel::db::{DbResult, TenantScope};
//! diesel::table! {
//!     use opencity_kernel::db::sql::*;
//!     notes (id) { id -> Integer, tenant_id -> Id, }
//! }
//! opencity_kernel::tenant_tables!(notes);
//! fn ids(scope: &mut TenantScope<'_>) -> DbResult<Vec<i32>> {
//!     scope.load(notes::table, |rows| rows.select(notes::id))
//! }
//! ```
//!
//! A table that is not marked as a tenant's cannot be reached:
//!
//! ```compile_fail,E0277
//! use diesel::prelude::*;
//! use opencity_kernel::db::{DbResult, TenantScope};
//! diesel::table! { notes (id) { id -> Integer, } }
//! fn ids(scope: &mut TenantScope<'_>) -> DbResult<Vec<i32>> {
//!     scope.load(notes::table, |rows| rows.select(notes::id))
//! }
//! ```
//!
//! Nor can a table without a tenant be marked:
//!
//! ```compile_fail,E0425
//! diesel::table! { notes (id) { id -> Integer, } }
//! opencity_kernel::tenant_tables!(notes);
//! ```
//!
//! A connection is not to be had, and a scope is not to be made:
//!
//! ```compile_fail,E0603
//! use opencity_kernel::db::AnyConnection;
//! ```
//!
//! ```compile_fail,E0624
//! fn forge(tenant: opencity_kernel::id::TenantId) -> opencity_kernel::db::Tenancy {
//!     opencity_kernel::db::Tenancy::new(tenant)
//! }
//! ```

use std::ops::{Deref, DerefMut};

use diesel::connection::TransactionManager;
use diesel::prelude::*;
use diesel::query_builder::InsertStatement;

use super::after::AfterCommit;
use super::connection::{AnyConnection, ReadQuery, WriteStatement};
use super::error::{DbError, DbResult};
use crate::events::{self, NewEvent};
use crate::id::{TenantId, TraceId};
use crate::module::ModuleInfo;

/// Proof that work is done for one tenant. It comes from an authenticated request, from an
/// event, or from a row that names its tenant; never from a caller's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tenancy(TenantId);

impl Tenancy {
    pub(crate) fn new(tenant: TenantId) -> Self {
        Self(tenant)
    }

    /// The tenancy of a row that was read across tenants (a task's due work, a public link)
    /// or that the installation's own configuration names (the demo).
    #[must_use]
    pub fn from_row(tenant: TenantId) -> Self {
        Self(tenant)
    }

    /// The tenant.
    #[must_use]
    pub fn tenant_id(self) -> TenantId {
        self.0
    }
}

/// A table whose every row belongs to a tenant. Made by [`tenant_tables!`](crate::tenant_tables).
pub trait TenantTable: Table {
    /// The query for one tenant's rows.
    type Scoped;
    /// The rows of this tenant.
    fn scoped(tenant: TenantId) -> Self::Scoped;
}

/// A row to insert that names its tenant, or several. Made by [`tenant_rows!`](crate::tenant_rows).
pub trait TenantRow {
    /// Whether this tenant is the one that it names.
    fn is_of(&self, tenant: TenantId) -> bool;
}

impl<R: TenantRow + ?Sized> TenantRow for &R {
    fn is_of(&self, tenant: TenantId) -> bool {
        (*self).is_of(tenant)
    }
}

impl<R: TenantRow> TenantRow for [R] {
    fn is_of(&self, tenant: TenantId) -> bool {
        self.iter().all(|row| row.is_of(tenant))
    }
}

/// Marks tables as belonging to tenants: each needs a column `tenant_id`.
#[macro_export]
macro_rules! tenant_tables {
    ($($table:ident),* $(,)?) => {$(
        impl $crate::db::TenantTable for $table::table {
            type Scoped = diesel::dsl::Filter<
                $table::table,
                diesel::dsl::Eq<$table::tenant_id, $crate::id::TenantId>,
            >;
            fn scoped(tenant: $crate::id::TenantId) -> Self::Scoped {
                use diesel::{ExpressionMethods as _, QueryDsl as _};
                $table::table.filter($table::tenant_id.eq(tenant))
            }
        }
    )*};
}

/// Marks insertable rows as belonging to tenants: each needs a field `tenant_id`.
#[macro_export]
macro_rules! tenant_rows {
    ($($row:ty),* $(,)?) => {$(
        impl $crate::db::TenantRow for $row {
            fn is_of(&self, tenant: $crate::id::TenantId) -> bool {
                self.tenant_id == tenant
            }
        }
    )*};
}

/// Reading, for one tenant.
pub struct TenantScope<'c> {
    pub(crate) connection: &'c mut AnyConnection,
    tenancy: Tenancy,
}

impl<'c> TenantScope<'c> {
    pub(crate) fn new(connection: &'c mut AnyConnection, tenancy: Tenancy) -> Self {
        Self {
            connection,
            tenancy,
        }
    }

    /// Whose rows these are.
    #[must_use]
    pub fn tenancy(&self) -> Tenancy {
        self.tenancy
    }

    /// The tenant.
    #[must_use]
    pub fn tenant_id(&self) -> TenantId {
        self.tenancy.tenant_id()
    }

    /// All rows of a query that starts from this tenant's rows of `table`.
    ///
    /// # Errors
    /// If the database refuses or a row cannot be read.
    pub fn load<'q, T, Q, U>(
        &mut self,
        _table: T,
        query: impl FnOnce(T::Scoped) -> Q,
    ) -> DbResult<Vec<U>>
    where
        T: TenantTable,
        Q: ReadQuery<'q, U>,
    {
        Ok(query(T::scoped(self.tenant_id())).rows(self.connection)?)
    }

    /// The first row of a query that starts from this tenant's rows of `table`.
    ///
    /// # Errors
    /// If the database refuses or the row cannot be read.
    pub fn find<'q, T, Q, U>(
        &mut self,
        table: T,
        query: impl FnOnce(T::Scoped) -> Q,
    ) -> DbResult<Option<U>>
    where
        T: TenantTable,
        Q: ReadQuery<'q, U>,
    {
        Ok(self.load(table, query)?.into_iter().next())
    }

    /// As [`find`](Self::find), for a row that must be there.
    ///
    /// # Errors
    /// [`DbError::NotFound`] if it is not.
    pub fn get<'q, T, Q, U>(&mut self, table: T, query: impl FnOnce(T::Scoped) -> Q) -> DbResult<U>
    where
        T: TenantTable,
        Q: ReadQuery<'q, U>,
    {
        self.find(table, query)?.ok_or(DbError::NotFound)
    }
}

/// Reading and writing for one tenant, inside one transaction.
pub struct WriteScope<'c> {
    scope: TenantScope<'c>,
    module: ModuleInfo,
    trace: Option<TraceId>,
    pub(crate) after: AfterCommit,
}

impl<'c> Deref for WriteScope<'c> {
    type Target = TenantScope<'c>;
    fn deref(&self) -> &Self::Target {
        &self.scope
    }
}
impl DerefMut for WriteScope<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.scope
    }
}

impl<'c> WriteScope<'c> {
    pub(crate) fn new(
        connection: &'c mut AnyConnection,
        tenancy: Tenancy,
        module: ModuleInfo,
        trace: Option<TraceId>,
    ) -> Self {
        Self {
            scope: TenantScope::new(connection, tenancy),
            module,
            trace,
            after: AfterCommit::default(),
        }
    }

    /// The module that writes.
    #[must_use]
    pub fn module(&self) -> ModuleInfo {
        self.module
    }

    /// Inserts a row of this tenant.
    ///
    /// # Errors
    /// [`DbError::Duplicate`] if a unique constraint refuses it (the transaction is then over on
    /// PostgreSQL: see [`insert_if_absent`](Self::insert_if_absent)), [`DbError::ForeignTenant`].
    pub fn insert<T, V>(&mut self, table: T, row: V) -> DbResult<()>
    where
        T: TenantTable,
        V: Insertable<T> + TenantRow,
        InsertStatement<T, V::Values>: WriteStatement,
    {
        if !row.is_of(self.tenant_id()) {
            return Err(DbError::ForeignTenant);
        }
        diesel::insert_into(table)
            .values(row)
            .perform(self.scope.connection)?;
        Ok(())
    }

    /// Inserts a slice of rows of this tenant: on PostgreSQL in one statement, which takes 65,535 values.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub fn insert_all<T, V>(&mut self, table: T, rows: V) -> DbResult<()>
    where
        T: TenantTable,
        V: Insertable<T> + TenantRow,
        InsertStatement<T, V::Values>: WriteStatement,
    {
        if !rows.is_of(self.tenant_id()) {
            return Err(DbError::ForeignTenant);
        }
        diesel::insert_into(table)
            .values(rows)
            .perform(self.scope.connection)?;
        Ok(())
    }

    /// Inserts a row of this tenant unless a unique constraint holds one already; says whether
    /// it was inserted.
    ///
    /// # Errors
    /// As [`insert`](Self::insert), but for [`DbError::Duplicate`].
    pub fn insert_if_absent<T, V>(&mut self, table: T, row: V) -> DbResult<bool>
    where
        T: TenantTable,
        V: Insertable<T> + TenantRow,
        InsertStatement<T, V::Values>: WriteStatement,
    {
        match self.savepoint(|scope| scope.insert(table, row)) {
            Ok(()) => Ok(true),
            Err(DbError::Duplicate(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Runs an update or a deletion that starts from this tenant's rows of `table`; the number
    /// of rows that it touched.
    ///
    /// # Errors
    /// If the database refuses.
    pub fn execute<T, Q>(
        &mut self,
        _table: T,
        statement: impl FnOnce(T::Scoped) -> Q,
    ) -> DbResult<usize>
    where
        T: TenantTable,
        Q: WriteStatement,
    {
        Ok(statement(T::scoped(self.scope.tenant_id())).perform(self.scope.connection)?)
    }

    /// As [`execute`](Self::execute), for a statement that must touch a row: the usual form is
    /// an update that names the version it read.
    ///
    /// # Errors
    /// [`DbError::Conflict`] if it touches none.
    pub fn execute_one<T, Q>(
        &mut self,
        table: T,
        statement: impl FnOnce(T::Scoped) -> Q,
    ) -> DbResult<()>
    where
        T: TenantTable,
        Q: WriteStatement,
    {
        match self.execute(table, statement)? {
            0 => Err(DbError::Conflict),
            _ => Ok(()),
        }
    }

    /// Writes an event with the change of state that it tells, in the same transaction. The
    /// aggregate's own row must have been written before, so that its lock orders the events.
    ///
    /// # Errors
    /// If the database refuses.
    pub fn emit(&mut self, event: NewEvent) -> DbResult<crate::id::EventId> {
        let tenant = self.tenant_id();
        let id = events::log::append(
            self.scope.connection,
            self.module,
            self.trace,
            tenant,
            event,
        )?;
        self.after.emitted = true;
        Ok(id)
    }

    /// Does this once the transaction is committed, and never if it is undone: waking the task that sees to
    /// what was written. It must be short and cannot fail.
    pub fn after_commit(&mut self, hook: impl FnOnce() + Send + 'static) {
        self.after.add(hook);
    }

    /// Goes on for another tenant in the same transaction, for the stated reason: a platform
    /// administrator makes or changes a tenant whose rows are that tenant's own.
    ///
    /// # Errors
    /// The work's own.
    pub fn within<R, E>(
        &mut self,
        _reason: &'static str,
        tenancy: Tenancy,
        work: impl FnOnce(&mut WriteScope<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        let mut scope = WriteScope::new(self.scope.connection, tenancy, self.module, self.trace);
        let result = work(&mut scope);
        self.after.append(scope.after);
        result
    }

    /// Does work that may fail without ending the transaction: on an error, what it wrote is undone.
    ///
    /// # Errors
    /// The work's own, or the database's.
    pub fn savepoint<R, E: From<DbError>>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<R, E>,
    ) -> Result<R, E> {
        savepoint(self.scope.connection)?;
        let mark = self.after.mark();
        match work(self) {
            Ok(value) => {
                release(self.scope.connection)?;
                Ok(value)
            }
            Err(error) => {
                self.after.back_to(mark);
                rollback(self.scope.connection)?;
                Err(error)
            }
        }
    }
}

type Manager = <AnyConnection as Connection>::TransactionManager;

pub(crate) fn savepoint(connection: &mut AnyConnection) -> DbResult<()> {
    Ok(Manager::begin_transaction(connection)?)
}
pub(crate) fn release(connection: &mut AnyConnection) -> DbResult<()> {
    Ok(Manager::commit_transaction(connection)?)
}
pub(crate) fn rollback(connection: &mut AnyConnection) -> DbResult<()> {
    Ok(Manager::rollback_transaction(connection)?)
}

/// Reading and writing across tenants: due work of a task, a public link that names a row, the
/// platform administrator's own resources. Each use states its reason.
pub struct PlatformScope<'c> {
    pub(crate) connection: &'c mut AnyConnection,
    module: ModuleInfo,
    trace: Option<TraceId>,
    pub(crate) after: AfterCommit,
}

impl<'c> PlatformScope<'c> {
    pub(crate) fn new(
        connection: &'c mut AnyConnection,
        module: ModuleInfo,
        trace: Option<TraceId>,
    ) -> Self {
        Self {
            connection,
            module,
            trace,
            after: AfterCommit::default(),
        }
    }

    /// All rows of a query.
    ///
    /// # Errors
    /// If the database refuses or a row cannot be read.
    pub fn load<'q, Q, U>(&mut self, query: Q) -> DbResult<Vec<U>>
    where
        Q: ReadQuery<'q, U>,
    {
        Ok(query.rows(self.connection)?)
    }

    /// The first row of a query.
    ///
    /// # Errors
    /// If the database refuses or the row cannot be read.
    pub fn find<'q, Q, U>(&mut self, query: Q) -> DbResult<Option<U>>
    where
        Q: ReadQuery<'q, U>,
    {
        Ok(self.load(query)?.into_iter().next())
    }

    /// Runs a statement; the number of rows that it touched.
    ///
    /// # Errors
    /// If the database refuses.
    pub fn execute<Q>(&mut self, statement: Q) -> DbResult<usize>
    where
        Q: WriteStatement,
    {
        Ok(statement.perform(self.connection)?)
    }

    /// Goes on for one tenant.
    ///
    /// # Errors
    /// The work's own.
    pub fn within<R, E>(
        &mut self,
        tenancy: Tenancy,
        work: impl FnOnce(&mut WriteScope<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        let mut scope = WriteScope::new(self.connection, tenancy, self.module, self.trace);
        let result = work(&mut scope);
        self.after.append(scope.after);
        result
    }
}
