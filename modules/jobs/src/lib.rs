//! Asynchronous processes: request, progress, outcome.
