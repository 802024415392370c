//! Numbers that stand for places in lists.

/// Makes types for the places in lists: `ids! { /// A place in [`Config::instances`]. InstanceId; }`. Objects refer
/// to each other by these, and the compiler keeps them apart. Whoever uses it needs `serde`.
#[macro_export]
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, ::serde::Serialize, ::serde::Deserialize,
        )]
        pub struct $name(pub u32);

        impl $name {
            /// The place in the list that it numbers.
            #[must_use]
            pub fn index(self) -> usize {
                usize::try_from(self.0).unwrap_or(usize::MAX)
            }

            /// The id of place `index`; ids beyond `u32` don't exist.
            #[must_use]
            pub fn from_index(index: usize) -> Self {
                Self(u32::try_from(index).unwrap_or(u32::MAX))
            }
        }
    )*};
}
