//! The columns of a service's applications: what every application has, then the union of the fields of the versions of its forms.

use diesel::prelude::*;
use opencity_contracts::service::Service;
use opencity_formio::{Field, Form, Kind};
use opencity_kernel::db::{DbError, DbResult, TenantScope};
use opencity_kernel::id::{FormId, ServiceId};
use opencity_kernel::instant::Instant;
use serde_json::Value;

use crate::aggregate::Aggregate;
use crate::api::create::form_of;
use crate::store::replica;
use crate::store::schema::applications_application as t;

/// Versions of a form read at a time.
const VERSIONS: i64 = 20;

/// What a cell holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Empty,
    /// A text.
    Text(String),
    /// A number, in decimal.
    Number(String),
}

impl Cell {
    fn text(text: Option<impl Into<String>>) -> Self {
        text.map_or(Self::Empty, |text| Self::Text(text.into()))
    }

    fn time(at: Option<Instant>) -> Self {
        Self::text(at.map(Instant::to_wire))
    }

    /// The cell of a value of a form: lists and choices become one text.
    #[must_use]
    pub fn of(value: Option<&Value>) -> Self {
        match value {
            None | Some(Value::Null) => Self::Empty,
            Some(Value::Number(number)) => Self::Number(number.to_string()),
            Some(value) => Self::Text(readable(value)),
        }
    }
}

/// A value as people read it.
fn readable(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(readable).collect();
            items.join("; ")
        }
        Value::Object(map) if !map.is_empty() && map.values().all(Value::is_boolean) => {
            let chosen = map.iter().filter(|(_, on)| **on == Value::Bool(true));
            let chosen: Vec<&str> = chosen.map(|(name, _)| name.as_str()).collect();
            chosen.join("; ")
        }
        Value::Object(map) => {
            // A file, a chosen option, a place: by the name that they show.
            let names = ["originalName", "label", "display_name", "name"];
            let name = names.iter().find_map(|name| map.get(*name)?.as_str());
            name.map_or_else(|| value.to_string(), str::to_owned)
        }
        other => other.to_string(),
    }
}

/// What every application has.
const COMMON: [&str; 17] = [
    "id",
    "external_id",
    "service",
    "status",
    "status_name",
    "subject",
    "user",
    "user_name",
    "created_at",
    "submitted_at",
    "latest_status_change_at",
    "updated_at",
    "protocol_number",
    "protocolled_at",
    "outcome",
    "user_group_id",
    "operator_id",
];

fn common(aggregate: &Aggregate) -> DbResult<[Cell; COMMON.len()]> {
    let row = &aggregate.row;
    let state = row.state()?;
    let source = aggregate.details.source.as_ref();
    let external = source.map(|source| &source.external_id);
    Ok([
        Cell::Text(row.id.to_string()),
        Cell::text(external.or(row.external_id.as_ref()).cloned()),
        Cell::Text(aggregate.service.slug.clone()),
        Cell::Number(row.status.to_string()),
        Cell::text(Some(state.status_name())),
        Cell::text(row.subject.clone()),
        Cell::Text(row.user_id.to_string()),
        Cell::text(row.user_name.clone()),
        Cell::time(Some(row.created_at)),
        Cell::time(row.submitted_at),
        Cell::time(Some(row.status_changed_at)),
        Cell::time(Some(row.updated_at)),
        Cell::text(row.protocol_number.clone()),
        Cell::time(row.protocolled_at),
        Cell::text(row.outcome.map(|accepted| accepted.to_string())),
        Cell::text(row.office_id.map(|office| office.to_string())),
        Cell::text(row.operator_id.map(|operator| operator.to_string())),
    ])
}

/// A field of a form.
#[derive(Debug, Clone)]
struct Column {
    path: String,
    label: String,
}

/// A grid: a table of its own.
#[derive(Debug, Clone)]
pub struct Grid {
    /// Its place in the data.
    pub path: String,
    /// What people call it.
    pub label: String,
    columns: Vec<Column>,
}

/// The columns of a service's applications.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    fields: Vec<Column>,
    /// Its grids.
    pub grids: Vec<Grid>,
}

#[cfg(test)]
impl Columns {
    /// Of a form with one grid.
    pub fn with_grid(path: &str, label: &str) -> Self {
        Self {
            grids: vec![Grid {
                path: path.to_owned(),
                label: label.to_owned(),
                columns: Vec::new(),
            }],
            ..Self::default()
        }
    }
}

impl Columns {
    /// Reads all versions of the service's form, newest first, then those of the forms that its applications were written on before.
    ///
    /// # Errors
    /// If the database refuses, or a stored schema is no form.
    pub fn of(scope: &mut TenantScope<'_>, service: &Service) -> DbResult<Self> {
        let id = ServiceId::from_uuid(service.id);
        let used: Vec<Option<FormId>> = scope.load(t::table, |rows| {
            rows.filter(t::service_id.eq(id))
                .filter(t::form_id.is_not_null())
                .select(t::form_id)
                .distinct()
        })?;
        let present = form_of(service);
        let mut forms: Vec<FormId> = used.into_iter().flatten().collect();
        forms.retain(|form| Some(*form) != present);
        forms.sort_unstable_by(|one, other| other.cmp(one));
        let mut columns = Self::default();
        for form in present.into_iter().chain(forms) {
            columns.add_versions(scope, form)?;
        }
        Ok(columns)
    }

    fn add_versions(&mut self, scope: &mut TenantScope<'_>, form: FormId) -> DbResult<()> {
        let mut below = None;
        loop {
            let versions = replica::form_versions(scope, form, below, VERSIONS)?;
            let Some((last, _)) = versions.last() else {
                return Ok(());
            };
            below = Some(*last);
            for (_, schema) in &versions {
                let form =
                    Form::parse(schema).map_err(|_| DbError::malformed("a form cannot be read"))?;
                self.add(&form);
            }
        }
    }

    fn add(&mut self, form: &Form) {
        let fields = form.fields();
        for grid in fields
            .iter()
            .filter(|field| field.kind == Kind::Grid && !field.in_grid)
        {
            if !self.grids.iter().any(|known| known.path == grid.path) {
                self.grids.push(Grid {
                    path: grid.path.to_owned(),
                    label: grid.label.to_owned(),
                    columns: Vec::new(),
                });
            }
        }
        for field in &fields {
            let columns = if field.in_grid {
                // The rows of a grid in a grid are one cell of the outer one.
                let inner = fields.iter().any(|other| {
                    other.kind == Kind::Grid && other.in_grid && within(other.path, field.path)
                });
                let outer = self
                    .grids
                    .iter_mut()
                    .find(|grid| within(&grid.path, field.path));
                match outer {
                    Some(grid) if !inner => &mut grid.columns,
                    _ => continue,
                }
            } else if field.kind == Kind::Grid {
                continue;
            } else {
                &mut self.fields
            };
            if !columns.iter().any(|known| known.path == field.path) {
                columns.push(column(field));
            }
        }
    }

    /// The head of the table.
    #[must_use]
    pub fn head(&self) -> Vec<Cell> {
        let common = COMMON.map(|name| Cell::text(Some(name)));
        common.into_iter().chain(heads(&self.fields)).collect()
    }

    /// The row of an application.
    ///
    /// # Errors
    /// If what is stored is malformed.
    pub fn row(&self, aggregate: &Aggregate) -> DbResult<Vec<Cell>> {
        let own = self
            .fields
            .iter()
            .map(|column| Cell::of(at(&aggregate.data, &column.path)));
        Ok(common(aggregate)?.into_iter().chain(own).collect())
    }
}

impl Grid {
    /// The head of the table.
    #[must_use]
    pub fn head(&self) -> Vec<Cell> {
        let own = ["application_id", "row"].map(|name| Cell::text(Some(name)));
        own.into_iter().chain(heads(&self.columns)).collect()
    }

    /// The rows of an application, numbered from 1.
    pub fn rows<'a>(&'a self, aggregate: &'a Aggregate) -> impl Iterator<Item = Vec<Cell>> + 'a {
        let rows = at(&aggregate.data, &self.path).and_then(Value::as_array);
        let rows = rows.map(Vec::as_slice).unwrap_or_default();
        (1..).zip(rows).map(|(number, row): (usize, _)| {
            let own = [
                Cell::Text(aggregate.row.id.to_string()),
                Cell::Number(number.to_string()),
            ];
            let values = self.columns.iter().map(|column| {
                let path = column.path.strip_prefix(&self.path).unwrap_or_default();
                Cell::of(at(row, path.trim_start_matches('.')))
            });
            own.into_iter().chain(values).collect()
        })
    }
}

fn column(field: &Field<'_>) -> Column {
    Column {
        path: field.path.to_owned(),
        label: field.label.to_owned(),
    }
}

/// The labels; one that another column has too, or none, comes with the field's path.
fn heads(columns: &[Column]) -> impl Iterator<Item = Cell> {
    columns.iter().map(|column| {
        let same = columns.iter().filter(|other| other.label == column.label);
        Cell::Text(match (column.label.as_str(), same.count()) {
            ("", _) => column.path.clone(),
            (label, 1) => label.to_owned(),
            (label, _) => format!("{label} ({})", column.path),
        })
    })
}

fn within(outer: &str, path: &str) -> bool {
    path.strip_prefix(outer)
        .is_some_and(|rest| rest.starts_with('.'))
}

fn at<'a>(data: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(data, |value, key| value.get(key))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn form(fields: Value) -> Form {
        Form::parse(&json!({"components": fields})).unwrap()
    }

    fn labels(cells: impl Iterator<Item = Cell>) -> Vec<String> {
        cells
            .map(|cell| match cell {
                Cell::Text(text) => text,
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn the_columns_are_the_union_of_the_versions_and_same_labels_are_told_apart() {
        let newest = form(json!([
            {"type": "textfield", "key": "name", "label": "Nome"},
            {"type": "datagrid", "key": "children", "label": "Figli", "components": [
                {"type": "textfield", "key": "name", "label": "Nome"},
                {"type": "datagrid", "key": "toys", "label": "Giochi", "components": [
                    {"type": "textfield", "key": "toy", "label": "Gioco"}]}]},
            {"type": "textfield", "key": "other", "label": "Nome"},
        ]));
        let older = form(json!([
            {"type": "textfield", "key": "name", "label": "Come ti chiami"},
            {"type": "textfield", "key": "gone", "label": "Tolto"},
            {"type": "datagrid", "key": "children", "label": "Figli", "components": [
                {"type": "number", "key": "age", "label": "Età"}]},
        ]));
        let mut columns = Columns::default();
        columns.add(&newest);
        columns.add(&older);
        assert_eq!(
            labels(heads(&columns.fields)),
            ["Nome (name)", "Nome (other)", "Tolto"]
        );
        assert_eq!(columns.grids.len(), 1);
        assert_eq!(
            labels(heads(&columns.grids[0].columns)),
            ["Nome", "Giochi", "Età"]
        );
    }

    #[test]
    fn a_value_becomes_what_people_read() {
        let text = |value: Value| Cell::of(Some(&value));
        assert_eq!(text(json!("x")), Cell::Text("x".to_owned()));
        assert_eq!(text(json!(-1.50)), Cell::Number("-1.5".to_owned()));
        assert_eq!(text(json!(null)), Cell::Empty);
        assert_eq!(text(json!(true)), Cell::Text("true".to_owned()));
        assert_eq!(
            text(json!({"a": true, "b": false, "c": true})),
            Cell::Text("a; c".to_owned())
        );
        assert_eq!(
            text(json!([{"originalName": "a.pdf"}, {"originalName": "b.pdf"}])),
            Cell::Text("a.pdf; b.pdf".to_owned())
        );
        assert_eq!(
            text(json!({"label": "Verde", "value": "g"})),
            Cell::Text("Verde".to_owned())
        );
    }
}
