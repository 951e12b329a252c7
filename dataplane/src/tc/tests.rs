mod bucket;
mod key;
mod plan;
mod queue;
