//! Parsed forms, kept in memory: a version of a form never changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use opencity_formio::Form;
use opencity_kernel::db::{DbError, DbResult, TenantScope};
use opencity_kernel::id::{FormId, TenantId};

use crate::store::replica;

/// Forms kept at once; beyond it, the memory is emptied.
const MOST: usize = 256;

type Key = (TenantId, FormId, i32);

/// The forms that were parsed. Cheap to clone.
#[derive(Clone, Default)]
pub struct Forms(Arc<Mutex<HashMap<Key, Arc<Form>>>>);

impl Forms {
    /// A version of a form; `None` if it has not arrived here.
    ///
    /// # Errors
    /// If the database refuses, or the stored schema is no form.
    pub fn get(
        &self,
        scope: &mut TenantScope<'_>,
        id: FormId,
        version: i32,
    ) -> DbResult<Option<Arc<Form>>> {
        let key = (scope.tenant_id(), id, version);
        let known = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned();
        if known.is_some() {
            return Ok(known);
        }
        let Some(schema) = replica::form_schema(scope, id, version)? else {
            return Ok(None);
        };
        let form = Form::parse(&schema).map_err(|_| DbError::malformed("a form cannot be read"))?;
        let form = Arc::new(form);
        let mut forms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if forms.len() >= MOST {
            forms.clear();
        }
        forms.insert(key, Arc::clone(&form));
        Ok(Some(form))
    }

    /// The newest version of a form.
    ///
    /// # Errors
    /// As [`Forms::get`].
    pub fn newest(
        &self,
        scope: &mut TenantScope<'_>,
        id: FormId,
    ) -> DbResult<Option<(i32, Arc<Form>)>> {
        let Some(version) = replica::newest_form(scope, id)? else {
            return Ok(None);
        };
        Ok(self.get(scope, id, version)?.map(|form| (version, form)))
    }
}
