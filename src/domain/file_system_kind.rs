//! File system types.

use serde::{Deserialize, Serialize};

/// The type of a file system, as far as limits and wording depend on it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum FileSystemKind {
    /// FSx for Windows File Server.
    Windows,
    /// FSx for Lustre.
    Lustre,
    /// FSx for OpenZFS.
    OpenZfs,
    /// FSx for NetApp ONTAP.
    Ontap,
    /// A type that this version does not know; it counts in the shared lane of the first three.
    Other,
}

impl FileSystemKind {
    /// AWS's name, as in `FileSystemType`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Windows => "WINDOWS",
            Self::Lustre => "LUSTRE",
            Self::OpenZfs => "OPENZFS",
            Self::Ontap => "ONTAP",
            Self::Other => "OTHER",
        }
    }

    /// Parses AWS's name.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text {
            "WINDOWS" => Self::Windows,
            "LUSTRE" => Self::Lustre,
            "OPENZFS" => Self::OpenZfs,
            "ONTAP" => Self::Ontap,
            _ => Self::Other,
        }
    }
}
