//! A test as `lockstep export --test` makes it, to see that it compiles and passes.

mod held;
