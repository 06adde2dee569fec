//! Replaces a lost or damaged file with a new one.
//!
//! Nothing is deleted: the file at the path is moved aside, to a name with the time. At a start the new file is empty,
//! and AWS's inventory fills it. In a running process it gets everything that is in memory, in one transaction.

use super::held::HeldFile;
use super::problems::from_sqlx;
use super::{Result, SqliteStore, loading, rewriting};
use crate::domain::state::State;
use crate::domain::time::Time;
use crate::store::{StoreError, StoreProblem};
use sqlx::Connection as _;
use std::path::{Path, PathBuf};

/// A database that is ready for a daemon.
pub struct Opened {
    /// The store.
    pub store: SqliteStore,
    /// Its content.
    pub state: State,
    /// The unusable file that was found at the path, if any.
    pub replaced: Option<Renewed>,
}

/// A file that was replaced by a new one.
#[derive(Debug)]
pub struct Renewed {
    /// What was wrong with it.
    pub problem: Option<StoreError>,
    /// Where it is now; `None` if it was gone.
    pub aside: Option<PathBuf>,
}

impl SqliteStore {
    /// Opens the database and loads its content. A damaged file is moved aside and replaced by an empty one.
    ///
    /// # Errors
    /// What is wrong with the file, and what to do: it is in use, newer, another program's, or not accessible.
    pub async fn open_or_renew(path: &Path, now: Time) -> std::result::Result<Opened, StoreError> {
        let failed = |problem| StoreError { path: path.to_owned(), problem };
        let file = HeldFile::take(path).map_err(failed)?;
        let (problem, file) = match Self::open_and_load(path, file, now).await {
            Ok((store, state)) => return Ok(Opened { store, state, replaced: None }),
            Err(found) => found,
        };
        let Some(file) = file.filter(|_| matches!(problem, StoreProblem::Corrupt(_) | StoreProblem::Row { .. })) else {
            return Err(failed(problem));
        };
        let aside = Some(file.move_aside(now).map_err(failed)?);
        drop(file);
        let fresh = HeldFile::take(path).map_err(failed)?;
        let (store, state) = Self::open_and_load(path, fresh, now).await.map_err(|(problem, _)| failed(problem))?;
        Ok(Opened { store, state, replaced: Some(Renewed { problem: Some(failed(problem)), aside }) })
    }

    async fn open_and_load(
        path: &Path,
        file: HeldFile,
        now: Time,
    ) -> Result<(Self, State), (StoreProblem, Option<HeldFile>)> {
        let mut store = match Self::open_held(path, file, now).await {
            Ok(store) => store,
            Err((problem, file)) => return Err((problem, Some(file))),
        };
        match loading::load(&mut store.connection, now).await {
            Ok(state) => Ok((store, state)),
            Err(problem) => {
                let _ = store.connection.close().await;
                Err((problem, store.file))
            }
        }
    }

    /// Puts a new file at the path, with everything that is in memory, in one transaction. The file there now is moved
    /// aside.
    ///
    /// # Errors
    /// There is no new file; the open one is unchanged, and the caller may try again.
    pub async fn renew(&mut self, state: &State, now: Time) -> std::result::Result<Renewed, StoreError> {
        let done = self.try_renew(state, now).await;
        self.wrap(done)?;
        Ok(Renewed { problem: None, aside: self.aside.take() })
    }

    async fn try_renew(&mut self, state: &State, now: Time) -> Result<()> {
        if let Some(file) = self.file.as_ref().filter(|file| file.is_at_its_path()) {
            self.aside = Some(file.move_aside(now)?);
        }
        // A file locked by another lifeboat is not touched.
        let mut fresh = HeldFile::take(&self.path)?;
        if !fresh.is_empty() {
            self.aside = Some(fresh.move_aside(now)?);
            fresh = HeldFile::take(&self.path)?;
        }
        if !fresh.is_empty() {
            return Err(StoreProblem::Lost("another file has taken its place".to_owned()));
        }
        let mut store = match Self::open_held(&self.path, fresh, now).await {
            Ok(store) => store,
            Err((problem, made)) => {
                made.remove();
                return Err(problem);
            }
        };
        match write_all(&mut store, state, now).await {
            Ok(()) => {
                store.believe();
                store.aside = self.aside.take();
                let old = std::mem::replace(self, store);
                // Its file is no longer at the path, so closing it leaves the new one alone.
                let _ = old.connection.close().await;
                drop(old.file);
                Ok(())
            }
            Err(error) => {
                let _ = store.connection.close().await;
                if let Some(made) = store.file {
                    made.remove();
                }
                Err(from_sqlx(&error))
            }
        }
    }
}

async fn write_all(store: &mut SqliteStore, state: &State, now: Time) -> std::result::Result<(), sqlx::Error> {
    let mut transaction = store.connection.begin_with("BEGIN IMMEDIATE").await?;
    rewriting::write_all(&mut transaction, state, now).await?;
    transaction.commit().await
}
