//! What a transaction leaves to be done once it is committed.

type Hook = Box<dyn FnOnce() + Send>;

/// Collected while a transaction does its work; carried out when its commit is durable, dropped when it is not.
#[derive(Default)]
pub(crate) struct AfterCommit {
    /// Events were written: whoever reads the log is woken.
    pub emitted: bool,
    hooks: Vec<Hook>,
}

/// A place in what was collected, to go back to when a savepoint is undone.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    emitted: bool,
    hooks: usize,
}

impl AfterCommit {
    pub(crate) fn add(&mut self, hook: impl FnOnce() + Send + 'static) {
        self.hooks.push(Box::new(hook));
    }

    pub(crate) fn append(&mut self, other: Self) {
        self.emitted |= other.emitted;
        self.hooks.extend(other.hooks);
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark {
            emitted: self.emitted,
            hooks: self.hooks.len(),
        }
    }

    pub(crate) fn back_to(&mut self, mark: Mark) {
        self.emitted = mark.emitted;
        self.hooks.truncate(mark.hooks);
    }

    /// The transaction is committed.
    pub(crate) fn carry_out(self) {
        self.hooks.into_iter().for_each(|hook| hook());
    }
}
