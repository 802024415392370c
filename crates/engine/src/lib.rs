//! Model and inputs to effects; kernel state as desired state.
