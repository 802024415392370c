//! Numbers of objects that no core knows.

base::ids! {
    /// A place in [`Model::bfd`](crate::Model::bfd).
    BfdId;
}
