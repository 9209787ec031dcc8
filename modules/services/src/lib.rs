//! The catalogue of digital services and their online forms.
