//! Bundles: written, read, refused.
