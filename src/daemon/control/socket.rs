//! The socket file: who may open it, and which process owns it.
//!
//! Anyone who can open it can pause backups and confirm deletions, so its mode must at no moment be wider than
//! intended. And the path can be left over from a dead daemon, or be in use by a running one, which must not lose its
//! socket to a second daemon started by mistake.

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixListener;

/// Owner and group may read and write, and so give orders.
const MODE: u32 = 0o660;
/// How often to try to lock the socket's folder; the lock is held only briefly.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// A running process listens on it.
    #[error(
        "another process listens on {}; stop it first, or give this daemon another `control` in [daemon]",
        path.display()
    )]
    Taken {
        /// The path of the socket.
        path: PathBuf,
    },
    /// The path is not a socket, and is not touched.
    #[error("{} is not a socket; move it away, or set another `control` in [daemon]", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The socket cannot be created there.
    #[error("no control socket at {}: {problem}", path.display())]
    Unusable {
        /// The path of the socket.
        path: PathBuf,
        /// The reason, and what to do.
        problem: String,
    },
}

/// A bound socket. Dropping this removes the file, unless another process has replaced it.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.identity);
        if ours {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Binds a socket at `path`, open to its owner and group. One left by a dead process is replaced.
///
/// # Errors
/// A running process listens there, or the socket cannot be created.
pub async fn bind(path: &Path) -> Result<(UnixListener, SocketFile), SocketError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let unusable = |error: io::Error| SocketError::Unusable { path: path.to_owned(), problem: advice(&error, folder) };
    // Two daemons that start at the same time take turns; the second finds the first one's socket in use.
    let locked = lock(folder).await.map_err(unusable)?;
    check_free(path).await?;
    let placed = place(path, folder).map_err(unusable);
    drop(locked);
    placed
}

async fn lock(folder: &Path) -> io::Result<File> {
    let file = File::open(folder)?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_PAUSE).await,
        }
    }
    Err(io::Error::new(ErrorKind::WouldBlock, "another process holds a lock on the directory"))
}

/// Checks that no running process listens at `path`.
async fn check_free(path: &Path) -> Result<(), SocketError> {
    match fs::symlink_metadata(path) {
        Err(_) => return Ok(()),
        Ok(found) if !found.file_type().is_socket() => return Err(SocketError::NotASocket { path: path.to_owned() }),
        Ok(_) => {}
    }
    match tokio::net::UnixStream::connect(path).await {
        // Nobody listens: its process is dead.
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) => Ok(()),
        // Also if it may not be opened or its queue is full: another process owns it.
        _ => Err(SocketError::Taken { path: path.to_owned() }),
    }
}

/// Creates the socket where nobody else can reach it, sets its mode there, and moves it to its path atomically.
fn place(path: &Path, folder: &Path) -> io::Result<(UnixListener, SocketFile)> {
    let private = folder.join(format!(".{}", std::process::id()));
    // A process with this id may have been killed right here.
    let _ = fs::remove_dir_all(&private);
    DirBuilder::new().mode(0o700).create(&private)?;
    let made = private.join("s");
    let placed = (|| {
        let listener = UnixListener::bind(&made)?;
        fs::set_permissions(&made, Permissions::from_mode(MODE))?;
        let found = fs::symlink_metadata(&made)?;
        fs::rename(&made, path)?;
        let file = SocketFile { path: path.to_owned(), identity: (found.dev(), found.ino()) };
        Ok((listener, file))
    })();
    let _ = fs::remove_dir_all(&private);
    placed
}

fn advice(error: &io::Error, folder: &Path) -> String {
    let folder = folder.display();
    match error.kind() {
        ErrorKind::NotFound => format!(
            "there is no directory {folder}; systemd makes it (`RuntimeDirectory=lifeboat`); else make it, or set another `control` in [daemon]"
        ),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            format!(
                "{folder} may not be written ({error}); give the service's user write access, or set another `control` in [daemon]"
            )
        }
        _ => error.to_string(),
    }
}
