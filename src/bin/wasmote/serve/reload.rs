//! Loading apps, and loading them anew when their files change. One that does not load leaves the one before in place.

use crate::serve::{
    app::{self, Common},
    manifest::{App, Manifest},
    metrics::Metrics,
    server::{Served, Server, Table},
};
use anyhow::Result;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

/// How often files are looked at.
const INTERVAL: Duration = Duration::from_millis(250);

/// Which file it was: enough to tell that another is in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    bytes: u64,
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some(Stamp { modified: metadata.modified().ok()?, bytes: metadata.len() })
}

/// An app as it was loaded.
struct Loaded {
    app: App,
    stamp: Option<Stamp>,
    served: Arc<Served>,
}

/// Knows what was loaded from where.
pub struct Watcher {
    common: Common,
    metrics: Arc<Metrics>,
    loaded: Vec<Loaded>,
}

impl Watcher {
    pub fn new(common: Common, metrics: Arc<Metrics>) -> Self {
        Self { common, metrics, loaded: Vec::new() }
    }

    /// Loads all apps for the first time.
    ///
    /// # Errors
    ///
    /// When one does not load.
    pub fn load(&mut self, manifest: &Manifest) -> Result<Table> {
        for app in &manifest.apps {
            // Asked before it is read: what changes meanwhile is then loaded again.
            let stamp = stamp(&app.program);
            let served = app::load(app, &self.common, self.metrics.app(&app.name))?;
            self.loaded.push(Loaded { app: app.clone(), stamp, served: Arc::new(served) });
        }
        table(&self.loaded)
    }

    /// Looks at the files over and over.
    pub async fn watch(
        mut self,
        file: PathBuf,
        mut read: impl Fn() -> Result<Manifest> + Send + 'static,
        server: Arc<Server>,
    ) {
        let mut manifest_stamp = stamp(&file);
        loop {
            tokio::time::sleep(INTERVAL).await;
            let now = stamp(&file);
            let is_same = |loaded: &Loaded| stamp(&loaded.app.program) == loaded.stamp;
            if now == manifest_stamp && self.loaded.iter().all(is_same) {
                continue;
            }
            // Whoever writes a file may not be done: it has to stay as it is for a while.
            tokio::time::sleep(INTERVAL).await;
            if stamp(&file) != now {
                continue;
            }
            let all = now != manifest_stamp;
            manifest_stamp = now;
            // Loading takes the processor for a while, which is not for a thread that serves.
            let loading = tokio::task::spawn_blocking(move || {
                let again = self.again(&read, all);
                (self, read, again)
            });
            let Ok((watcher, next, again)) = loading.await else {
                server
                    .log
                    .error("the thread that loads programs failed: changes are not looked for any more");
                return;
            };
            (self, read) = (watcher, next);
            match again {
                Ok(table) => server.set_table(table),
                Err(error) => server.log.error(&format!("nothing has changed: {error:#}")),
            }
        }
    }

    /// Loads what has changed, or `all`.
    fn again(&mut self, read: &impl Fn() -> Result<Manifest>, all: bool) -> Result<Table> {
        let manifest = read()?;
        let mut loaded = Vec::new();
        for app in &manifest.apps {
            let known = self.loaded.iter().find(|known| known.app.name == app.name);
            let stamp = stamp(&app.program);
            let unchanged = |known: &&Loaded| !all && known.stamp == stamp;
            let served = match known.filter(unchanged) {
                Some(known) => known.served.clone(),
                None => self.one(app, known)?,
            };
            loaded.push(Loaded { app: app.clone(), stamp, served });
        }
        let table = table(&loaded)?;
        self.loaded = loaded;
        Ok(table)
    }

    /// Loads an app that has changed; if it does not load, the one before stays.
    fn one(&self, app: &App, known: Option<&Loaded>) -> Result<Arc<Served>> {
        let metrics = self.metrics.app(&app.name);
        let log = &self.common.log;
        match app::load(app, &self.common, metrics.clone()) {
            Ok(served) => {
                metrics.reloaded(true);
                log.event(&format!("app `{}` was loaded anew", app.name));
                Ok(Arc::new(served))
            }
            Err(error) => {
                metrics.reloaded(false);
                let Some(known) = known else { return Err(error) };
                log.error(&format!("app `{}` stays as it was: {error:#}", app.name));
                Ok(known.served.clone())
            }
        }
    }
}

fn table(loaded: &[Loaded]) -> Result<Table> {
    let routes = loaded
        .iter()
        .flat_map(|loaded| loaded.app.routes.iter().map(|route| (route.clone(), loaded.served.clone())));
    Table::new(routes).map_err(anyhow::Error::msg)
}
