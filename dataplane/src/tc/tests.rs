mod bucket;
mod key;
mod plan;
mod queue;
mod tokens;
mod tree;
