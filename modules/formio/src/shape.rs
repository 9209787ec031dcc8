//! The shape of a form's data: which places are objects, arrays or nested forms.

use std::collections::HashMap;

use crate::schema::{Component, Kind};

#[derive(Debug, Clone)]
pub(crate) enum Shape {
    /// An object of fields: the form itself, a container, part of a dotted key.
    Object(HashMap<String, Shape>),
    /// A nested form: its fields stand under `data`.
    Nested(HashMap<String, Shape>),
    /// An array whose elements all have one shape.
    Array(Box<Shape>),
    /// An object whose keys are option values, which may look like numbers or contain dots.
    Options,
    /// Anything else.
    Leaf,
}

impl Shape {
    pub fn of(components: &[Component]) -> Self {
        let mut fields = HashMap::new();
        add_all(&mut fields, components);
        Self::Object(fields)
    }

    /// The shape at one step of a path, in Form.io's form or with the `data` of nested forms left out.
    /// `next` is the step after, which tells a nested form's wrapper from a field that is called `data`.
    pub fn child(&self, segment: &str, next: Option<&str>) -> Option<&Self> {
        match self {
            Self::Object(fields) => fields.get(segment),
            Self::Nested(fields) if segment == "data" => match (fields.get("data"), next) {
                (None, _) => Some(self),
                (Some(_), Some(next)) if fields.contains_key(next) => Some(self),
                (own, _) => own,
            },
            Self::Nested(fields) => fields.get(segment),
            Self::Array(item) => segment
                .bytes()
                .all(|b| b.is_ascii_digit())
                .then_some(&**item),
            Self::Options | Self::Leaf => None,
        }
    }
}

fn add_all(fields: &mut HashMap<String, Shape>, components: &[Component]) {
    for component in components {
        match component.kind {
            Kind::Layout => add_all(fields, &component.children),
            Kind::Static => {}
            _ => add(fields, &component.segments, component),
        }
    }
}

fn add(fields: &mut HashMap<String, Shape>, segments: &[String], component: &Component) {
    let Some((first, rest)) = segments.split_first() else {
        return;
    };
    if rest.is_empty() {
        let new = shape_of(component);
        match (fields.get_mut(first), new) {
            // Two components with one key: their fields live side by side.
            (Some(Shape::Object(old)), Shape::Object(new))
            | (Some(Shape::Nested(old)), Shape::Nested(new)) => {
                for (key, shape) in new {
                    old.entry(key).or_insert(shape);
                }
            }
            (None | Some(Shape::Leaf), new) => {
                fields.insert(first.clone(), new);
            }
            _ => {}
        }
    } else {
        let entry = fields
            .entry(first.clone())
            .or_insert_with(|| Shape::Object(HashMap::new()));
        if let Shape::Object(inner) | Shape::Nested(inner) = entry {
            add(inner, rest, component);
        }
    }
}

fn shape_of(component: &Component) -> Shape {
    let inner = || {
        let mut fields = HashMap::new();
        add_all(&mut fields, &component.children);
        fields
    };
    match component.kind {
        Kind::Container => Shape::Object(inner()),
        Kind::NestedForm => Shape::Nested(inner()),
        Kind::Grid => Shape::Array(Box::new(Shape::Object(inner()))),
        Kind::SelectBoxes => Shape::Options,
        // A file may come as one object or as an array of them, so its own keys decide.
        Kind::File => Shape::Leaf,
        _ if component.multiple => Shape::Array(Box::new(Shape::Leaf)),
        _ => Shape::Leaf,
    }
}
